// Writes into its input.
#include "fault.cuh"

extern "C" __global__ void written_input(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t] = a.in[t];
    a.out[t] = s.value[t];
    if (t == 3) const_cast<float*>(a.in)[t] = 0;
}
