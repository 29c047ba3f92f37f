// attention_hopper: attention.cu's function on Hopper: products of warpgroups, keys and values brought by the copy engine, a
// warpgroup's softmax while its own last product and the others' run.
//   y[q,h,:] = softmax_k(x[q,h,:] . keys[k,h/group,:] / sqrt(D)) values[k,h/group,:]   over the keys k < kv_end(q)
//
// shapes    queries: the first heads x D columns of rows of row_columns; keys, values (capacity, kv_heads D) by tensor maps with
//           boxes of 64 columns x 128 rows; y (rows, heads D); bf16
// mapping   a block per (tile, key head): BLOCK_Q packed rows (attention.cu), 64 to a consumer warpgroup; warpgroup 0 brings keys and
//           values in blocks of 128, STAGES of each
// traffic   per block BLOCK_Q queries and all visible keys and values of one key head; y leaves in 16-byte words
// bound     tensor core: 4 D flops per visible (query, head, key); for D 64 the exponentials take as long as the products
// rounding  scores and sums float32; weights rounded to bf16 before they meet the values; y at the store
// layout    all operands in shared memory are panels (hopper.cuh); values are read by rows
// order     scores of block i and values of block i - 1 are queued together; the softmax of i runs while the latter are multiplied.
//           Warpgroups take turns in queueing, so that one's exponentials meet the others' products
#include "common/hopper.cuh"
#include "common/math.cuh"
#include "common/sequences.cuh"

#if !defined(HEAD_DIM)
#error "attention_hopper.cu needs -DHEAD_DIM=64|128"
#endif

constexpr int CONSUMERS = HEAD_DIM == 64 ? 3 : 2, STAGES = HEAD_DIM == 64 ? 3 : 2;
constexpr int ROWS = 64, BLOCK_Q = ROWS * CONSUMERS, BLOCK_KEYS = 128, PANELS = HEAD_DIM / PANEL;
constexpr int THREADS = (1 + CONSUMERS) * WARPGROUP, CHUNKS = HEAD_DIM / PANEL_CHUNK; // 16-byte words of a head's row
constexpr int BLOCK_BYTES = BLOCK_KEYS * HEAD_DIM * 2, PANEL_BYTES = BLOCK_KEYS * PANEL * 2;
// All of a multiprocessor's 65536, after what the producer gives away.
constexpr int PRODUCER_REGISTERS = HEAD_DIM == 64 ? 32 : 24, CONSUMER_REGISTERS = HEAD_DIM == 64 ? 160 : 240;
constexpr int QUERIES_READY = 1, TURN = QUERIES_READY + CONSUMERS; // named barriers, one for each consumer

struct AttentionHopperArgs {
    TensorMap keys;
    TensorMap values;
    const bf16* queries;
    bf16* y;
    const Sequence* sequences;
    const AttentionTile* tiles;
    int row_columns;
    int heads;
    int kv_heads;
    float scale; // log2(e) / sqrt(D): the softmax runs in powers of two
};

struct AttentionHopperShared {
    PANEL_ALIGNED bf16 queries[CONSUMERS][PANELS][ROWS][PANEL];
    PANEL_ALIGNED bf16 keys[STAGES][PANELS][BLOCK_KEYS][PANEL];
    PANEL_ALIGNED bf16 values[STAGES][PANELS][BLOCK_KEYS][PANEL];
    Barrier keys_full[STAGES], keys_free[STAGES], values_full[STAGES], values_free[STAGES];
    Barrier values_landed; // of the block that ends behind the last visible key
};

