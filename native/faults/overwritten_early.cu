// The second round's values replace the first's while others may still read them: no barrier between.
#include "fault.cuh"

extern "C" __global__ void overwritten_early(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    float sum = 0;
    for (int round = 0; round < 2; round++) {
        s.value[t] = a.in[t] + round;
        __syncthreads();
        sum += s.value[(t + 33) % 64];
    }
    a.out[t] = sum;
}
