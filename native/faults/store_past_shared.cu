// Stores one element past the end of its shared memory.
#include "fault.cuh"

extern "C" __global__ void store_past_shared(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t + 1] = a.in[t];
    __syncthreads();
    a.out[t] = t ? s.value[t] : 0;
}
