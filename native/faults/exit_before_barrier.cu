// One thread returns before the block's barrier.
#include "fault.cuh"

extern "C" __global__ void exit_before_barrier(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t] = a.in[t];
    if (t == 40) return;
    __syncthreads();
    a.out[t] = s.value[t];
}
