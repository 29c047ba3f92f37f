// attention: fused, with online softmax, on Ampere's tensor core.
//   y[q,h,:] = softmax_k(x[q,h,:] . keys[k,h/group,:] / sqrt(D)) values[k,h/group,:]   over the keys k < kv_end(q)
// kv_end is the whole mask (sequences.cuh): a span's rows see the same keys, a text row sees up to itself.
//
// shapes    queries: the first heads x D columns of rows of row_columns; keys, values (capacity, kv_heads D); y (rows, heads D); bf16
// mapping   a block per (tile, key head): 64 packed rows, where packed row p of a sequence is query p / group and head p % group,
//           so grouped heads share the keys a block loads; 4 warps of 16 packed rows; keys in blocks of 64, two stages of cp.async
// traffic   per block 64 queries and all visible keys and values of one key head
// bound     tensor core: 4 D flops per visible (query, head, key); at (1025, 1100), 28 heads of 128: 16 GFLOP
// rounding  scores and sums float32; weights rounded to bf16 before they meet the values; y at the store
// layout    rows in shared memory are padded to an odd number of 16-byte chunks: the eight rows of a matrix load fall into different banks
#include "common/math.cuh"
#include "common/mma.cuh"
#include "common/sequences.cuh"
#include "common/bf16.cuh"

#if !defined(HEAD_DIM)
#error "attention.cu needs -DHEAD_DIM=64|72|128"
#endif

constexpr int BLOCK_Q = 64, BLOCK_KEYS = 64, WARPS = BLOCK_Q / 16, THREADS = WARPS * WARP;
constexpr int CHUNK = 8;
constexpr int DIM = ceil_div(HEAD_DIM, 16) * 16; // padded with zeros to whole products
constexpr int STRIDE = DIM + CHUNK;
constexpr int STEPS = DIM / 16, KEY_TILES = BLOCK_KEYS / 8;
constexpr int OUT_TILES = DIM / 8; // an even number, as values are loaded sixteen columns at a time

struct AttentionArgs {
    const bf16* queries;
    const bf16* keys;
    const bf16* values;
    bf16* y;
    const Sequence* sequences;
    const AttentionTile* tiles;
    int row_columns;
    int heads;
    int kv_heads;
    float scale; // log2(e) / sqrt(D): the softmax runs in powers of two
};

struct AttentionShared {
    bf16 queries[BLOCK_Q][STRIDE];
    bf16 keys[2][BLOCK_KEYS][STRIDE];
    bf16 values[2][BLOCK_KEYS][STRIDE];
};