// One warp: brings blocks of keys and of values as their stages become free.
__device__ __forceinline__ void produce(const AttentionHopperArgs& a, AttentionHopperShared& s, int column, int row, int visible)
{
    const int blocks = ceil_div(visible, BLOCK_KEYS);
    const bool first_lane = lane_id() == 0;
    for (int block = 0; block < blocks; block++) {
        const int stage = block % STAGES, freed = block / STAGES % 2 ^ 1, first_key = block * BLOCK_KEYS;
        if (first_lane) {
            barrier_wait(s.keys_free[stage], freed);
            barrier_arrive_expecting(s.keys_full[stage], BLOCK_BYTES);
#pragma unroll
            for (int p = 0; p < PANELS; p++) tensor_load(s.keys[stage][p], a.keys, s.keys_full[stage], column + p * PANEL, row + first_key);
            barrier_wait(s.values_free[stage], freed);
        }
        const int count = visible - first_key;
        Barrier& landed = count < BLOCK_KEYS ? s.values_landed : s.values_full[stage];
        if (first_lane) {
            barrier_arrive_expecting(landed, BLOCK_BYTES);
#pragma unroll
            for (int p = 0; p < PANELS; p++) tensor_load(s.values[stage][p], a.values, landed, column + p * PANEL, row + first_key);
        }
        if (count >= BLOCK_KEYS) continue;
        // What the caches hold past the last key, NaN perhaps, must not meet even a weight of 0.
        barrier_wait(s.values_landed, 0);
        constexpr int WORDS = PANEL / PANEL_CHUNK; // of a row, in whichever order
        for (int i = count * WORDS + lane_id(); i < BLOCK_KEYS * WORDS; i += WARP)
#pragma unroll
            for (int p = 0; p < PANELS; p++) *reinterpret_cast<uint4*>(&s.values[stage][p][i / WORDS][i % WORDS * PANEL_CHUNK]) = make_uint4(0, 0, 0, 0);
        async_proxy_fence();
        __syncwarp();
        if (first_lane) barrier_arrive(s.values_full[stage]);
    }
}

// Queues score = queries keys^T: (64, 128) of this warpgroup.
__device__ __forceinline__ void multiply_keys(float (&score)[BLOCK_KEYS / 2], AttentionHopperShared& s, int consumer, int stage)
{
#pragma unroll
    for (int k = 0; k < HEAD_DIM; k += 16)
        wgmma(score, operand(&s.queries[consumer][k / PANEL][0][k % PANEL]), operand(&s.keys[stage][k / PANEL][0][k % PANEL]), k > 0);
    wgmma_commit();
}

// Queues y += weights values.
__device__ __forceinline__ void multiply_values(float (&y)[HEAD_DIM / 2], const u32 (&weight)[BLOCK_KEYS / 16][4], AttentionHopperShared& s, int stage)
{
#pragma unroll
    for (int k = 0; k < BLOCK_KEYS; k += 16) wgmma_by_rows(y, weight[k / 16], operand(&s.values[stage][0][k][0], PANEL_GROUP_BYTES, PANEL_BYTES));
    wgmma_commit();
}

// The running softmax of a thread's two rows, lane / 4 and lane / 4 + 8 of its warp's sixteen.
struct Softmax {
    float largest[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
    float keep[2]; // what earlier sums count after the last block

    // Scores become weights. Every row sees key 0, so after the first block its largest score is finite and no difference is NaN.
    __device__ __forceinline__ void take(float (&score)[BLOCK_KEYS / 2], float scale)
    {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float max = largest[half];
#pragma unroll
            for (int j = 0; j < BLOCK_KEYS / 8; j++) max = fmaxf(max, fmaxf(score[j * 4 + half * 2], score[j * 4 + half * 2 + 1]));
            max = fmaxf(max, __shfl_xor_sync(ALL_LANES, max, 1));
            max = fmaxf(max, __shfl_xor_sync(ALL_LANES, max, 2));
            const float shift = max * scale;
            keep[half] = exp2_approx((largest[half] - max) * scale);
            largest[half] = max;
            float sum = 0;
#pragma unroll
            for (int j = 0; j < BLOCK_KEYS / 8; j++)
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    float& x = score[j * 4 + half * 2 + e];
                    x = exp2_approx(x * scale - shift);
                    sum += x;
                }
            total[half] = total[half] * keep[half] + sum; // this thread's share of the keys
        }
    }
};

