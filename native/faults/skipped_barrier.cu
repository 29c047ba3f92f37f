// The second warp waits at another barrier than the first.
#include "fault.cuh"

extern "C" __global__ void skipped_barrier(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t] = a.in[t];
    if (t < 32) __syncthreads();
    a.out[t] = s.value[t];
    __syncthreads();
}
