// The device, as kernels/common/platform.cuh needs it, for the host compiler: CUDA's qualifiers, built-in variables, barriers,
// warp operations and copies. A name that is missing here is a name no kernel has used yet; add it where it belongs.
#pragma once
#include "atomics.hpp"
#include "device_math.hpp"
#include "execution.hpp"
#include "hopper.hpp"
#include "tensor_core.hpp"
#include "vector_types.hpp"
#include "warp.hpp"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __constant__ static const
#define __grid_constant__
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __align__(bytes) alignas(bytes)
#define __shared__ static_assert(false, "shared memory is one struct: SHARED_MEMORY(Type, name)");

#define threadIdx (::tuna2::here->thread)
#define blockIdx (::tuna2::here->block)
#define blockDim (::tuna2::here->block_size)
#define gridDim (::tuna2::here->grid_size)
constexpr int warpSize = 32;

#define SHARED_MEMORY(Type, name) Type& name = *static_cast<Type*>(::tuna2::shared_memory(sizeof(Type), alignof(Type)))

inline void __syncthreads(tuna2::Site site = tuna2::Site::here()) { tuna2::block_barrier("__syncthreads", false, site); }
inline int __syncthreads_count(int predicate, tuna2::Site site = tuna2::Site::here())
{
    return tuna2::block_barrier("__syncthreads_count", predicate, site);
}
inline int __syncthreads_or(int predicate, tuna2::Site site = tuna2::Site::here())
{
    return tuna2::block_barrier("__syncthreads_or", predicate, site) != 0;
}
inline int __syncthreads_and(int predicate, tuna2::Site site = tuna2::Site::here())
{
    return tuna2::block_barrier("__syncthreads_and", predicate, site) == (int)blockDim.x;
}

[[noreturn]] inline void __trap(tuna2::Site site = tuna2::Site::here()) { tuna2::fail("__trap at %s:%d", site.file, site.line); }

// kernels/common/async.cuh
inline void async_copy_16(void* shared, const void* global, bool valid = true, tuna2::Site site = tuna2::Site::here())
{
    tuna2::issue_copy(shared, global, valid, site);
}
inline void async_commit() { tuna2::commit_copies(); }
template <int groups> inline void async_wait() { tuna2::wait_copies(groups); }
