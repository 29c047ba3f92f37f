// matmul_hopper: matmul.cu's functions on Hopper, for an output in bf16 and no activation: the products that cuBLASLt has not.
//   linear:  y[m,n] = residual[m,n] + gate[m,n] * (sum_k x[m,k] w[n,k] + bias[n])
//   swiglu:  y[m,n] = silu(sum_k x[m,k] w[n,k]) * sum_k x[m,k] w[N + n,k]          w holds gate rows, then up rows; no epilogue
//
// shapes    x (M, K), w (N or 2N, K) by tensor maps; y (M, N); bf16; bias (N) float32; N and K multiples of 8
// mapping   as many blocks as there are multiprocessors; each takes tiles of 128 weight rows x 256 rows of x in turn, those of one
//           weight tile one after the other. Weights are the product's rows (two warpgroups of 64), rows of x its columns. Up to 8
//           rows of x that would begin another tile are columns of a ninth part of the last: 2050 are 7 x 256 + (256 + 8).
//           Warpgroup 0 brings both in steps of 64 k, through STAGES stages
// traffic   per tile 128 K of w and 256 K of x; w crosses device memory once, as the tiles of its rows run together
// bound     tensor core
// rounding  bf16 operands, float32 accumulation, one rounding at the store
// layout    all operands in shared memory are panels (hopper.cuh). For swiglu eight gate rows are followed by their eight up rows,
//           which a map of four dimensions brings so: a thread holds both factors of its outputs
#include "common/epilogue.cuh"
#include "common/hopper.cuh"
#include "common/mma.cuh"

#if !defined(SWIGLU)
#error "matmul_hopper.cu needs -DSWIGLU=0|1"
#endif

constexpr int CONSUMERS = 2, STAGES = 4, THREADS = (1 + CONSUMERS) * WARPGROUP;
constexpr int WEIGHTS = CONSUMERS * 64, TOKENS = 256, TAIL = 8, DEPTH = PANEL;
constexpr int OUT = SWIGLU ? WEIGHTS / 2 : WEIGHTS; // output columns of a tile
constexpr int STAGE_BYTES = (WEIGHTS + TOKENS) * DEPTH * 2, TAIL_BYTES = TAIL * DEPTH * 2;
constexpr int PRODUCER_REGISTERS = 40, CONSUMER_REGISTERS = 232;

struct MatMulHopperArgs {
    TensorMap x;      // boxes of 256 rows
    TensorMap x_tail; // boxes of 8 rows
    TensorMap w;      // boxes of 128 rows; for swiglu of eight groups of eight gate and eight up rows
    bf16* y;
    Epilogue<bf16, Activation::none> epilogue;
    int m;
    int n; // output columns
    int k;
    int padding;
};

struct MatMulHopperShared {
    PANEL_ALIGNED bf16 w[STAGES][WEIGHTS][PANEL];
    PANEL_ALIGNED bf16 x[STAGES][TOKENS][PANEL];
    PANEL_ALIGNED bf16 tail[STAGES][TAIL][PANEL];
    Barrier full[STAGES], free[STAGES];
};

// How a grid of blocks shares the tiles.
struct Tiles {
    int tokens, count; // tiles along the rows of x, and in all
    bool tail;         // the last of them has a ninth part

    __device__ __forceinline__ explicit Tiles(const MatMulHopperArgs& a)
    {
        tail = a.m > TOKENS && a.m % TOKENS > 0 && a.m % TOKENS <= TAIL;
        tokens = tail ? a.m / TOKENS : ceil_div(a.m, TOKENS);
        count = tokens * ceil_div(a.n, OUT);
    }
    __device__ __forceinline__ bool has_tail(int tile) const { return tail && tile % tokens == tokens - 1; }
};

__device__ __forceinline__ void produce(const MatMulHopperArgs& a, MatMulHopperShared& s, const Tiles& tiles)
{
    const int steps = ceil_div(a.k, DEPTH);
    int use = 0; // of a stage, over all tiles
    for (int tile = blockIdx.x; tile < tiles.count; tile += gridDim.x) {
        const int first_token = tile % tiles.tokens * TOKENS, first_output = tile / tiles.tokens * OUT;
        const bool tail = tiles.has_tail(tile);
        for (int step = 0; step < steps; step++, use++) {
            const int stage = use % STAGES;
            barrier_wait(s.free[stage], use / STAGES % 2 ^ 1);
            barrier_arrive_expecting(s.full[stage], STAGE_BYTES + (tail ? TAIL_BYTES : 0));
            if (SWIGLU) tensor_load(s.w[stage], a.w, s.full[stage], step * DEPTH, 0, 0, first_output / 8);
            else tensor_load(s.w[stage], a.w, s.full[stage], step * DEPTH, first_output);
            tensor_load(s.x[stage], a.x, s.full[stage], step * DEPTH, first_token);
            if (tail) tensor_load(s.tail[stage], a.x_tail, s.full[stage], step * DEPTH, first_token + TOKENS);
        }
    }
}

// A warpgroup's 64 rows of a tile. A stage is freed when the step behind it has been queued, so that the tensor core does not wait.
template <bool tail>
__device__ __forceinline__ void multiply(float (&d)[TOKENS / 2], float (&last)[TAIL / 2], MatMulHopperShared& s, int consumer, int steps, int& use)
{
    for (int step = 0; step < steps; step++, use++) {
        const int stage = use % STAGES;
        barrier_wait(s.full[stage], use / STAGES % 2);
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < DEPTH; k += 16) {
            const u64 w = operand(&s.w[stage][consumer * 64][k]);
            wgmma(d, w, operand(&s.x[stage][0][k]), true);
            if (tail) wgmma(last, w, operand(&s.tail[stage][0][k]), true);
        }
        wgmma_commit();
        wgmma_wait<1>();
        if (step > 0 && lane_id() == 0) barrier_arrive(s.free[(use - 1) % STAGES]);
    }
    wgmma_wait<0>();
    settled(d);
    settled(last);
    if (lane_id() == 0) barrier_arrive(s.free[(use - 1) % STAGES]);
}

