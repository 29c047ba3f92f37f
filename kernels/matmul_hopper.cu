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
#include "common/vec.cuh"

#if !defined(SWIGLU)
#error "matmul_hopper.cu needs -DSWIGLU=0|1"
#endif

constexpr int CONSUMERS = 2, STAGES = 4, THREADS = (1 + CONSUMERS) * WARPGROUP;
constexpr int WEIGHTS = CONSUMERS * 64, TOKENS = 256, TAIL = 8, DEPTH = PANEL;
constexpr int OUT = SWIGLU ? WEIGHTS / 2 : WEIGHTS; // output columns of a tile
constexpr int STAGE_BYTES = (WEIGHTS + TOKENS) * DEPTH * 2, TAIL_BYTES = TAIL * DEPTH * 2;
constexpr int PART = 32, PART_COLUMNS = OUT / CONSUMERS, PART_STRIDE = PART_COLUMNS + 4; // rows of x that are stored at a time
constexpr int PART_READY = 1;                                                          // named barriers, one for each consumer
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
    alignas(16) float part[CONSUMERS][PART][PART_STRIDE];
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

// Stores some rows of x of a warpgroup's part of a tile, whose registers d are output columns by rows of x, by way of shared memory: in
// rows of y sixteen bytes are eight columns, of the residual, the gate and the bias too.
template <int tokens>
__device__ __forceinline__ void store(const MatMulHopperArgs& a, float (&part)[PART][PART_STRIDE], const float* d, int consumer, int first_row, int first_column)
{
    const int thread = threadIdx.x % WARPGROUP, g = lane_id() / 4, t = lane_id() % 4;
    const int column = thread / WARP * (SWIGLU ? 8 : 16) + g; // a warp's sixteen rows of the tile are eight pairs for swiglu
#pragma unroll
    for (int j = 0; j < tokens / 8; j++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
            float* row = part[j * 8 + 2 * t + e];
            const float low = d[j * 4 + e], high = d[j * 4 + 2 + e]; // columns g and g + 8; for swiglu gate and up of one
            if (SWIGLU) {
                row[column] = silu_of(low) * high;
            } else {
                row[column] = low;
                row[column + 8] = high;
            }
        }
    named_barrier_sync(PART_READY + consumer, WARPGROUP);
    constexpr int VECTORS = PART_COLUMNS / Vec<bf16>::size;
#pragma unroll 1
    for (int i = thread; i < tokens * VECTORS; i += WARPGROUP) {
        const int r = i / VECTORS, c = i % VECTORS * Vec<bf16>::size;
        const int row = first_row + r, first = first_column + c;
        if (row >= a.m || first >= a.n) continue;
        Vec<bf16> y;
        load_floats(&part[r][c], y.v);
        if (!SWIGLU) a.epilogue.apply(y, a.epilogue.gate_of(row), row, first, a.n);
        y.store(a.y + (i64)row * a.n + first);
    }
    named_barrier_sync(PART_READY + consumer, WARPGROUP); // before the part is written again
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
    const int consumer = threadIdx.x / WARPGROUP - 1;
    const int steps = ceil_div(a.k, DEPTH);
    int use = 0;
    for (int tile = blockIdx.x; tile < tiles.count; tile += gridDim.x) {
        const int first_token = tile % tiles.tokens * TOKENS;
        const int first_column = tile / tiles.tokens * OUT + consumer * PART_COLUMNS;
        const bool tail = tiles.has_tail(tile);
        float d[TOKENS / 2] = {}, last[TAIL / 2] = {};
        if (tail) multiply<true>(d, last, s, consumer, steps, use);
        else multiply<false>(d, last, s, consumer, steps, use);
#pragma unroll
        for (int i = 0; i < TOKENS / PART; i++) store<PART>(a, s.part[consumer], d + i * PART / 2, consumer, first_token + i * PART, first_column);
        if (tail) store<TAIL>(a, s.part[consumer], last, consumer, first_token + TOKENS, first_column);
    }
}
