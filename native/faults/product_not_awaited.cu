// Reads an accumulator before the product is there, and leaves it under way.
#include "hopper_fault.cuh"

extern "C" __global__ void product_not_awaited(const __grid_constant__ HopperFaultArgs a)
{
    SHARED_MEMORY(HopperFaultShared, s);
    const int t = threadIdx.x;
    begin(s);
    float d[64];
    wgmma_fence();
    wgmma(d, operand(s.panel), operand(s.panel), false);
    wgmma_commit();
    a.out[t] = 1;
}