__device__ __forceinline__ void hide(float (&score)[BLOCK_KEYS / 2], int first_key, const int (&end)[2])
{
#pragma unroll
    for (int i = 0; i < BLOCK_KEYS / 2; i++)
        if (first_key + i / 4 * 8 + lane_id() % 4 * 2 + i % 2 >= end[i / 2 % 2]) score[i] = -INFINITY;
}

// A row of scores is a row of D, and weights are an A: the same thread has both, in the same order.
__device__ __forceinline__ void pack(u32 (&weight)[BLOCK_KEYS / 16][4], const float (&score)[BLOCK_KEYS / 2])
{
#pragma unroll
    for (int k = 0; k < BLOCK_KEYS / 16; k++)
#pragma unroll
        for (int i = 0; i < 4; i++) weight[k][i] = pack_bf16(score[k * 8 + i * 2], score[k * 8 + i * 2 + 1]);
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) attention_hopper(const __grid_constant__ AttentionHopperArgs a)
{
    SHARED_MEMORY(AttentionHopperShared, s);
    const AttentionTile tile = a.tiles[blockIdx.x];
    const Sequence sequence = a.sequences[tile.sequence];
    const int kv_head = blockIdx.y, group = a.heads / a.kv_heads, packed = sequence.q_len * group;
    const int last = min(tile.first + BLOCK_Q, packed) - 1;
    const int visible = sequence.kv_end(last / group);        // keys any row of the tile sees
    const int everywhere = sequence.kv_end(tile.first / group); // keys every row of the tile sees

    if (threadIdx.x == 0) {
        for (int i = 0; i < STAGES; i++) {
            barrier_initialise(s.keys_full[i], 1);
            barrier_initialise(s.values_full[i], 1);
            barrier_initialise(s.keys_free[i], CONSUMERS * WARPGROUP / WARP);
            barrier_initialise(s.values_free[i], CONSUMERS * WARPGROUP / WARP);
        }
        barrier_initialise(s.values_landed, 1);
        barriers_initialised();
    }
    __syncthreads();

    if (threadIdx.x < WARPGROUP) {
        registers_down<PRODUCER_REGISTERS>();
        if (warp_id() == 0) produce(a, s, kv_head * HEAD_DIM, sequence.kv_base, visible);
        return;
    }
    registers_up<CONSUMER_REGISTERS>();
    const int consumer = threadIdx.x / WARPGROUP - 1, thread = threadIdx.x % WARPGROUP, first = tile.first + consumer * ROWS;

    for (int i = thread; i < ROWS * CHUNKS; i += WARPGROUP) {
        const int r = i / CHUNKS, chunk = i % CHUNKS, p = first + r;
        uint4 x = make_uint4(0, 0, 0, 0);
        if (p < packed) {
            const bf16* row = a.queries + (i64)(sequence.q_begin + p / group) * a.row_columns + (kv_head * group + p % group) * HEAD_DIM;
            x = *reinterpret_cast<const uint4*>(row + chunk * PANEL_CHUNK);
        }
        *reinterpret_cast<uint4*>(&s.queries[consumer][chunk / 8][r][panel_chunk(r, chunk % 8)]) = x;
    }
    async_proxy_fence();
    named_barrier_sync(QUERIES_READY + consumer, WARPGROUP);
    // The first turn is the first consumer's, and so on: whoever comes later lets those before it go.
    for (int other = 0; other < consumer; other++) named_barrier_arrive(TURN + other, CONSUMERS * WARPGROUP);

    int end[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int p = first + thread / WARP * 16 + half * 8 + lane_id() / 4;
        end[half] = p < packed ? sequence.kv_end(p / group) : visible; // rows past the end compute something finite, unstored
    }

    const int blocks = ceil_div(visible, BLOCK_KEYS);
    Softmax softmax;
    float y[HEAD_DIM / 2] = {};
    u32 weight[BLOCK_KEYS / 16][4];
    {
        float score[BLOCK_KEYS / 2];
        barrier_wait(s.keys_full[0], 0);
        wgmma_fence();
        multiply_keys(score, s, consumer, 0);
        wgmma_wait<0>();
        settled(score);
        if (lane_id() == 0) barrier_arrive(s.keys_free[0]);
        if (BLOCK_KEYS > everywhere) hide(score, 0, end);
        softmax.take(score, a.scale);
        pack(weight, score);
    }
    for (int block = 1; block < blocks; block++) {
        const int stage = block % STAGES, before = (block - 1) % STAGES;
        float score[BLOCK_KEYS / 2];
        barrier_wait(s.keys_full[stage], block / STAGES % 2);
        named_barrier_sync(TURN + consumer, CONSUMERS * WARPGROUP);
        wgmma_fence();
        multiply_keys(score, s, consumer, stage);
        barrier_wait(s.values_full[before], (block - 1) / STAGES % 2);
        multiply_values(y, weight, s, before);
#pragma unroll
        for (int other = 0; other < CONSUMERS; other++)
            if (other != consumer) named_barrier_arrive(TURN + other, CONSUMERS * WARPGROUP);
        wgmma_wait<1>();
        settled(score);
        if (lane_id() == 0) barrier_arrive(s.keys_free[stage]);
        if ((block + 1) * BLOCK_KEYS > everywhere) hide(score, block * BLOCK_KEYS, end);
        softmax.take(score, a.scale);
        computed_first(softmax.total[0] + softmax.total[1]);
        wgmma_wait<0>();
        settled(y);
        if (lane_id() == 0) barrier_arrive(s.values_free[before]);
#pragma unroll
        for (int i = 0; i < HEAD_DIM / 2; i++) y[i] *= softmax.keep[i / 2 % 2];
        pack(weight, score);
    }
    barrier_wait(s.values_full[(blocks - 1) % STAGES], (blocks - 1) / STAGES % 2);
    wgmma_fence();
    multiply_values(y, weight, s, (blocks - 1) % STAGES);
    wgmma_wait<0>();
    settled(y);

    // By way of the queries' memory, which nobody reads once all of the warpgroup are here: a row leaves in 16-byte words.
    named_barrier_sync(QUERIES_READY + consumer, WARPGROUP);
    const int warp_row = thread / WARP * 16;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float total = softmax.total[half];
        total += __shfl_xor_sync(ALL_LANES, total, 1);
        total += __shfl_xor_sync(ALL_LANES, total, 2);
        const float inverse = 1.0f / total;
        const int r = warp_row + half * 8 + lane_id() / 4;
#pragma unroll
        for (int d = 0; d < HEAD_DIM / 8; d++)
            *reinterpret_cast<u32*>(&s.queries[consumer][d / 8][r][panel_chunk(r, d % 8) + lane_id() % 4 * 2]) =
                pack_bf16(y[d * 4 + half * 2] * inverse, y[d * 4 + half * 2 + 1] * inverse);
    }
    __syncwarp(); // a warp's sixteen rows are its own
#pragma unroll
    for (int word = 0; word < 16 * CHUNKS / WARP; word++) {
        const int i = word * WARP + lane_id(), r = warp_row + i / CHUNKS, chunk = i % CHUNKS, p = first + r;
        if (p >= packed) continue;
        bf16* row = a.y + ((i64)(sequence.q_begin + p / group) * a.heads + kv_head * group + p % group) * HEAD_DIM;
        *reinterpret_cast<uint4*>(row + chunk * PANEL_CHUNK) = *reinterpret_cast<const uint4*>(&s.queries[consumer][chunk / 8][r][panel_chunk(r, chunk % 8)]);
    }
}
