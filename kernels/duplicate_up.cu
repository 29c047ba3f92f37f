// duplicate_up: a level's shortcut up in the VAE, added to what came through the level.
//   y[(t, r, s), n] = main[(t, r, s), n] + x[(u / frames, r / side, s / side), e / repeats]            u = t + dropped
//   e = ((n frames + u % frames) side + r % side) side + s % side
//
// shapes    x (in_frames, height, width, channels), main, y (pixels, n) float32, y may be main
// mapping   a thread per 16-byte vector of y: a warp's neighbours read neighbouring channels of one pixel
// traffic   x read, main read, y written
// bound     memory: 256 x 256 x 512 out: 302 MB, 70 us at 4.3 TB/s
// rounding  float32
#include "common/vec.cuh"

#if !defined(BLOCK)
#error "duplicate_up.cu needs -DBLOCK=threads"
#endif

struct DuplicateUpArgs {
    const float* x;
    const float* main;
    float* y;
    i64 count; // elements of y
    int n;     // a multiple of the vector
    int repeats;
    int channels;
    int height; // of x
    int width;
    int frames;  // of a block
    int side;    // of a block
    int dropped; // frames left out at the front
};

extern "C" __global__ void __launch_bounds__(BLOCK) duplicate_up(const __grid_constant__ DuplicateUpArgs a)
{
    constexpr int size = Vec<float>::size;
    const u32 vector = blockIdx.x * BLOCK + threadIdx.x, vectors = a.n / size;
    const i64 at = (i64)vector * size;
    if (at >= a.count) return;
    const int n = vector % vectors * size, pixel = vector / vectors, across = a.width * a.side, down = a.height * a.side;
    const int t = pixel / (across * down) + a.dropped, y = pixel / across % down, x = pixel % across;
    const float* from = a.x + (((i64)(t / a.frames) * a.height + y / a.side) * a.width + x / a.side) * a.channels;
    Vec<float> out;
    out.load(a.main + at);
#pragma unroll
    for (int i = 0; i < size; i++) {
        const int e = (((n + i) * a.frames + t % a.frames) * a.side + y % a.side) * a.side + x % a.side;
        out.v[i] += from[e / a.repeats];
    }
    out.store(a.y + at);
}
