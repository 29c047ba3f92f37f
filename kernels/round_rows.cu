// round_rows: the input of a product of eight-bit floats, every element the nearest of E4M3 by a power of two of its row.
//   y[r,c] = scale[r] * nearest(x[r,c] / scale[r])          scale[r] brings the row's largest element into (224, 448]
// Scaling rounds nothing, and bf16 holds every result: what multiplies y in bf16 computes what a tensor core of eight-bit floats does
// on the bytes and the scales.
//
// shapes    x, y (rows, dim) bf16
// mapping   a block per row; thread t owns the 16-byte vectors t, t + BLOCK, ... and keeps them as they came (VECTORS of them)
// traffic   2 rows dim elements
// bound     memory: 2050 x 18944 bf16 = 155 MB, 36 us at 4.3 TB/s
// rounding  to E4M3, ties to even; a row with an infinity is left as it is, NaN stays NaN
#include "common/e4m3.cuh"
#include "common/reduce.cuh"
#include "common/vec.cuh"

#if !defined(BLOCK) || !defined(VECTORS)
#error "round_rows.cu needs -DBLOCK=threads -DVECTORS=16-byte vectors per thread"
#endif

struct RoundRowsArgs {
    const bf16* x;
    bf16* y;
    int dim; // a multiple of the vector, at most BLOCK * VECTORS vectors
    int padding;
};

struct RoundRowsShared {
    BlockReduction<BLOCK / WARP> reduction;
};

extern "C" __global__ void __launch_bounds__(BLOCK) round_rows(const __grid_constant__ RoundRowsArgs a)
{
    SHARED_MEMORY(RoundRowsShared, s);
    const i64 row = (i64)blockIdx.x * a.dim;
    constexpr int size = Vec<bf16>::size;

    uint4 words[VECTORS];
    float largest = 0;
#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        const int column = (threadIdx.x + i * BLOCK) * size;
        if (column >= a.dim) continue;
        words[i] = *reinterpret_cast<const uint4*>(a.x + row + column);
        const u32 pairs[4] = {words[i].x, words[i].y, words[i].z, words[i].w};
#pragma unroll
        for (int j = 0; j < 4; j++) largest = fmaxf(largest, fmaxf(fabsf(low_half(pairs[j])), fabsf(high_half(pairs[j]))));
    }
    largest = block_max(largest, s.reduction);
    const float scale = largest < INFINITY ? e4m3_scale(largest) : 1.0f;
    const float inverse = scale == 0 ? 0.0f : 1.0f / scale;

#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        const int column = (threadIdx.x + i * BLOCK) * size;
        if (column >= a.dim) continue;
        const u32 pairs[4] = {words[i].x, words[i].y, words[i].z, words[i].w};
        Vec<bf16> y;
#pragma unroll
        for (int j = 0; j < 4; j++) {
            y.v[2 * j] = low_half(pairs[j]);
            y.v[2 * j + 1] = high_half(pairs[j]);
        }
        if (largest < INFINITY)
#pragma unroll
            for (int e = 0; e < size; e++) y.v[e] = e4m3_nearest(y.v[e] * inverse) * scale;
        y.store(a.y + row + column);
    }
}
