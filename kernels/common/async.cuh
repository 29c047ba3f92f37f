// cp.async: global to shared memory, 16 bytes at a time, past the registers. A thread's copies are grouped by commit and
// waited for by how many groups may still be under way; other threads see them after a barrier.
#pragma once
#include "platform.cuh"

#ifndef TUNA2_HOST
__device__ __forceinline__ u32 shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }

// Copies 16 bytes, or writes zeros without reading when valid is false.
__device__ __forceinline__ void async_copy_16(void* shared, const void* global, bool valid = true)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(valid ? 16 : 0) : "memory");
}
__device__ __forceinline__ void async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int groups> __device__ __forceinline__ void async_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(groups) : "memory"); }
#endif
