// conv3d: a causal convolution over frames, rows and columns in float32 on the ordinary cores, as a product that gathers its rows
// on the way into shared memory: no padded copy, no im2col. The VAE computes in float32 whatever the model does.
//   y[p,n] = residual[p,n] + bias[n] + sum over taps (f, r, s) and channels c of
//            x[frame stride_f + f, row stride + r - before, column stride + s - before, c] w[n, ((f side + r) side + s) channels + c]
// of the frames the first zero_frames are zeros, then come those of `past` and those of the input; what lies beside one is zero.
//
// shapes    x (frames, height, width, channels), past (past_frames, height, width, channels), w (n, w_stride) with taps x channels
//           of each row used, bias (n), residual, y (out_frames, out_height, out_width, n); float32; channels, n multiples of 4
// mapping   a block per 128 pixels x 64 channels, over the taps and their channels in steps of 16 through two stages, the next
//           loaded while one is computed; a thread owns 2 x 4 pixels by 4 channels and loads 16 bytes of two pixels and of a
//           channel's weights; grid.x is along the pixels, as grid.y ends at 65,535
// traffic   per block taps x channels of 128 pixels (mostly from the first-level cache: neighbouring taps share pixels) and of 64 w
// bound     arithmetic: 2 pixels n taps channels / 60 TFLOP/s
// rounding  float32 fused multiply-adds in the order of w
// layout    a stage is depth by depth; the column of depth k is stored at column ^ (k / 4 % 4 * 8), so that the 32 stores of a
//           warp, eight pixels at four depths, fall into different banks; reads are four neighbours at a time
#include "common/vec.cuh"

constexpr int TILE_M = 128, TILE_N = 64, DEPTH = 16, THREADS = 256, WORDS = DEPTH / 4, LOADS_M = TILE_M * WORDS / THREADS;
constexpr int SIDE_N = TILE_N / 4, HALF_M = TILE_M / 2;

struct Conv3dArgs {
    const float* x;
    const float* past;     // null where past_frames is 0
    const float* w;
    const float* bias;
    const float* residual; // null: nothing to add; may be y
    float* y;
    i64 w_stride;          // floats from a channel's weights to the next's
    int pixels;            // of y
    int n;                 // channels of y
    int channels;
    int height;
    int width;
    int past_frames;
    int out_height;
    int out_width;
    int frames;            // of the kernel
    int side;              // rows and columns of the kernel
    int frame_stride;
    int stride;
    int before;            // zero rows above and columns to the left
    int zero_frames;
};

struct Conv3dShared {
    float x[2][DEPTH][TILE_M];
    float w[2][DEPTH][TILE_N];
};

__device__ __forceinline__ int swizzled(int k, int column) { return column ^ (k / 4 % 4 * 8); }

// A pixel of y: where its window begins.
struct Window {
    int frame, row, column;

    __device__ __forceinline__ Window(const Conv3dArgs& a, int pixel)
    {
        frame = pixel / (a.out_height * a.out_width) * a.frame_stride - a.zero_frames;
        row = pixel / a.out_width % a.out_height * a.stride - a.before;
        column = pixel % a.out_width * a.stride - a.before;
        if (pixel >= a.pixels) row = -a.side - 1; // every tap lies beside the frame
    }

    // The channels under a tap, or null where they are zero.
    __device__ __forceinline__ const float* at(const Conv3dArgs& a, int f, int r, int s) const
    {
        const int y = row + r, x = column + s, t = frame + f;
        if (t < 0 || y < 0 || y >= a.height || x < 0 || x >= a.width) return nullptr;
        const float* frames = t < a.past_frames ? a.past + (i64)t * a.height * a.width * a.channels
                                                : a.x + (i64)(t - a.past_frames) * a.height * a.width * a.channels;
        return frames + (i64)(y * a.width + x) * a.channels;
    }
};