// Rows past count become zeros: what the caches hold there, NaN perhaps, must not meet even a weight of 0.
__device__ __forceinline__ void load_rows(bf16 (*shared)[STRIDE], const bf16* rows, i64 row_stride, int count)
{
    for (int i = threadIdx.x; i < BLOCK_KEYS * (DIM / CHUNK); i += THREADS) {
        const int r = i / (DIM / CHUNK), column = i % (DIM / CHUNK) * CHUNK;
        const bool valid = r < count && column < HEAD_DIM;
        async_copy_16(&shared[r][column], valid ? rows + r * row_stride + column : rows, valid);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) attention(const __grid_constant__ AttentionArgs a)
{
    SHARED_MEMORY(AttentionShared, s);
    const AttentionTile tile = a.tiles[blockIdx.x];
    const Sequence sequence = a.sequences[tile.sequence];
    const int kv_head = blockIdx.y, group = a.heads / a.kv_heads, packed = sequence.q_len * group;
    const int lane = lane_id(), warp_row = warp_id() * 16;
    const i64 kv_stride = (i64)a.kv_heads * HEAD_DIM;
    const bf16* keys = a.keys + sequence.kv_base * kv_stride + kv_head * HEAD_DIM;
    const bf16* values = a.values + sequence.kv_base * kv_stride + kv_head * HEAD_DIM;
    const int last = min(tile.first + BLOCK_Q, packed) - 1;
    const int visible = sequence.kv_end(last / group);        // keys any row of the tile sees
    const int everywhere = sequence.kv_end(tile.first / group); // keys every row of the tile sees
    const int blocks = ceil_div(visible, BLOCK_KEYS);

    for (int i = threadIdx.x; i < BLOCK_Q * (DIM / CHUNK); i += THREADS) {
        const int r = i / (DIM / CHUNK), column = i % (DIM / CHUNK) * CHUNK, p = tile.first + r;
        const bool valid = p < packed && column < HEAD_DIM;
        const bf16* row = a.queries + (i64)(sequence.q_begin + p / group) * a.row_columns + (kv_head * group + p % group) * HEAD_DIM;
        async_copy_16(&s.queries[r][column], valid ? row + column : a.queries, valid);
    }
    load_rows(s.keys[0], keys, kv_stride, visible);
    load_rows(s.values[0], values, kv_stride, visible);
    async_commit();

    // A thread holds parts of two packed rows: lane / 4 and lane / 4 + 8 of its warp's sixteen.
    u32 q[STEPS][4];
    float y[OUT_TILES][4] = {};
    float largest[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
    int end[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int p = tile.first + warp_row + half * 8 + lane / 4;
        end[half] = p < packed ? sequence.kv_end(p / group) : visible; // rows past the end compute something finite, unstored
    }

    for (int block = 0; block < blocks; block++) {
        const int first_key = block * BLOCK_KEYS, stage = block % 2;
        async_wait<0>();
        __syncthreads(); // this block's keys have landed for all; the other stage is no longer read
        if (block + 1 < blocks) {
            const int next = first_key + BLOCK_KEYS;
            load_rows(s.keys[stage ^ 1], keys + next * kv_stride, kv_stride, visible - next);
            load_rows(s.values[stage ^ 1], values + next * kv_stride, kv_stride, visible - next);
        }
        async_commit();
        if (block == 0) {
#pragma unroll
            for (int k = 0; k < STEPS; k++) load_matrix_x4(q[k], &s.queries[warp_row + lane % 16][k * 16 + lane / 16 * CHUNK]);
        }

        float score[KEY_TILES][4] = {};
#pragma unroll
        for (int k = 0; k < STEPS; k++)
#pragma unroll
            for (int j = 0; j < KEY_TILES; j += 2) {
                u32 b[4];
                load_matrix_x4(b, &s.keys[stage][j * 8 + lane / 16 * 8 + lane % 8][k * 16 + lane / 8 % 2 * CHUNK]);
                const u32 low[2] = {b[0], b[1]}, high[2] = {b[2], b[3]};
                mma_16x8x16(score[j], q[k], low);
                mma_16x8x16(score[j + 1], q[k], high);
            }

        if (first_key + BLOCK_KEYS > everywhere) {
#pragma unroll
            for (int j = 0; j < KEY_TILES; j++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    if (first_key + j * 8 + lane % 4 * 2 + e % 2 >= end[e / 2]) score[j][e] = -INFINITY;
        }

        // Every row sees key 0, so after the first block its largest score is finite and no difference below is NaN.
        u32 weight[KEY_TILES / 2][4];
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float max = largest[half];
#pragma unroll
            for (int j = 0; j < KEY_TILES; j++) max = fmaxf(max, fmaxf(score[j][half * 2], score[j][half * 2 + 1]));
            max = fmaxf(max, __shfl_xor_sync(ALL_LANES, max, 1));
            max = fmaxf(max, __shfl_xor_sync(ALL_LANES, max, 2));
            const float keep = exp2_approx((largest[half] - max) * a.scale), shift = max * a.scale;
            largest[half] = max;
            float sum = 0;
#pragma unroll
            for (int j = 0; j < KEY_TILES; j++) {
                const float w0 = exp2_approx(score[j][half * 2] * a.scale - shift);
                const float w1 = exp2_approx(score[j][half * 2 + 1] * a.scale - shift);
                sum += w0 + w1;
                weight[j / 2][j % 2 * 2 + half] = pack_bf16(w0, w1);
            }
            total[half] = total[half] * keep + sum; // this thread's share of the keys
#pragma unroll
            for (int d = 0; d < OUT_TILES; d++) y[d][half * 2] *= keep, y[d][half * 2 + 1] *= keep;
        }

#pragma unroll
        for (int k = 0; k < BLOCK_KEYS / 16; k++)
#pragma unroll
            for (int d = 0; d < OUT_TILES; d += 2) {
                u32 b[4];
                load_matrix_x4_transposed(b, &s.values[stage][k * 16 + lane % 16][d * 8 + lane / 16 * CHUNK]);
                const u32 low[2] = {b[0], b[1]}, high[2] = {b[2], b[3]};
                mma_16x8x16(y[d], weight[k], low);
                mma_16x8x16(y[d + 1], weight[k], high);
            }
    }
    async_wait<0>();

#pragma unroll
    for (int half = 0; half < 2; half++) {
        total[half] += __shfl_xor_sync(ALL_LANES, total[half], 1);
        total[half] += __shfl_xor_sync(ALL_LANES, total[half], 2);
        const int p = tile.first + warp_row + half * 8 + lane / 4;
        if (p >= packed) continue;
        const float inverse = 1.0f / total[half];
        bf16* row = a.y + ((i64)(sequence.q_begin + p / group) * a.heads + kv_head * group + p % group) * HEAD_DIM;
#pragma unroll
        for (int d = 0; d < HEAD_DIM / 8; d++)
            *reinterpret_cast<u32*>(row + d * 8 + lane % 4 * 2) = pack_bf16(y[d][half * 2] * inverse, y[d][half * 2 + 1] * inverse);
    }
}
