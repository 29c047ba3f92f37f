// Reads a box before it waits for it.
#include "hopper_fault.cuh"

extern "C" __global__ void early_box(const __grid_constant__ HopperFaultArgs a)
{
    SHARED_MEMORY(HopperFaultShared, s);
    const int t = threadIdx.x;
    begin(s);
    if (t == 0) {
        barrier_arrive_expecting(s.full, sizeof s.panel);
        tensor_load(s.panel, a.map, s.full, 0, 0);
    }
    __syncthreads();
    const float x = to_float(s.panel[t / 8][t % 8]);
    barrier_wait(s.full, 0);
    a.out[t] = x;
}
