// Queues a product without a fence.
#include "hopper_fault.cuh"

extern "C" __global__ void unfenced_product(const __grid_constant__ HopperFaultArgs a)
{
    SHARED_MEMORY(HopperFaultShared, s);
    const int t = threadIdx.x;
    begin(s);
    float d[64];
    wgmma(d, operand(s.panel), operand(s.panel), false);
    wgmma_commit();
    wgmma_wait<0>();
    a.out[t] = d[0];
}