__device__ __forceinline__ void store_column(float (*stage)[TILE_M], int k, int column, float4 v)
{
    stage[k][swizzled(k, column)] = v.x, stage[k + 1][swizzled(k, column)] = v.y;
    stage[k + 2][swizzled(k, column)] = v.z, stage[k + 3][swizzled(k, column)] = v.w;
}
__device__ __forceinline__ void store_column(float (*stage)[TILE_N], int k, int column, float4 v)
{
    stage[k][swizzled(k, column)] = v.x, stage[k + 1][swizzled(k, column)] = v.y;
    stage[k + 2][swizzled(k, column)] = v.z, stage[k + 3][swizzled(k, column)] = v.w;
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) conv3d(const __grid_constant__ Conv3dArgs a)
{
    SHARED_MEMORY(Conv3dShared, s);
    const int first_pixel = blockIdx.x * TILE_M, first_channel = blockIdx.y * TILE_N;
    const int tx = threadIdx.x % SIDE_N, ty = threadIdx.x / SIDE_N;
    const int load_row = threadIdx.x / WORDS, load_k = threadIdx.x % WORDS * 4;
    const Window low(a, first_pixel + load_row), high(a, first_pixel + load_row + HALF_M);
    const float* weights = first_channel + load_row < a.n ? a.w + (first_channel + load_row) * a.w_stride : nullptr;

    // The tap and its channels that are loaded next.
    int f = 0, r = 0, side = 0, c = load_k;
    const float *x_low = low.at(a, 0, 0, 0), *x_high = high.at(a, 0, 0, 0);
    float4 next[LOADS_M + 1];
    const float4 zero = make_float4(0, 0, 0, 0);
    const auto load = [&] {
        const bool inside = c < a.channels;
        next[0] = inside && x_low ? *reinterpret_cast<const float4*>(x_low + c) : zero;
        next[1] = inside && x_high ? *reinterpret_cast<const float4*>(x_high + c) : zero;
        next[2] = inside && weights ? *reinterpret_cast<const float4*>(weights + c) : zero;
    };
    const auto advance = [&] {
        c += DEPTH;
        if (c - load_k < a.channels) return;
        c = load_k;
        if (weights) weights += a.channels;
        if (++side == a.side) {
            side = 0;
            if (++r == a.side) r = 0, f++;
        }
        if (f < a.frames) x_low = low.at(a, f, r, side), x_high = high.at(a, f, r, side);
    };
    const auto store = [&](int stage) {
        store_column(s.x[stage], load_k, load_row, next[0]);
        store_column(s.x[stage], load_k, load_row + HALF_M, next[1]);
        store_column(s.w[stage], load_k, load_row, next[2]);
    };

    const int steps = a.frames * a.side * a.side * ceil_div(a.channels, DEPTH);
    float y[2][4][4] = {};
    load();
    store(0);
    __syncthreads();
    for (int step = 0; step < steps; step++) {
        advance();
        if (step + 1 < steps) load();
        const int stage = step % 2;
#pragma unroll
        for (int k = 0; k < DEPTH; k++) {
            Vec<float> x[2], w;
            w.load(&s.w[stage][k][swizzled(k, tx * 4)]);
#pragma unroll
            for (int half = 0; half < 2; half++) {
                x[half].load(&s.x[stage][k][swizzled(k, half * HALF_M + ty * 4)]);
#pragma unroll
                for (int i = 0; i < 4; i++)
#pragma unroll
                    for (int j = 0; j < 4; j++) y[half][i][j] += x[half].v[i] * w.v[j];
            }
        }
        // The other stage was read in the step before, which the barrier behind that step has ended for all.
        if (step + 1 < steps) store(stage ^ 1);
        __syncthreads();
    }

    const int n = first_channel + tx * 4;
    if (n >= a.n) return;
    float bias[4];
    load_floats(a.bias + n, bias);
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int pixel = first_pixel + half * HALF_M + ty * 4 + i;
            if (pixel >= a.pixels) continue;
            Vec<float> out;
#pragma unroll
            for (int j = 0; j < 4; j++) out.v[j] = y[half][i][j] + bias[j];
            if (a.residual) {
                Vec<float> residual;
                residual.load(a.residual + (i64)pixel * a.n + n);
#pragma unroll
                for (int j = 0; j < 4; j++) out.v[j] += residual.v[j];
            }
            out.store(a.y + (i64)pixel * a.n + n);
        }
}
