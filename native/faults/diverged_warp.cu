// Half of the warp shuffles here, the other half there.
#include "fault.cuh"

extern "C" __global__ void diverged_warp(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t] = a.in[t];
    if (t % 32 < 16)
        a.out[t] = __shfl_xor_sync(ALL_LANES, s.value[t], 1);
    else
        a.out[t] = __shfl_xor_sync(ALL_LANES, s.value[t], 2);
}
