// channel_norm: the VAE's norm over a pixel's channels, and the SiLU that mostly follows.
//   y[p,c] = x[p,c] * sqrt(channels) / max(|x[p,:]|, 1e-12) * gamma[c]; then y / (1 + exp(-y)) where silu is asked for
//
// shapes    x, y (pixels, channels) float32, y may be x; gamma (channels)
// mapping   a warp per pixel, which keeps its channels in registers: lane l the 16-byte vectors l, l + 32, ... (VECTORS of them)
// traffic   pixels channels read and written
// bound     memory: 65536 x 256 float32 = 134 MB, 31 us at 4.3 TB/s
// rounding  float32 throughout
#include "common/math.cuh"
#include "common/reduce.cuh"
#include "common/vec.cuh"

#if !defined(BLOCK) || !defined(VECTORS)
#error "channel_norm.cu needs -DBLOCK=threads -DVECTORS=16-byte vectors per lane"
#endif

constexpr float LEAST_LENGTH = 1e-12f;

struct ChannelNormArgs {
    const float* x;
    float* y;
    const float* gamma;
    int pixels;
    int channels; // a multiple of 4, at most 128 * VECTORS
    int silu;
    int padding;
};

extern "C" __global__ void __launch_bounds__(BLOCK) channel_norm(const __grid_constant__ ChannelNormArgs a)
{
    const i64 pixel = (i64)blockIdx.x * (BLOCK / WARP) + warp_id();
    if (pixel >= a.pixels) return;
    constexpr int size = Vec<float>::size;

    Vec<float> x[VECTORS];
    float squares = 0;
#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        const int c = (lane_id() + i * WARP) * size;
        if (c >= a.channels) continue;
        x[i].load(a.x + pixel * a.channels + c);
        for (int e = 0; e < size; e++) squares += x[i].v[e] * x[i].v[e];
    }
    const float scale = sqrtf((float)a.channels) / fmaxf(sqrtf(warp_sum(squares)), LEAST_LENGTH);

#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        const int c = (lane_id() + i * WARP) * size;
        if (c >= a.channels) continue;
        float gamma[size];
        load_floats(a.gamma + c, gamma);
        for (int e = 0; e < size; e++) {
            x[i].v[e] = x[i].v[e] * scale * gamma[e];
            if (a.silu) x[i].v[e] = silu_of(x[i].v[e]);
        }
        x[i].store(a.y + pixel * a.channels + c);
    }
}
