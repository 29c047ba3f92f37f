// Brings a box that nobody waits for.
#include "hopper_fault.cuh"

extern "C" __global__ void unread_box(const __grid_constant__ HopperFaultArgs a)
{
    SHARED_MEMORY(HopperFaultShared, s);
    const int t = threadIdx.x;
    begin(s);
    if (t == 0) {
        barrier_arrive_expecting(s.full, sizeof s.panel);
        tensor_load(s.panel, a.map, s.full, 0, 0);
    }
    __syncthreads();
    a.out[t] = 1;
}
