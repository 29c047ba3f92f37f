// Every block stores into the same elements; the last to run decides.
#include "fault.cuh"

extern "C" __global__ void racing_blocks(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t] = a.in[t];
    a.out[t] = s.value[t] + blockIdx.x;
}
