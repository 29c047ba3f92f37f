// Lets the operand's place be filled again while the product is under way.
#include "hopper_fault.cuh"

extern "C" __global__ void freed_early(const __grid_constant__ HopperFaultArgs a)
{
    SHARED_MEMORY(HopperFaultShared, s);
    const int t = threadIdx.x;
    begin(s);
    float d[64];
    if (t == 0) {
        barrier_arrive_expecting(s.full, sizeof s.panel);
        tensor_load(s.panel, a.map, s.full, 0, 0);
    }
    barrier_wait(s.full, 0);
    wgmma_fence();
    wgmma(d, operand(s.panel), operand(s.panel), false);
    wgmma_commit();
    __syncthreads();
    if (t == 0) {
        barrier_arrive_expecting(s.full, sizeof s.panel);
        tensor_load(s.panel, a.map, s.full, 0, 0);
    }
    wgmma_wait<0>();
    barrier_wait(s.full, 1);
    a.out[t] = d[0];
}
