// average_down: a level's shortcut down in the VAE, added to what came through the level.
//   y[p,n] = main[p,n] + mean of e = n group .. n group + group - 1 of the block of pixels of p, where element e is
//            channel e / (frames side side), frame e / (side side) % frames, row e / side % side, column e % side
// Where the frames do not fill a block, zero frames stand in front and count.
//
// shapes    x (in_frames, height, width, channels), main, y (pixels, n) float32, y may be main
// mapping   a thread per 16-byte vector of y: a warp's neighbours read neighbouring channels of the same pixels
// traffic   x read, main read, y written
// bound     memory: 256 x 256 x 160 in, 128 x 128 x 160 out: 63 MB, 15 us at 4.3 TB/s
// rounding  float32, sums in the order of e
#include "common/vec.cuh"

#if !defined(BLOCK)
#error "average_down.cu needs -DBLOCK=threads"
#endif

struct AverageDownArgs {
    const float* x;
    const float* main;
    float* y;
    i64 count; // elements of y
    int n;     // a multiple of the vector
    int group;
    int channels;
    int height; // of x
    int width;
    int frames; // of a block
    int side;   // of a block
    int missing; // zero frames in front
};

extern "C" __global__ void __launch_bounds__(BLOCK) average_down(const __grid_constant__ AverageDownArgs a)
{
    constexpr int size = Vec<float>::size;
    const u32 vector = blockIdx.x * BLOCK + threadIdx.x, vectors = a.n / size;
    const i64 at = (i64)vector * size;
    if (at >= a.count) return;
    const int n = vector % vectors * size, pixel = vector / vectors, across = a.width / a.side, down = a.height / a.side;
    const int t = pixel / (across * down) * a.frames - a.missing, y = pixel / across % down * a.side, x = pixel % across * a.side;
    // Element n group of the block of pixels, and then one after the other.
    const int e = n * a.group;
    int dx = e % a.side, dy = e / a.side % a.side, dt = e / (a.side * a.side) % a.frames, channel = e / (a.side * a.side * a.frames);
    Vec<float> out;
    out.load(a.main + at);
#pragma unroll
    for (int i = 0; i < size; i++) {
        float sum = 0;
#pragma unroll 1
        for (int j = 0; j < a.group; j++) {
            if (t + dt >= 0) sum += a.x[(((i64)(t + dt) * a.height + y + dy) * a.width + x + dx) * a.channels + channel];
            if (++dx < a.side) continue;
            dx = 0;
            if (++dy < a.side) continue;
            dy = 0;
            if (++dt < a.frames) continue;
            dt = 0, channel++;
        }
        out.v[i] += sum / a.group;
    }
    out.store(a.y + at);
}
