// Reads a word of shared memory nobody has written; fmaxf would hide a NaN.
#include "fault.cuh"

extern "C" __global__ void uninitialised_shared(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    if (t != 5) s.value[t] = a.in[t];
    __syncthreads();
    a.out[t] = fmaxf(s.value[t], 0.0f);
}
