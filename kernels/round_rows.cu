// round_rows: the input of a product of eight-bit floats, every element the nearest of E4M3 by a power of two of its row.
//   e4m3:  y[r,c] = nearest(x[r,c] / scale[r])               scale[r] brings the row's largest element into (224, 448]
//   bf16:  y[r,c] = scale[r] * nearest(x[r,c] / scale[r])
// Scaling rounds nothing, and bf16 holds every result: what multiplies y in bf16 computes what a tensor core of eight-bit floats does
// on the bytes and the scales.
//
// shapes    x (rows, dim) bf16; y (rows, dim) OUTPUT; scales (rows) float32, of bytes alone
// mapping   a block per row; thread t owns the 16-byte vectors t, t + BLOCK, ... and keeps them as they came (VECTORS of them)
// traffic   rows dim elements read, as many written: bytes are half of them
// bound     memory: 2050 x 18944 bf16 = 155 MB, 36 us at 4.3 TB/s; to bytes 117 MB, 27 us
// rounding  to E4M3, ties to even; NaN stays NaN. A row with an infinity is left as it is, and all NaN as bytes, which have none
#include "common/e4m3.cuh"
#include "common/reduce.cuh"
#include "common/vec.cuh"

#if !defined(OUTPUT) || !defined(BLOCK) || !defined(VECTORS)
#error "round_rows.cu needs -DOUTPUT=bf16|e4m3 -DBLOCK=threads -DVECTORS=16-byte vectors per thread"
#endif

struct RoundRowsArgs {
    const bf16* x;
    OUTPUT* y;
    float* scales; // null for bf16
    int dim; // a multiple of the vector, at most BLOCK * VECTORS vectors
    int padding;
};

struct RoundRowsShared {
    BlockReduction<BLOCK / WARP> reduction;
};

__device__ __forceinline__ void store_rounded(bf16* y, float* v, float inverse, float scale, bool finite)
{
    Vec<bf16> rounded;
    for (int e = 0; e < Vec<bf16>::size; e++) rounded.v[e] = finite ? e4m3_nearest(v[e] * inverse) * scale : v[e];
    rounded.store(y);
}

__device__ __forceinline__ void store_rounded(e4m3* y, float* v, float inverse, float, bool finite)
{
    u32 words[2] = {0, 0};
    for (int e = 0; e < Vec<bf16>::size; e++) words[e / 4] |= (finite ? e4m3_byte(e4m3_nearest(v[e] * inverse)) : 0x7fu) << 8 * (e % 4);
    *reinterpret_cast<uint2*>(y) = make_uint2(words[0], words[1]);
}

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
        Vec<bf16> x;
        x.unpack(words[i]);
        store_rounded(a.y + row + column, x.v, inverse, scale, largest < INFINITY);
    }
    if (a.scales && threadIdx.x == 0) a.scales[blockIdx.x] = scale;
}
