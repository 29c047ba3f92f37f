// The seeded faults share one argument: each takes count values to count values, one per thread.
#pragma once
#include "common/async.cuh"
#include "common/reduce.cuh"

struct FaultArgs {
    float* out;
    const float* in;
    int count;
};

struct FaultShared {
    float value[64];
};
