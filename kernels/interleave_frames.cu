// interleave_frames: every frame becomes two, the first half of its channels the earlier one.
//   y[(2 t + half, p), :] = x[(t, p), half words .. half words + words - 1]
//
// shapes    x (frames pixels, 2 words), y (2 frames pixels, words) of 16-byte words, whatever the elements are
// mapping   a thread per word of y
// traffic   4 frames pixels words
// bound     memory: 64 x 64 x 2048 float32: 67 MB, 16 us at 4.3 TB/s
// rounding  none: a copy
#include "common/platform.cuh"

#if !defined(BLOCK)
#error "interleave_frames.cu needs -DBLOCK=threads"
#endif

struct InterleaveFramesArgs {
    const uint4* x;
    uint4* y;
    i64 count;  // words of y
    int words;  // of a pixel of y
    int pixels; // of a frame
};

extern "C" __global__ void __launch_bounds__(BLOCK) interleave_frames(const __grid_constant__ InterleaveFramesArgs a)
{
    const u32 at = blockIdx.x * BLOCK + threadIdx.x;
    if (at >= a.count) return;
    const u32 words = a.words, pixels = a.pixels, word = at % words, row = at / words, frame = row / pixels;
    a.y[at] = a.x[(((i64)(frame / 2) * pixels + row % pixels) * 2 + frame % 2) * words + word];
}
