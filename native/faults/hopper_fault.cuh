// The seeded faults of Hopper's own operations: 128 threads, a box of 128 rows of one panel, a number per thread.
#pragma once
#include "common/hopper.cuh"

struct HopperFaultArgs {
    TensorMap map; // (128, 64) bf16
    float* out;    // (128)
};

struct HopperFaultShared {
    PANEL_ALIGNED bf16 panel[128][PANEL];
    Barrier full, other;
};

__device__ __forceinline__ void begin(HopperFaultShared& s)
{
    if (threadIdx.x == 0) {
        barrier_initialise(s.full, 1);
        barriers_initialised();
    }
    __syncthreads();
}
