// Waits at a barrier that nobody made.
#include "hopper_fault.cuh"

extern "C" __global__ void unknown_barrier(const __grid_constant__ HopperFaultArgs a)
{
    SHARED_MEMORY(HopperFaultShared, s);
    const int t = threadIdx.x;
    begin(s);
    barrier_wait(s.other, 0);
    a.out[t] = 1;
}
