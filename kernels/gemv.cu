// gemv: the linear layer for one to ROWS rows: decoding. The weight crosses device memory once and nothing else matters.
//   linear:  y[m,n] = residual[m,n] + gate[m,n] * activation(sum_k x[m,k] w[n,k] + bias[n])
//   swiglu:  y[m,n] = silu(sum_k x[m,k] w[n,k]) * sum_k x[m,k] w[N + n,k]          w holds gate rows, then up rows; no epilogue
//
// shapes    x (M, K) ELEMENT, M <= ROWS; w (N or 2N, K) as WEIGHT has it (common/weights.cuh); y (M, N) OUTPUT; K a multiple of the
//           16-byte vector of ELEMENT
// mapping   a warp per output column; lanes stride over k in 16-byte vectors, four in flight; x comes from the caches. Of quantized
//           weights two columns side by side (swiglu: gate and up), so that x, of which a word then meets 16 or 32 elements, is
//           read and widened once for both
// traffic   N K elements of w (2 N K for swiglu)
// bound     memory: 18944 x 3584 bf16 = 136 MB, 32 us at 4.3 TB/s; int8 68 MB, int4 38 MB
// rounding  float32 products and sums: by lane, then over the lanes, int8 then times the scale; one rounding at the store
#include "common/epilogue.cuh"
#include "common/math.cuh"
#include "common/reduce.cuh"
#include "common/vec.cuh"
#include "common/weights.cuh"

#if !defined(ELEMENT) || !defined(OUTPUT) || !defined(SWIGLU) || !defined(ACTIVATION) || !defined(WEIGHT) || !defined(ROWS)
#error "gemv.cu needs -DELEMENT=bf16|f32 -DOUTPUT=bf16|f32 -DSWIGLU=0|1 -DACTIVATION=none|gelu_tanh|gelu -DWEIGHT=stored|int8|int4 -DROWS=rows of x"
#endif

constexpr int THREADS = 256, IN_FLIGHT = 4;

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

using Word = WeightWord<ELEMENT, Weights::WEIGHT>;

constexpr bool QUANTIZED = Weights::WEIGHT != Weights::stored;

// Sums of some rows of the weight, side by side.
template <int columns> __device__ __forceinline__ void dot(const GemvArgs& a, const i64 (&rows)[columns], float (&sum)[columns][ROWS])
{
    constexpr int size = Word::size, in_flight = IN_FLIGHT / columns;
    for (int k0 = lane_id() * size; k0 < a.k; k0 += WARP * size * in_flight) {
        Word v[in_flight][columns];
#pragma unroll
        for (int i = 0; i < in_flight; i++)
            if (k0 + i * WARP * size < a.k)
#pragma unroll
                for (int c = 0; c < columns; c++) v[i][c].load(a.w, a.scales, rows[c], a.k, k0 + i * WARP * size);
#pragma unroll
        for (int i = 0; i < in_flight; i++)
#pragma unroll
            for (int part = 0; part < Word::parts; part++) {
                const int k = k0 + i * WARP * size + part * Vec<ELEMENT>::size;
                if (k >= a.k) break;
                float w[columns][Vec<ELEMENT>::size];
#pragma unroll
                for (int c = 0; c < columns; c++) v[i][c].widen(part, w[c]);
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    if (r >= a.m) break;
                    Vec<ELEMENT> x;
                    x.load(a.x + (i64)r * a.k + k);
#pragma unroll
                    for (int c = 0; c < columns; c++)
                        for (int e = 0; e < x.size; e++) sum[c][r] += x.v[e] * w[c][e];
                }
            }
    }
#pragma unroll
    for (int c = 0; c < columns; c++) {
        const float scale = Word::row_scale(a.scales, rows[c]);
#pragma unroll
        for (int r = 0; r < ROWS; r++) sum[c][r] = warp_sum(sum[c][r]) * scale;
    }
}

__device__ __forceinline__ void finish(const GemvArgs& a, int r, int column, float y)
{
    from_float(SWIGLU ? y : a.epilogue.apply(y, a.epilogue.gate_of(r), r, column, a.n), a.y[(i64)r * a.n + column]);
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) gemv(const __grid_constant__ GemvArgs a)
{
    constexpr int columns = QUANTIZED && !SWIGLU ? 2 : 1; // of the output
    const int column = (blockIdx.x * (THREADS / WARP) + warp_id()) * columns;
    if (column >= a.n) return;
    if (QUANTIZED) {
        // The last of an odd number meets itself.
        const i64 rows[2] = {column, SWIGLU ? (i64)a.n + column : column + 1 < a.n ? column + 1 : column};
        float sum[2][ROWS] = {};
        dot<2>(a, rows, sum);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            if (r >= a.m || lane_id() != r) continue;
            finish(a, r, column, SWIGLU ? silu_of(sum[0][r]) * sum[1][r] : sum[0][r]);
            if (!SWIGLU && column + 1 < a.n) finish(a, r, column + 1, sum[1][r]);
        }
        return;
    }
    const i64 rows[1] = {column}, up_rows[1] = {(i64)a.n + column};
    float sum[1][ROWS] = {}, up[1][ROWS] = {};
    dot<1>(a, rows, sum);
    if (SWIGLU) dot<1>(a, up_rows, up);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        if (r >= a.m || lane_id() != r) continue;
        finish(a, r, column, SWIGLU ? silu_of(sum[0][r]) * up[0][r] : sum[0][r]);
    }
}
