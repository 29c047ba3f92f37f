// Reads one element past the end of its input.
#include "fault.cuh"

extern "C" __global__ void load_past_buffer(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t] = a.in[t + 1];
    a.out[t] = s.value[t];
}
