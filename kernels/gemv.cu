// gemv: the linear layer for one to ROWS rows: decoding. The weight crosses device memory once and nothing else matters.
//   linear:  y[m,n] = residual[m,n] + gate[m,n] * activation(sum_k x[m,k] w[n,k] + bias[n])
//   swiglu:  y[m,n] = silu(sum_k x[m,k] w[n,k]) * sum_k x[m,k] w[N + n,k]          w holds gate rows, then up rows; no epilogue
//
// shapes    x (M, K) ELEMENT, M <= ROWS; w (N or 2N, K) as WEIGHT has it (common/weights.cuh); y (M, N) OUTPUT; K a multiple of the
//           16-byte vector of ELEMENT
// mapping   a warp per output column; lanes stride over k in 16-byte vectors, eight in flight; x comes from the caches. Of quantized
//           weights two columns side by side (swiglu: gate and up), so that x, of which a word then meets 16 or 32 elements, is
//           read and widened once for both
// traffic   N K elements of w (2 N K for swiglu)
// bound     memory: 18944 x 3584 bf16 = 136 MB, 32 us at 4.3 TB/s; int8 68 MB, int4 38 MB
// rounding  float32 products and sums: by lane, then over the lanes, int8 and fp8 then times the scale; one rounding at the store
#include "common/epilogue.cuh"
#include "common/math.cuh"
#include "common/reduce.cuh"
#include "common/vec.cuh"
#include "common/weights.cuh"

#if !defined(ELEMENT) || !defined(OUTPUT) || !defined(SWIGLU) || !defined(ACTIVATION) || !defined(WEIGHT) || !defined(ROWS)
#error "gemv.cu needs -DELEMENT=bf16|f32 -DOUTPUT=bf16|f32 -DSWIGLU=0|1 -DACTIVATION=none|gelu_tanh|gelu -DWEIGHT=stored|int8|int4|fp8 -DROWS=rows of x"
#endif

// Eight vectors a lane are a row of 3584 in two round trips, and what is left to a last wave that does not fill the chip is short. Blocks
// are small, for a product of few columns is spread evenly by them alone.
constexpr bool QUANTIZED = Weights::WEIGHT != Weights::stored;
constexpr int THREADS = 128, BLOCKS = SWIGLU || QUANTIZED ? 6 : 8, IN_FLIGHT = 8;

struct GemvArgs {
    const ELEMENT* x;
    const void* w;
    const void* scales; // or null
    OUTPUT* y;
    Epilogue<ELEMENT, Activation::ACTIVATION> epilogue;
    int m;
    int n;
    int k;
    int padding;
};

__device__ __forceinline__ void dot(const GemvArgs& a, i64 weight_row, float (&sum)[ROWS])
{
    constexpr int size = Vec<ELEMENT>::size;
    const ELEMENT* w = static_cast<const ELEMENT*>(a.w) + weight_row * a.k;
    for (int k0 = lane_id() * size; k0 < a.k; k0 += WARP * size * IN_FLIGHT) {
        uint4 v[IN_FLIGHT] = {};
#pragma unroll
        for (int i = 0; i < IN_FLIGHT; i++)
            if (k0 + i * WARP * size < a.k) v[i] = load_bytes(w + k0 + i * WARP * size);
#pragma unroll
        for (int i = 0; i < IN_FLIGHT; i++) {
            const int k = k0 + i * WARP * size;
            if (k >= a.k) break;
            Vec<ELEMENT> weights;
            weights.unpack(v[i]);
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                if (r >= a.m) break;
                Vec<ELEMENT> x;
                x.load(a.x + (i64)r * a.k + k);
                for (int e = 0; e < size; e++) sum[r] += x.v[e] * weights.v[e];
            }
        }
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) sum[r] = warp_sum(sum[r]);
}

using Word = WeightWord<ELEMENT, Weights::WEIGHT>;

// Two rows of a quantized weight, side by side.
__device__ __forceinline__ void dot_two(const GemvArgs& a, const i64 (&rows)[2], float (&sum)[2][ROWS])
{
    constexpr int size = Word::size, in_flight = 2;
    for (int k0 = lane_id() * size; k0 < a.k; k0 += WARP * size * in_flight) {
        Word v[in_flight][2];
#pragma unroll
        for (int i = 0; i < in_flight; i++)
            if (k0 + i * WARP * size < a.k)
#pragma unroll
                for (int c = 0; c < 2; c++) v[i][c].load(a.w, a.scales, rows[c], a.k, k0 + i * WARP * size);
#pragma unroll
        for (int i = 0; i < in_flight; i++)
#pragma unroll
            for (int part = 0; part < Word::parts; part++) {
                const int k = k0 + i * WARP * size + part * Vec<ELEMENT>::size;
                if (k >= a.k) break;
                float w[2][Vec<ELEMENT>::size];
#pragma unroll
                for (int c = 0; c < 2; c++) v[i][c].widen(part, w[c]);
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    if (r >= a.m) break;
                    Vec<ELEMENT> x;
                    x.load(a.x + (i64)r * a.k + k);
#pragma unroll
                    for (int c = 0; c < 2; c++)
                        for (int e = 0; e < x.size; e++) sum[c][r] += x.v[e] * w[c][e];
                }
            }
    }
#pragma unroll
    for (int c = 0; c < 2; c++) {
        const float scale = Word::row_scale(a.scales, rows[c]);
#pragma unroll
        for (int r = 0; r < ROWS; r++) sum[c][r] = warp_sum(sum[c][r]) * scale;
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) gemv(const __grid_constant__ GemvArgs a)
{
    const int column = (blockIdx.x * (THREADS / WARP) + warp_id()) * (QUANTIZED && !SWIGLU ? 2 : 1);
    if (column >= a.n) return;
    if (QUANTIZED) {
        // Of an odd number the last meets itself.
        const i64 rows[2] = {column, SWIGLU ? (i64)a.n + column : min(column + 1, a.n - 1)};
        float sum[2][ROWS] = {};
        dot_two(a, rows, sum);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            if (r >= a.m || lane_id() != r) continue;
            const float* gate = a.epilogue.gate_of(r);
            const float y = SWIGLU ? silu_of(sum[0][r]) * sum[1][r] : a.epilogue.apply(sum[0][r], gate, r, column, a.n);
            from_float(y, a.y[(i64)r * a.n + column]);
            if (!SWIGLU && column + 1 < a.n) from_float(a.epilogue.apply(sum[1][r], gate, r, column + 1, a.n), a.y[(i64)r * a.n + column + 1]);
        }
        return;
    }
    float sum[ROWS] = {}, up[ROWS] = {};
    dot(a, column, sum);
    if (SWIGLU) dot(a, (i64)a.n + column, up);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        if (r >= a.m || lane_id() != r) continue;
        const float y = SWIGLU ? silu_of(sum[r]) * up[r] : a.epilogue.apply(sum[r], a.epilogue.gate_of(r), r, column, a.n);
        from_float(y, a.y[(i64)r * a.n + column]);
    }
}
