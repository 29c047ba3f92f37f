// Stores one element past the end of its output.
#include "fault.cuh"

extern "C" __global__ void store_past_buffer(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t] = a.in[t];
    a.out[t + 1] = s.value[t];
    if (t == 0) a.out[0] = 0;
}
