// What every kernel stands on. The same source is compiled three ways: by NVRTC for a GPU, by nvcc for the benches, and by the
// host compiler for native/, which runs it on the CPU (TUNA2_HOST). Kernels include nothing but this folder: no toolkit headers
// are needed at run time.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#ifdef TUNA2_HOST
#include "host_device.hpp" // threadIdx, barriers, warp operations: the device's built-ins, on the CPU
#else
// A kernel's shared memory is one struct over dynamic memory, so that the launch states its size and the host runner can guard it.
#define SHARED_MEMORY(Type, name)                                                                    \
    extern __shared__ __align__(alignof(Type) > 128 ? alignof(Type) : 128) u8 shared_memory_bytes[]; \
    Type& name = *reinterpret_cast<Type*>(shared_memory_bytes)
#endif

constexpr int WARP = 32;
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif

constexpr u32 ALL_LANES = 0xffffffffu;

__device__ __forceinline__ int lane_id() { return threadIdx.x % WARP; }
__device__ __forceinline__ int warp_id() { return threadIdx.x / WARP; }

constexpr __host__ __device__ int ceil_div(int a, int b) { return (a + b - 1) / b; }
