// Reductions, named by who takes part. Every lane gets the result; the order of additions does not depend on timing.
#pragma once
#include "platform.cuh"

__device__ __forceinline__ float warp_sum(float x)
{
#pragma unroll
    for (int d = WARP / 2; d > 0; d /= 2) x += __shfl_xor_sync(ALL_LANES, x, d);
    return x;
}

__device__ __forceinline__ float warp_max(float x)
{
#pragma unroll
    for (int d = WARP / 2; d > 0; d /= 2) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, d));
    return x;
}

// One partial result per warp.
template <int warps> struct BlockReduction {
    float partial[warps];
};

// The barrier before the write lets the same scratch serve several sums of a block.
template <int warps> __device__ __forceinline__ float block_sum(float x, BlockReduction<warps>& scratch)
{
    x = warp_sum(x);
    __syncthreads();
    if (lane_id() == 0) scratch.partial[warp_id()] = x;
    __syncthreads();
    x = 0;
#pragma unroll
    for (int w = 0; w < warps; w++) x += scratch.partial[w];
    return x;
}

template <int warps> __device__ __forceinline__ float block_max(float x, BlockReduction<warps>& scratch)
{
    x = warp_max(x);
    __syncthreads();
    if (lane_id() == 0) scratch.partial[warp_id()] = x;
    __syncthreads();
    x = scratch.partial[0];
#pragma unroll
    for (int w = 1; w < warps; w++) x = fmaxf(x, scratch.partial[w]);
    return x;
}
