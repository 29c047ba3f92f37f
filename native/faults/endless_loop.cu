// Waits for a flag that nobody sets.
#include "fault.cuh"

extern "C" __global__ void endless_loop(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t] = a.in[t];
    while (*(const volatile float*)a.in != 0) __syncwarp();
    a.out[t] = s.value[t];
}
