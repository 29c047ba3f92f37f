// Copies asynchronously, never waits.
#include "fault.cuh"

extern "C" __global__ void missing_wait(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    if (t % 4 == 0) async_copy_16(&s.value[t], a.in + t);
    async_commit();
    __syncthreads();
    a.out[t] = s.value[t];
}
