// patchify: the whole vision encoder of Tuna-2 (MODEL.md 3.1, official vision/patch_embed.py): Conv2d with kernel = stride = 16
// over a planar picture, bias, RMSNorm, written straight into the rows of a span.
//   f[p,n] = bias[n] + sum_k patch[p,k] w[n,k]           k = (channel, y, x) of the 16 x 16 block
//   y[p,n] = weight[n] * f[p,n] / sqrt(mean(f[p,:]^2) + eps)
//
// shapes    pictures (slots, 3, height, width) float32, or bytes (slots, height, width, 3) that become byte / 127.5 - 1;
//           w (dim, 768) ELEMENT; bias, norm (dim) float32; y (rows, dim) ELEMENT; dim a multiple of 64
// mapping   a block per (16 patches, placement): its patches stay in shared memory, 8 warps take 64 features each in turn,
//           feature by feature over k; f goes to y unnormalised, and the block comes back for it when its sums are known
// traffic   a picture, w once per 16 patches (from the second-level cache), y written, read back and written
// bound     second-level cache: 512 x 512 bf16: 64 blocks x 5.5 MB of w = 352 MB, about 70 us at 5 TB/s for each placement (two
//           of the same picture with CFG): a five-hundredth of a step
// rounding  patches to ELEMENT (the official code casts the state), float32 sums, f to ELEMENT (a convolution's output there)
//           before its norm, y at the store
#include "common/mma.cuh"
#include "common/reduce.cuh"
#include "common/vec.cuh"

#if !defined(ELEMENT)
#error "patchify.cu needs -DELEMENT=bf16|f32"
#endif

constexpr int PATCH = 16, CHANNELS = 3, DEPTH = CHANNELS * PATCH * PATCH, PATCHES = 16, THREADS = 256, WARPS = THREADS / WARP;
constexpr int STRIDE = DEPTH + Vec<ELEMENT>::size; // an odd number of 16-byte chunks: eight rows lie in different banks

struct PatchPlacement {
    int picture;   // slot
    int first_row; // row of y of the first patch
};

struct PatchifyArgs {
    const float* pictures;
    const u8* bytes; // read instead of the pictures when not null
    const ELEMENT* w;
    const float* bias;
    const float* norm;
    ELEMENT* y;
    const PatchPlacement* places;
    int height;
    int width;
    int dim;
    float epsilon;
};

struct PatchifyShared {
    ELEMENT patches[PATCHES][STRIDE];
    float squares[WARPS][PATCHES];
};

__device__ __forceinline__ float pixel(const PatchifyArgs& a, int slot, int c, int row, int column)
{
    if (a.bytes) return a.bytes[(((i64)slot * a.height + row) * a.width + column) * CHANNELS + c] / 127.5f - 1;
    return a.pictures[(((i64)slot * CHANNELS + c) * a.height + row) * a.width + column];
}

// The features of 16 patches that a thread computes: 2 patches x 2 columns of each of eight 8-column tiles.
__device__ __forceinline__ void features(const PatchifyArgs& a, const PatchifyShared& s, int first, float (&f)[8][4], bf16)
{
    const int lane = lane_id();
    for (int k = 0; k < DEPTH; k += 16) {
        u32 x[4];
        load_matrix_x4(x, &s.patches[lane % 16][k + lane / 16 * 8]);
#pragma unroll
        for (int j = 0; j < 8; j++) {
            const ELEMENT* w = a.w + (i64)(first + j * 8 + lane / 4) * DEPTH + k + lane % 4 * 2;
            const u32 b[2] = {*reinterpret_cast<const u32*>(w), *reinterpret_cast<const u32*>(w + 8)};
            mma_16x8x16(f[j], x, b);
        }
    }
}

__device__ __forceinline__ void features(const PatchifyArgs& a, const PatchifyShared& s, int first, float (&f)[8][4], float)
{
    const int lane = lane_id();
    for (int k = 0; k < DEPTH; k += Vec<float>::size) {
        Vec<ELEMENT> low, high, w;
        low.load(&s.patches[lane / 4][k]);
        high.load(&s.patches[lane / 4 + 8][k]);
#pragma unroll
        for (int j = 0; j < 8; j++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                w.load(a.w + (i64)(first + j * 8 + lane % 4 * 2 + e) * DEPTH + k);
#pragma unroll
                for (int i = 0; i < Vec<float>::size; i++) {
                    f[j][e] += low.v[i] * w.v[i];
                    f[j][2 + e] += high.v[i] * w.v[i];
                }
            }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) patchify(const __grid_constant__ PatchifyArgs a)
{
    SHARED_MEMORY(PatchifyShared, s);
    const PatchPlacement place = a.places[blockIdx.y];
    const int across = a.width / PATCH, count = across * (a.height / PATCH), first_patch = blockIdx.x * PATCHES;
    const int warp = warp_id(), lane = lane_id();

    for (int i = threadIdx.x; i < PATCHES * DEPTH; i += THREADS) {
        const int p = first_patch + i / DEPTH, k = i % DEPTH, y = k / PATCH % PATCH, x = k % PATCH;
        const float value = p < count ? pixel(a, place.picture, k / (PATCH * PATCH), p / across * PATCH + y, p % across * PATCH + x) : 0;
        from_float(value, s.patches[i / DEPTH][k]);
    }
    __syncthreads();

    float squares[2] = {0, 0};
    for (int first = warp * 64; first < a.dim; first += WARPS * 64) {
        float f[8][4] = {};
        features(a, s, first, f, ELEMENT());
#pragma unroll
        for (int j = 0; j < 8; j++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                const int p = first_patch + lane / 4 + e / 2 * 8, n = first + j * 8 + lane % 4 * 2 + e % 2;
                const float x = rounded<ELEMENT>(f[j][e] + a.bias[n]);
                squares[e / 2] += x * x;
                if (p < count) from_float(x, a.y[(i64)(place.first_row + p) * a.dim + n]);
            }
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        squares[half] += __shfl_xor_sync(ALL_LANES, squares[half], 1);
        squares[half] += __shfl_xor_sync(ALL_LANES, squares[half], 2);
        if (lane % 4 == 0) s.squares[warp][lane / 4 + half * 8] = squares[half];
    }
    __syncthreads(); // the sums, and the block's own rows of y

    for (int p = warp; p < PATCHES && first_patch + p < count; p += WARPS) {
        float sum = 0;
        for (int w = 0; w < WARPS; w++) sum += s.squares[w][p];
        const float inverse = rsqrtf(sum / a.dim + a.epsilon);
        ELEMENT* row = a.y + (i64)(place.first_row + first_patch + p) * a.dim;
        constexpr int size = Vec<ELEMENT>::size;
        for (int n = lane * size; n < a.dim; n += WARP * size) {
            Vec<ELEMENT> x;
            float norm[size];
            x.load(row + n);
            load_floats(a.norm + n, norm);
            for (int e = 0; e < size; e++) x.v[e] = norm[e] * (x.v[e] * inverse);
            x.store(row + n);
        }
    }
}
