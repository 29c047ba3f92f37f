// Lanes come to one shuffle with two masks that do not fit.
#include "fault.cuh"

extern "C" __global__ void differing_masks(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t] = a.in[t];
    const u32 mask = t % 32 < 16 ? ALL_LANES : 0xfffffff0u;
    a.out[t] = __shfl_xor_sync(mask, s.value[t], 1);
}
