// Arrives at a barrier more often than a phase has arrivals.
#include "hopper_fault.cuh"

extern "C" __global__ void too_many_arrivals(const __grid_constant__ HopperFaultArgs a)
{
    SHARED_MEMORY(HopperFaultShared, s);
    const int t = threadIdx.x;
    begin(s);
    if (t < 2) barrier_arrive_expecting(s.full, 16);
    a.out[t] = 1;
}
