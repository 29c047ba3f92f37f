// upsample_nearest: every pixel becomes a square of four.
//   y[(t, r, s), :] = x[(t, r / 2, s / 2), :]
//
// shapes    x (frames height width, words), y (frames 2 height 2 width, words) of 16-byte words, whatever the elements are
// mapping   a thread per word of y
// traffic   5 frames height width words
// bound     memory: 128 x 128 x 512 float32 in: 168 MB, 39 us at 4.3 TB/s
// rounding  none: a copy
#include "common/platform.cuh"

#if !defined(BLOCK)
#error "upsample_nearest.cu needs -DBLOCK=threads"
#endif

struct UpsampleNearestArgs {
    const uint4* x;
    uint4* y;
    i64 count; // words of y
    int words; // of a pixel
    int width; // of x
};

extern "C" __global__ void __launch_bounds__(BLOCK) upsample_nearest(const __grid_constant__ UpsampleNearestArgs a)
{
    const u32 at = blockIdx.x * BLOCK + threadIdx.x;
    if (at >= a.count) return;
    const u32 words = a.words, word = at % words, pixel = at / words, across = 2 * a.width;
    // Rows of all frames run on: row r of y is row r / 2 of x.
    a.y[at] = a.x[((i64)(pixel / across / 2) * a.width + pixel % across / 2) * words + word];
}
