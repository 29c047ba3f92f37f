// attention_f32: attention.cu in float32 on the ordinary cores: the parity mode's.
//   y[q,h,:] = softmax_k(x[q,h,:] . keys[k,h/group,:] / sqrt(D)) values[k,h/group,:]   over the keys k < kv_end(q)
//
// shapes    as attention.cu, float32
// mapping   a block per (tile, key head): 16 packed rows, where packed row p of a sequence is query p / group, head p % group;
//           keys in blocks of 32; 8 threads share a row: each scores 4 keys and sums D / 8 columns
// traffic   per block 16 queries and all visible keys and values of one key head
// bound     arithmetic on the ordinary cores
// rounding  float32 throughout
#include "common/math.cuh"
#include "common/sequences.cuh"

#if !defined(HEAD_DIM)
#error "attention_f32.cu needs -DHEAD_DIM=64|72|128"
#endif

constexpr int BLOCK_Q = 16, BLOCK_KEYS = 32, SHARERS = 8, THREADS = BLOCK_Q * SHARERS;
constexpr int EACH_KEYS = BLOCK_KEYS / SHARERS, EACH_COLUMNS = HEAD_DIM / SHARERS;

struct AttentionF32Args {
    const float* queries;
    const float* keys;
    const float* values;
    float* y;
    const Sequence* sequences;
    const AttentionTile* tiles;
    int row_columns;
    int heads;
    int kv_heads;
    float scale; // log2(e) / sqrt(D): the softmax runs in powers of two
};

struct AttentionF32Shared {
    float queries[BLOCK_Q][HEAD_DIM + 1]; // padded: a warp's four rows read a column of queries,
    float keys[BLOCK_KEYS][HEAD_DIM + 1]; // the sharers of a row a column of keys,
    float values[BLOCK_KEYS][HEAD_DIM];
    float weights[BLOCK_Q][BLOCK_KEYS + SHARERS]; // and a warp writes four rows of weights, eight neighbours each
};

extern "C" __global__ void __launch_bounds__(THREADS) attention_f32(const __grid_constant__ AttentionF32Args a)
{
    SHARED_MEMORY(AttentionF32Shared, s);
    const AttentionTile tile = a.tiles[blockIdx.x];
    const Sequence sequence = a.sequences[tile.sequence];
    const int kv_head = blockIdx.y, group = a.heads / a.kv_heads, packed = sequence.q_len * group;
    const i64 kv_stride = (i64)a.kv_heads * HEAD_DIM;
    const float* keys = a.keys + sequence.kv_base * kv_stride + kv_head * HEAD_DIM;
    const float* values = a.values + sequence.kv_base * kv_stride + kv_head * HEAD_DIM;
    const int last = min(tile.first + BLOCK_Q, packed) - 1;
    const int visible = sequence.kv_end(last / group);
    const int row = threadIdx.x / SHARERS, share = threadIdx.x % SHARERS; // the sharers of a row are neighbours in a warp
    const int p = tile.first + row;
    const int end = p < packed ? sequence.kv_end(p / group) : visible;

    for (int i = threadIdx.x; i < BLOCK_Q * HEAD_DIM; i += THREADS) {
        const int r = min(tile.first + i / HEAD_DIM, packed - 1);
        s.queries[i / HEAD_DIM][i % HEAD_DIM] =
            a.queries[(i64)(sequence.q_begin + r / group) * a.row_columns + (kv_head * group + r % group) * HEAD_DIM + i % HEAD_DIM];
    }

    float y[EACH_COLUMNS] = {}, largest = -INFINITY, total = 0;
    for (int first_key = 0; first_key < visible; first_key += BLOCK_KEYS) {
        __syncthreads(); // the previous block is done reading
        // Zeros past the last visible key: what the caches hold there, NaN perhaps, must not meet even a weight of 0.
        for (int i = threadIdx.x; i < BLOCK_KEYS * HEAD_DIM; i += THREADS) {
            const int k = first_key + i / HEAD_DIM;
            s.keys[i / HEAD_DIM][i % HEAD_DIM] = k < visible ? keys[k * kv_stride + i % HEAD_DIM] : 0;
            s.values[i / HEAD_DIM][i % HEAD_DIM] = k < visible ? values[k * kv_stride + i % HEAD_DIM] : 0;
        }
        __syncthreads();

        float score[EACH_KEYS] = {}, max = largest;
#pragma unroll 8
        for (int d = 0; d < HEAD_DIM; d++)
#pragma unroll
            for (int j = 0; j < EACH_KEYS; j++) score[j] += s.queries[row][d] * s.keys[share + j * SHARERS][d];
#pragma unroll
        for (int j = 0; j < EACH_KEYS; j++) {
            if (first_key + share + j * SHARERS >= end) score[j] = -INFINITY;
            max = fmaxf(max, score[j]);
        }
#pragma unroll
        for (int d = 1; d < SHARERS; d *= 2) max = fmaxf(max, __shfl_xor_sync(ALL_LANES, max, d));
        const float keep = exp2_approx((largest - max) * a.scale);
        largest = max;
        float sum = 0;
#pragma unroll
        for (int j = 0; j < EACH_KEYS; j++) {
            const float w = exp2_approx((score[j] - max) * a.scale);
            s.weights[row][share + j * SHARERS] = w;
            sum += w;
        }
        total = total * keep + sum;
        __syncwarp(); // a row's weights are written and read within its warp
#pragma unroll
        for (int i = 0; i < EACH_COLUMNS; i++) y[i] *= keep;
        for (int k = 0; k < BLOCK_KEYS; k++)
#pragma unroll
            for (int i = 0; i < EACH_COLUMNS; i++) y[i] += s.weights[row][k] * s.values[k][share + i * SHARERS];
    }

#pragma unroll
    for (int d = 1; d < SHARERS; d *= 2) total += __shfl_xor_sync(ALL_LANES, total, d);
    if (p >= packed) return;
    float* out = a.y + ((i64)(sequence.q_begin + p / group) * a.heads + kv_head * group + p % group) * HEAD_DIM;
#pragma unroll
    for (int i = 0; i < EACH_COLUMNS; i++) out[share + i * SHARERS] = y[i] / total;
}
