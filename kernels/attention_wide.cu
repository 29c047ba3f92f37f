// attention_wide: one head as wide as a row, in float32 on the ordinary cores: the VAE's attention within a frame.
//   y[q,:] = softmax_k(x[q,:] . keys[k,:] / sqrt(dim)) values[k,:]         over all keys of the query's frame
//
// shapes    queries: the first dim columns of rows of row_columns; keys, values, y (frames x rows, dim) float32; dim a multiple of
//           4, at most MAX_DIM
// mapping   a block per 16 queries of a frame, whose queries stay in shared memory; keys in blocks of 64, 32 columns at a time
//           through two stages of cp.async; for scores a thread takes 4 x 4 of a fourth of the columns, then 16 threads a query's
//           softmax, then a thread all queries by 4 columns of the values, which it alone reads, past shared memory
// traffic   per block all keys and values of its frame, from the second-level cache
// bound     arithmetic: 4 dim rows^2 / 60 TFLOP/s a frame: 32 x 32 pixels of 1024 channels 72 us
// rounding  float32 throughout
// layout    rows in shared memory are padded by 16 bytes, so that eight neighbouring rows lie in different banks
#include "common/async.cuh"
#include "common/math.cuh"
#include "common/vec.cuh"

constexpr int MAX_DIM = 1024, BLOCK_Q = 16, BLOCK_KEYS = 64, DEPTH = 32, THREADS = 256;
constexpr int GROUPS = 4, GROUP_THREADS = THREADS / GROUPS, GROUP_DEPTH = DEPTH / GROUPS; // a group of threads has a part of the columns
constexpr int SIDE_KEYS = BLOCK_KEYS / 4, SHARERS = THREADS / BLOCK_Q, EACH_KEYS = BLOCK_KEYS / SHARERS;
static_assert(MAX_DIM == 4 * THREADS, "a thread has four columns of the values");

struct AttentionWideArgs {
    const float* queries;
    const float* keys;
    const float* values;
    float* y;
    int row_columns;
    int rows; // of a frame
    int dim;
    float scale; // log2(e) / sqrt(dim): the softmax runs in powers of two
};

struct AttentionWideShared {
    float queries[BLOCK_Q][MAX_DIM + 4];
    float keys[2][BLOCK_KEYS][DEPTH + 4];
    float scores[GROUPS][BLOCK_Q][BLOCK_KEYS]; // of each group; then the first are the weights
    float keep[BLOCK_Q];                       // what the sums so far are multiplied by; in the end what they are divided by
};

