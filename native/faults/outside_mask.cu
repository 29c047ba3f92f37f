// A lane reads from one that its mask does not name.
#include "fault.cuh"

extern "C" __global__ void outside_mask(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t] = a.in[t];
    a.out[t] = t % 32 < 16 ? __shfl_sync(0x0000ffffu, s.value[t], 20) : 0;
}
