// Takes a neighbour's value from shared memory without waiting for it to be there.
#include "fault.cuh"

extern "C" __global__ void missing_barrier(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t] = a.in[t];
    a.out[t] = s.value[(t + 33) % 64];
}
