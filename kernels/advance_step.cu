// advance_step: brings the tables of a run's next step to where its kernels read them, and counts on. A captured graph begins with
// it: so it serves every step, and nothing comes from the host inside the loop.
//   live = schedule[step];  step = step + 1
// A step past the last one gets the last one's tables again: a counter that runs on reads nothing it should not.
//
// shapes    schedule (steps, words), live (words) of 16-byte words; step (1) int
// mapping   one block, a word per thread and turn
// traffic   2 words x 16 bytes: some 200 bytes for a step of two branches
// bound     launch
// rounding  none: a copy
#include "common/platform.cuh"

#if !defined(BLOCK)
#error "advance_step.cu needs -DBLOCK=threads"
#endif

struct AdvanceStepArgs {
    const uint4* schedule;
    uint4* live;
    int* step; // how many were taken before
    int words; // of a step
    int steps;
};

extern "C" __global__ void __launch_bounds__(BLOCK) advance_step(const __grid_constant__ AdvanceStepArgs a)
{
    const int step = *a.step;
    const uint4* tables = a.schedule + (i64)min(step, a.steps - 1) * a.words;
    for (int i = threadIdx.x; i < a.words; i += BLOCK) a.live[i] = tables[i];
    __syncthreads(); // every thread has read the counter
    if (threadIdx.x == 0) *a.step = step + 1;
}
