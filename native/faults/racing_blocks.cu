// Blocks add to one float in whatever order they run.
#include "fault.cuh"

extern "C" __global__ void racing_blocks(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t] = a.in[t];
    if (t == 0) a.out[blockIdx.x + 1] = 0;
    if (t == 0) a.out[0] = a.out[0] * 0.5f + blockIdx.x;
}