// Columns past the last and keys past the last become zeros.
__device__ __forceinline__ void load_keys(const AttentionWideArgs& a, float (*stage)[DEPTH + 4], const float* keys, int count, int d0)
{
    constexpr int WORDS = DEPTH / 4;
#pragma unroll
    for (int i = threadIdx.x; i < BLOCK_KEYS * WORDS; i += THREADS) {
        const int k = i / WORDS, d = d0 + i % WORDS * 4;
        const bool valid = k < count && d < a.dim;
        async_copy_16(&stage[k][i % WORDS * 4], valid ? keys + (i64)k * a.dim + d : keys, valid);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) attention_wide(const __grid_constant__ AttentionWideArgs a)
{
    SHARED_MEMORY(AttentionWideShared, s);
    const int first = blockIdx.x * BLOCK_Q, depth = ceil_div(a.dim, DEPTH);
    const i64 frame = (i64)blockIdx.y * a.rows;
    const float *keys = a.keys + frame * a.dim, *values = a.values + frame * a.dim;

    for (int i = threadIdx.x; i < BLOCK_Q * depth * (DEPTH / 4); i += THREADS) {
        const int r = i / (depth * (DEPTH / 4)), d = i % (depth * (DEPTH / 4)) * 4;
        const bool valid = first + r < a.rows && d < a.dim;
        async_copy_16(&s.queries[r][d], valid ? a.queries + (frame + first + r) * a.row_columns + d : a.queries, valid);
    }

    // Scores: the thread's fourth of the columns, its four queries and its keys, 16 apart.
    const int group = threadIdx.x / GROUP_THREADS, query = threadIdx.x % GROUP_THREADS / SIDE_KEYS * 4, key = threadIdx.x % SIDE_KEYS;
    // Softmax: the thread's query and its keys, 16 apart; the sharers of a query are neighbours in a warp.
    const int row = threadIdx.x / SHARERS, share = threadIdx.x % SHARERS;
    // Values: the thread's columns.
    const int column = threadIdx.x * 4;

    float y[BLOCK_Q][4] = {};
    float largest = -INFINITY, total = 0;
    for (int first_key = 0; first_key < a.rows; first_key += BLOCK_KEYS) {
        const int count = min(BLOCK_KEYS, a.rows - first_key);
        const float* block = keys + (i64)first_key * a.dim;
        float score[4][4] = {};
        load_keys(a, s.keys[0], block, count, 0);
        async_commit();
        for (int step = 0; step < depth; step++) {
            async_wait<0>();
            __syncthreads(); // this stage has landed for all; the other, and the weights of the block before, are no longer read
            if (step + 1 < depth) load_keys(a, s.keys[(step + 1) % 2], block, count, (step + 1) * DEPTH);
            async_commit();
#pragma unroll
            for (int d = group * GROUP_DEPTH; d < (group + 1) * GROUP_DEPTH; d += 4) {
                Vec<float> q[4], k[4];
#pragma unroll
                for (int i = 0; i < 4; i++) q[i].load(&s.queries[query + i][step * DEPTH + d]);
#pragma unroll
                for (int j = 0; j < 4; j++) k[j].load(&s.keys[step % 2][key + j * SIDE_KEYS][d]);
#pragma unroll
                for (int i = 0; i < 4; i++)
#pragma unroll
                    for (int j = 0; j < 4; j++)
#pragma unroll
                        for (int e = 0; e < 4; e++) score[i][j] += q[i].v[e] * k[j].v[e];
            }
        }
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) s.scores[group][query + i][key + j * SIDE_KEYS] = score[i][j];
        __syncthreads();

        float x[EACH_KEYS], max = largest;
#pragma unroll
        for (int j = 0; j < EACH_KEYS; j++) {
            const int k = share + j * SHARERS;
            x[j] = 0;
#pragma unroll
            for (int g = 0; g < GROUPS; g++) x[j] += s.scores[g][row][k];
            if (k >= count) x[j] = -INFINITY;
            max = fmaxf(max, x[j]);
        }
#pragma unroll
        for (int d = 1; d < SHARERS; d *= 2) max = fmaxf(max, __shfl_xor_sync(ALL_LANES, max, d));
        const float keep = exp2_approx((largest - max) * a.scale);
        largest = max;
        float sum = 0;
#pragma unroll
        for (int j = 0; j < EACH_KEYS; j++) {
            const float weight = exp2_approx((x[j] - max) * a.scale);
            s.scores[0][row][share + j * SHARERS] = weight; // over scores that this thread alone has read
            sum += weight;
        }
        total = total * keep + sum; // this thread's share of the keys
        if (share == 0) s.keep[row] = keep;
        __syncthreads();

        if (column < a.dim) {
#pragma unroll
            for (int q = 0; q < BLOCK_Q; q++)
#pragma unroll
                for (int e = 0; e < 4; e++) y[q][e] *= s.keep[q];
            const float* value = values + (i64)first_key * a.dim + column;
            for (int k = 0; k < count; k += 4) {
                Vec<float> v[4];
#pragma unroll
                for (int j = 0; j < 4; j++) v[j].load(value + (i64)min(k + j, count - 1) * a.dim); // past the last the weight is 0
#pragma unroll
                for (int q = 0; q < BLOCK_Q; q++) {
                    Vec<float> weight;
                    weight.load(&s.scores[0][q][k]);
#pragma unroll
                    for (int j = 0; j < 4; j++)
#pragma unroll
                        for (int e = 0; e < 4; e++) y[q][e] += weight.v[j] * v[j].v[e];
                }
            }
        }
    }
    async_wait<0>();

#pragma unroll
    for (int d = 1; d < SHARERS; d *= 2) total += __shfl_xor_sync(ALL_LANES, total, d);
    __syncthreads(); // the last block's factors are no longer read
    if (share == 0) s.keep[row] = total;
    __syncthreads();
    if (column >= a.dim) return;
#pragma unroll
    for (int q = 0; q < BLOCK_Q; q++) {
        if (first + q >= a.rows) break;
        Vec<float> out;
#pragma unroll
        for (int e = 0; e < 4; e++) out.v[e] = y[q][e] / s.keep[q];
        out.store(a.y + (frame + first + q) * a.dim + column);
    }
}
