// matmul: a linear layer on Ampere's tensor core, for machines without cuBLASLt, for the host runner, and as the sibling of
// the Hopper product.
//   linear:  y[m,n] = residual[m,n] + gate[m,n] * activation(sum_k x[m,k] w[n,k] + bias[n])
//   swiglu:  y[m,n] = silu(sum_k x[m,k] w[n,k]) * sum_k x[m,k] w[N + n,k]          w holds gate rows, then up rows; no epilogue
//
// shapes    x (M, K) bf16; w (N or 2N, K) as WEIGHT has it (common/weights.cuh); y (M, N) OUTPUT; bias (N) float32; K a multiple of 8
// mapping   a block per 128 x 128 tile (swiglu: 128 x 64, the columns of both halves), K in steps of 32 through STAGES stages of
//           cp.async; 8 warps as 2 x 4, each 64 x 32 as 4 x 4 products of 16x8x16. Quantized weights travel through the stages as
//           they are; while one step's products run, the next step's are widened into the second of two tiles of bf16
// traffic   per block 128 K of x and of w; w crosses device memory once when M is small or the tiles of a column run together
// bound     tensor core for M >= 200 or so (2 M N K / 790 TFLOP/s), memory below (2 N K bytes at 4.3 TB/s)
// rounding  bf16 operands, float32 accumulation in the order of k, one rounding at the store. int8 and fp8 are operands without their scale, and
//           the sum is multiplied by the row's scale; int4 by their scales are rounded to bf16
// layout    a stage's rows are 64 bytes: four 16-byte chunks, chunk c of row r stored at c ^ (r / 2 % 4), so that the eight rows
//           a matrix load touches fall into different banks
#include "common/epilogue.cuh"
#include "common/math.cuh"
#include "common/mma.cuh"
#include "common/weights.cuh"

#if !defined(OUTPUT) || !defined(SWIGLU) || !defined(ACTIVATION) || !defined(WEIGHT) || !defined(STAGES)
#error "matmul.cu needs -DOUTPUT=bf16|f32 -DSWIGLU=0|1 -DACTIVATION=none|gelu_tanh|gelu -DWEIGHT=stored|int8|int4|fp8 -DSTAGES=stages in flight"
#endif

constexpr int BLOCK_M = 128, BLOCK_N = 128, BLOCK_K = 32, THREADS = 256;
constexpr int CHUNK = 8, CHUNKS = BLOCK_K / CHUNK;               // 16 bytes of bf16
constexpr int WARP_M = 64, WARP_N = 32, WARPS_N = BLOCK_N / WARP_N;
constexpr int TILES_M = WARP_M / 16, TILES_N = WARP_N / 8;
constexpr int OUT_N = SWIGLU ? BLOCK_N / 2 : BLOCK_N;            // output columns of a block

struct MatMulArgs {
    const bf16* x;
    const void* w;
    const void* scales; // or null
    OUTPUT* y;
    Epilogue<bf16, Activation::ACTIVATION> epilogue;
    int m;
    int n; // output columns
    int k;
    int padding;
};

using Word = WeightWord<bf16, Weights::WEIGHT>;

constexpr bool QUANTIZED = Weights::WEIGHT != Weights::stored;
constexpr int WORDS = BLOCK_K / Word::size, WIDE = 2;            // 16-byte words of a weight row's step; tiles of widened ones

template <bool quantized> struct Stages;
template <> struct Stages<false> {
    bf16 x[STAGES][BLOCK_M][BLOCK_K];
    bf16 w[STAGES][BLOCK_N][BLOCK_K];
    __device__ __forceinline__ uint4* packed(int, int) { return nullptr; }
};
template <> struct Stages<true> {
    bf16 x[STAGES][BLOCK_M][BLOCK_K];
    bf16 w[WIDE][BLOCK_N][BLOCK_K];
    uint4 words[STAGES][BLOCK_N][WORDS];
    __device__ __forceinline__ uint4* packed(int stage, int column) { return words[stage][column]; }
};
typedef Stages<QUANTIZED> MatMulShared;

__device__ __forceinline__ int swizzled(int row, int chunk) { return (chunk ^ (row / 2 % CHUNKS)) * CHUNK; }

// The weight row behind column c of a block's tile, or -1 past the last. For swiglu a warp's 32 columns are 16 gate rows and
// their 16 up rows, so that a thread holds both factors of its outputs.
__device__ __forceinline__ int weight_row(const MatMulArgs& a, int first, int c)
{
    const int output = first + (SWIGLU ? c / WARP_N * (WARP_N / 2) + c % (WARP_N / 2) : c);
    if (output >= a.n) return -1;
    return SWIGLU && c % WARP_N >= WARP_N / 2 ? a.n + output : output;
}

// What lies past the last row, column or k becomes zeros, which add nothing.
__device__ __forceinline__ void load_stage(const MatMulArgs& a, MatMulShared& s, int stage, int first_row, int first_column, int k0)
{
#pragma unroll
    for (int i = threadIdx.x; i < BLOCK_M * CHUNKS; i += THREADS) {
        const int r = i / CHUNKS, chunk = i % CHUNKS, k = k0 + chunk * CHUNK;
        const bool valid = first_row + r < a.m && k < a.k;
        async_copy_16(&s.x[stage][r][swizzled(r, chunk)], valid ? a.x + (i64)(first_row + r) * a.k + k : a.x, valid);
    }
#pragma unroll
    for (int i = threadIdx.x; i < BLOCK_N * WORDS; i += THREADS) {
        const int c = i / WORDS, word = i % WORDS, k = k0 + word * Word::size;
        const int row = weight_row(a, first_column, c);
        const bool valid = row >= 0 && k < a.k;
        void* to = QUANTIZED ? (void*)(s.packed(stage, c) + word) : (void*)&s.w[stage][c][swizzled(c, word)];
        async_copy_16(to, valid ? Word::at(a.w, row, a.k, k) : a.w, valid);
    }
}

