// Copies asynchronously to an address that is not a multiple of 16.
#include "fault.cuh"

extern "C" __global__ void misaligned_copy(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    if (t == 0) async_copy_16(&s.value[1], a.in);
    async_commit();
    async_wait<0>();
    __syncthreads();
    a.out[t] = a.in[t];
}
