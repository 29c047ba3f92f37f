// Announces more bytes than it has copied: the wait never ends.
#include "hopper_fault.cuh"

extern "C" __global__ void missing_bytes(const __grid_constant__ HopperFaultArgs a)
{
    SHARED_MEMORY(HopperFaultShared, s);
    const int t = threadIdx.x;
    begin(s);
    if (t == 0) {
        barrier_arrive_expecting(s.full, 2 * sizeof s.panel);
        tensor_load(s.panel, a.map, s.full, 0, 0);
    }
    barrier_wait(s.full, 0);
    a.out[t] = to_float(s.panel[t / 8][t % 8]);
}