// What a thread widens: half a column's elements of a step, which it copied nothing of.
struct Widener {
    int column, half;
    i64 row; // or -1
    float scale;

    __device__ __forceinline__ Widener(const MatMulArgs& a, int first_column) : column(threadIdx.x / 2), half(threadIdx.x % 2), row(weight_row(a, first_column, column)), scale(0) {}

    // Asks for what the next step's widening is to be multiplied by.
    __device__ __forceinline__ void prepare(const MatMulArgs& a, int k0)
    {
        if (row >= 0 && k0 < a.k) scale = Word::scale_of(a.scales, row, a.k, k0);
    }

    __device__ __forceinline__ void run(MatMulShared& s, int stage, int tile) const
    {
        Word word;
        word.take(s.packed(stage, column), half, scale);
#pragma unroll
        for (int i = 0; i < CHUNKS / 2; i++) {
            Vec<bf16> v;
            word.widen(i, v.v);
            v.store(&s.w[tile][column][swizzled(column, half * (CHUNKS / 2) + i)]);
        }
    }
};
static_assert(THREADS == 2 * BLOCK_N, "a thread widens half a column");

extern "C" __global__ void __launch_bounds__(THREADS) matmul(const __grid_constant__ MatMulArgs a)
{
    SHARED_MEMORY(MatMulShared, s);
    const int first_row = blockIdx.x * BLOCK_M, first_column = blockIdx.y * OUT_N;
    const int lane = lane_id(), warp_row = warp_id() / WARPS_N * WARP_M, warp_column = warp_id() % WARPS_N * WARP_N;
    const int steps = ceil_div(a.k, BLOCK_K);

    float c[TILES_M][TILES_N][4] = {};
    Widener widener(a, first_column);
#pragma unroll
    for (int stage = 0; stage < STAGES - 1; stage++) {
        if (stage < steps) load_stage(a, s, stage, first_row, first_column, stage * BLOCK_K);
        async_commit();
    }
    if (QUANTIZED) {
        widener.prepare(a, 0);
        async_wait<STAGES - 2>();
        __syncthreads();
        widener.run(s, 0, 0);
        widener.prepare(a, BLOCK_K);
    }
    for (int step = 0; step < steps; step++) {
        // This step's stage has landed for all (of quantized weights the next step's, too, and this one's are widened), and the
        // stage and the tile refilled below are no longer read.
        async_wait<QUANTIZED ? STAGES - 3 : STAGES - 2>();
        __syncthreads();
        const int next = step + STAGES - 1;
        if (next < steps) load_stage(a, s, next % STAGES, first_row, first_column, next * BLOCK_K);
        async_commit();

        const int stage = step % STAGES, tile = QUANTIZED ? step % WIDE : stage;
#pragma unroll
        for (int k = 0; k < BLOCK_K; k += 16) {
            u32 x[TILES_M][4], w[TILES_N / 2][4];
#pragma unroll
            for (int i = 0; i < TILES_M; i++) {
                const int row = warp_row + i * 16 + lane % 16;
                load_matrix_x4(x[i], &s.x[stage][row][swizzled(row, k / CHUNK + lane / 16)]);
            }
#pragma unroll
            for (int j = 0; j < TILES_N / 2; j++) {
                // Matrices 0 and 1 are the k halves of eight columns, 2 and 3 of the next eight.
                const int column = warp_column + j * 16 + lane / 16 * 8 + lane % 8;
                load_matrix_x4(w[j], &s.w[tile][column][swizzled(column, k / CHUNK + lane / 8 % 2)]);
            }
#pragma unroll
            for (int i = 0; i < TILES_M; i++)
#pragma unroll
                for (int j = 0; j < TILES_N; j++) {
                    const u32 b[2] = {w[j / 2][j % 2 * 2], w[j / 2][j % 2 * 2 + 1]};
                    mma_16x8x16(c[i][j], x[i], b);
                }
        }
        if (QUANTIZED && step + 1 < steps) {
            widener.run(s, (step + 1) % STAGES, (step + 1) % WIDE);
            widener.prepare(a, (step + 2) * BLOCK_K);
        }
    }
    async_wait<0>();

#pragma unroll
    for (int i = 0; i < TILES_M; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int row = first_row + warp_row + i * 16 + half * 8 + lane / 4;
            if (row >= a.m) continue;
            const float* gate = a.epilogue.gate_of(row);
#pragma unroll
            for (int j = 0; j < (SWIGLU ? TILES_N / 2 : TILES_N); j++)
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    const int column = first_column + (SWIGLU ? warp_column / 2 : warp_column) + j * 8 + lane % 4 * 2 + e;
                    if (column >= a.n) continue;
                    float y = c[i][j][half * 2 + e] * Word::row_scale(a.scales, column);
                    if (SWIGLU)
                        y = silu_of(y) * (c[i][j + (SWIGLU ? TILES_N / 2 : 0)][half * 2 + e] * Word::row_scale(a.scales, (i64)a.n + column));
                    else
                        y = a.epilogue.apply(y, gate, row, column, a.n);
                    from_float(y, a.y[(i64)row * a.n + column]);
                }
        }
}