// The gates of a thread's two columns for the sequence of the row it was last asked for: rows of one sequence share them.
struct Gates {
    int sequence = -1;
    float value[2] = {1, 1};

    __device__ __forceinline__ void find(const MatMulHopperArgs& a, int row, int column)
    {
        if (row >= a.m || a.epilogue.row_sequence[row] == sequence) return;
        sequence = a.epilogue.row_sequence[row];
        const float* gate = a.epilogue.gate_of(row);
        value[0] = gate && column < a.n ? gate[column] : 1.0f;
        value[1] = gate && column + 8 < a.n ? gate[column + 8] : 1.0f;
    }
};

// Stores eight rows of x from a product's registers: four of them are output columns g and g + 8 (swiglu: gate and up of column g)
// of rows 2 t and 2 t + 1. Transposed, a thread holds two neighbouring columns of row g, and so it reads the residual.
template <bool gated>
__device__ __forceinline__ void store(const MatMulHopperArgs& a, const float* d, const float (&bias)[2], Gates& gates, int first_row, int first_column)
{
    const int g = lane_id() / 4, t = lane_id() % 4;
    const int row = first_row + g, pair = first_column + 2 * t;
#if SWIGLU
    const u32 y = transpose_8x8(pack_bf16(silu_of(d[0]) * d[2], silu_of(d[1]) * d[3]));
    if (row < a.m && pair < a.n) *reinterpret_cast<u32*>(a.y + (i64)row * a.n + pair) = y;
#else
    float y[2][2]; // of a column, of its two rows
#pragma unroll
    for (int e = 0; e < 2; e++) {
        if (gated) gates.find(a, first_row + 2 * t + e, first_column + g);
#pragma unroll
        for (int half = 0; half < 2; half++) {
            y[half][e] = d[half * 2 + e] + bias[half];
            if (gated) y[half][e] *= gates.value[half];
        }
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int column = pair + half * 8;
        const bool inside = row < a.m && column < a.n;
        if (a.epilogue.residual) {
            const u32 residual = transpose_8x8(inside ? *reinterpret_cast<const u32*>(a.epilogue.residual + (i64)row * a.n + column) : 0);
            y[half][0] += low_half(residual), y[half][1] += high_half(residual);
        }
        const u32 both = transpose_8x8(pack_bf16(y[half][0], y[half][1]));
        if (inside) *reinterpret_cast<u32*>(a.y + (i64)row * a.n + column) = both;
    }
#endif
}

template <bool gated>
__device__ __forceinline__ void store_tile(
    const MatMulHopperArgs& a, const float (&d)[TOKENS / 2], const float (&last)[TAIL / 2], const float (&bias)[2], int first_token, int first_column, bool tail)
{
    Gates gates;
#pragma unroll
    for (int j = 0; j < TOKENS / 8; j++) store<gated>(a, d + j * 4, bias, gates, first_token + j * 8, first_column);
    if (tail) store<gated>(a, last, bias, gates, first_token + TOKENS, first_column);
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) matmul_hopper(const __grid_constant__ MatMulHopperArgs a)
{
    SHARED_MEMORY(MatMulHopperShared, s);
    const Tiles tiles(a);
    if (threadIdx.x == 0) {
        for (int i = 0; i < STAGES; i++) {
            barrier_initialise(s.full[i], 1);
            barrier_initialise(s.free[i], CONSUMERS * WARPGROUP / WARP);
        }
        barriers_initialised();
    }
    __syncthreads();

    if (threadIdx.x < WARPGROUP) {
        registers_down<PRODUCER_REGISTERS>();
        if (threadIdx.x == 0) produce(a, s, tiles);
        return;
    }
    registers_up<CONSUMER_REGISTERS>();
    const int consumer = threadIdx.x / WARPGROUP - 1, warp = threadIdx.x % WARPGROUP / WARP, g = lane_id() / 4;
    const int steps = ceil_div(a.k, DEPTH);
    int use = 0;
    for (int tile = blockIdx.x; tile < tiles.count; tile += gridDim.x) {
        const int first_token = tile % tiles.tokens * TOKENS;
        // A warp's sixteen rows of the tile are sixteen columns of the output, or eight for swiglu.
        const int first_column = tile / tiles.tokens * OUT + (consumer * 64 + warp * 16) / (SWIGLU ? 2 : 1);
        float d[TOKENS / 2] = {}, last[TAIL / 2] = {};
        if (tiles.has_tail(tile)) multiply<true>(d, last, s, consumer, steps, use);
        else multiply<false>(d, last, s, consumer, steps, use);

        float bias[2] = {0, 0};
        if (!SWIGLU && a.epilogue.bias) {
            if (first_column + g < a.n) bias[0] = a.epilogue.bias[first_column + g];
            if (first_column + g + 8 < a.n) bias[1] = a.epilogue.bias[first_column + g + 8];
        }
        if (!SWIGLU && a.epilogue.table) store_tile<true>(a, d, last, bias, first_token, first_column, tiles.has_tail(tile));
        else store_tile<false>(a, d, last, bias, first_token, first_column, tiles.has_tail(tile));
    }
}
