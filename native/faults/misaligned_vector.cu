// Loads a float4 from an address that is not a multiple of 16.
#include "fault.cuh"

extern "C" __global__ void misaligned_vector(const __grid_constant__ FaultArgs a)
{
    SHARED_MEMORY(FaultShared, s);
    const int t = threadIdx.x;
    s.value[t] = reinterpret_cast<const float4*>(a.in + 1)[0].x;
    a.out[t] = s.value[t];
}
