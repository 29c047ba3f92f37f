// attention_decode: one query per sequence over many keys, split so that the whole chip reads them. The last block of a
// sequence's key head to finish puts the parts together.
//   y[q,h,:] = softmax_k(x[q,h,:] . keys[k,h/group,:] / sqrt(D)) values[k,h/group,:]   over the keys k < kv_end(q)
//
// shapes    queries: the first heads x D columns of rows of row_columns, one row per sequence; keys, values (capacity, kv_heads D);
//           y (rows, heads D) ELEMENT; parts (sequences, kv_heads, splits, group, D + 2) float32; finished (sequences, kv_heads)
//           int, zero before the first launch and left zero
// mapping   a block per (split, key head, sequence): WARPS warps take keys in turn, all heads of the group at once; a lane holds
//           D / 32 neighbouring elements, which it loads at once, of IN_FLIGHT keys before it weighs the first
// traffic   keys and values once: 2 kv_end kv_heads D elements
// bound     memory: 1100 keys x 4 heads x 128 bf16 = 2.3 MB, under a microsecond: latency-bound
// rounding  float32 throughout, y at the store; the order of the parts is fixed, so results do not depend on timing
#include "common/math.cuh"
#include "common/reduce.cuh"
#include "common/sequences.cuh"
#include "common/bf16.cuh"

#if !defined(ELEMENT) || !defined(HEAD_DIM) || !defined(GROUP)
#error "attention_decode.cu needs -DELEMENT=bf16|f32 -DHEAD_DIM=64|128 -DGROUP=query heads per key head, at most"
#endif

constexpr int WARPS = 4, THREADS = WARPS * WARP, EACH = HEAD_DIM / WARP, IN_FLIGHT = 4, PARTS_IN_FLIGHT = 8;

// A lane's elements of a head, moved in one access.
struct __align__(EACH * sizeof(ELEMENT)) Elements {
    ELEMENT v[EACH];
};

__device__ __forceinline__ Elements load_elements(const ELEMENT* p) { return *reinterpret_cast<const Elements*>(p); }

__device__ __forceinline__ void widen(const Elements& x, float (&v)[EACH])
{
#pragma unroll
    for (int i = 0; i < EACH; i++) v[i] = to_float(x.v[i]);
}

struct AttentionDecodeArgs {
    const ELEMENT* queries;
    const ELEMENT* keys;
    const ELEMENT* values;
    ELEMENT* y;
    const Sequence* sequences;
    float* parts;
    int* finished;
    int row_columns;
    int heads;
    int kv_heads;
    float scale; // log2(e) / sqrt(D)
};

// A running softmax: the sum of the weights and the weighted values, both relative to the largest score so far.
struct Partial {
    float largest;
    float total;
    float y[EACH];

    __device__ __forceinline__ void add(float score, const float (&value)[EACH])
    {
        const float max = fmaxf(largest, score), keep = exp2_approx(largest - max), weight = exp2_approx(score - max);
        largest = max;
        total = total * keep + weight;
#pragma unroll
        for (int i = 0; i < EACH; i++) y[i] = y[i] * keep + weight * value[i];
    }

    // Parts without a key have largest -inf and nothing to give; the caller sees to it that one side has a key.
    __device__ __forceinline__ void merge(float other_largest, float other_total, const float (&other)[EACH])
    {
        if (other_largest == -INFINITY) return;
        const float max = fmaxf(largest, other_largest), keep = exp2_approx(largest - max), take = exp2_approx(other_largest - max);
        largest = max;
        total = total * keep + other_total * take;
#pragma unroll
        for (int i = 0; i < EACH; i++) y[i] = y[i] * keep + other[i] * take;
    }
};

struct AttentionDecodeShared {
    float largest[WARPS][GROUP];
    float total[WARPS][GROUP];
    float y[WARPS][GROUP][HEAD_DIM];
    int last;
};

extern "C" __global__ void __launch_bounds__(THREADS) attention_decode(const __grid_constant__ AttentionDecodeArgs a)
{
    SHARED_MEMORY(AttentionDecodeShared, s);
    const int split = blockIdx.x, splits = gridDim.x, kv_head = blockIdx.y, group = a.heads / a.kv_heads;
    const Sequence sequence = a.sequences[blockIdx.z];
    const int visible = sequence.kv_end(0), warp = warp_id(), lane = lane_id(), element = lane * EACH;
    const i64 kv_stride = (i64)a.kv_heads * HEAD_DIM;

    float q[GROUP][EACH];
    Partial part[GROUP];
#pragma unroll
    for (int h = 0; h < GROUP; h++) {
        part[h].largest = -INFINITY, part[h].total = 0;
        const ELEMENT* row = a.queries + (i64)sequence.q_begin * a.row_columns + (kv_head * group + min(h, group - 1)) * HEAD_DIM + element;
        widen(load_elements(row), q[h]);
#pragma unroll
        for (int i = 0; i < EACH; i++) part[h].y[i] = 0;
    }

    // A key's way from memory is longer than weighing it takes: the next ones are under way meanwhile.
    const int stride = splits * WARPS, first = split * WARPS + warp;
    const i64 column = sequence.kv_base * kv_stride + kv_head * HEAD_DIM + element;
    Elements keys[IN_FLIGHT] = {}, values[IN_FLIGHT] = {};
#pragma unroll
    for (int i = 0; i < IN_FLIGHT; i++)
        if (first + i * stride < visible) {
            keys[i] = load_elements(a.keys + column + (first + i * stride) * kv_stride);
            values[i] = load_elements(a.values + column + (first + i * stride) * kv_stride);
        }
    for (int begin = first; begin < visible; begin += IN_FLIGHT * stride)
#pragma unroll
        for (int i = 0; i < IN_FLIGHT; i++) {
            const int k = begin + i * stride, next = k + IN_FLIGHT * stride;
            if (k >= visible) break;
            float key[EACH], value[EACH];
            widen(keys[i], key);
            widen(values[i], value);
            if (next < visible) {
                keys[i] = load_elements(a.keys + column + next * kv_stride);
                values[i] = load_elements(a.values + column + next * kv_stride);
            }
#pragma unroll
            for (int h = 0; h < GROUP; h++) {
                if (h >= group) break;
                float score = 0;
#pragma unroll
                for (int e = 0; e < EACH; e++) score += q[h][e] * key[e];
                part[h].add(warp_sum(score) * a.scale, value);
            }
        }

    // The block's warps in order, then the sequence's blocks in order.
#pragma unroll
    for (int h = 0; h < GROUP; h++) {
        if (lane == 0) s.largest[warp][h] = part[h].largest, s.total[warp][h] = part[h].total;
#pragma unroll
        for (int i = 0; i < EACH; i++) s.y[warp][h][element + i] = part[h].y[i];
    }
    __syncthreads();
    const i64 place = (i64)blockIdx.z * a.kv_heads + kv_head;
    float* parts = a.parts + place * splits * group * (HEAD_DIM + 2);
    for (int h = warp; h < group; h += WARPS) {
        Partial sum = {-INFINITY, 0, {}};
        for (int w = 0; w < WARPS; w++) {
            float y[EACH];
#pragma unroll
            for (int i = 0; i < EACH; i++) y[i] = s.y[w][h][element + i];
            sum.merge(s.largest[w][h], s.total[w][h], y);
        }
        float* out = parts + ((i64)split * group + h) * (HEAD_DIM + 2);
        if (lane == 0) out[HEAD_DIM] = sum.largest, out[HEAD_DIM + 1] = sum.total;
#pragma unroll
        for (int i = 0; i < EACH; i++) out[element + i] = sum.y[i];
    }

    __threadfence(); // the parts are visible before the count says so
    __syncthreads();
    if (threadIdx.x == 0) s.last = atomicAdd(a.finished + place, 1) == splits - 1;
    __syncthreads();
    if (!s.last) return;
    __threadfence();
    if (threadIdx.x == 0) a.finished[place] = 0; // ready for the next launch
    for (int h = warp; h < group; h += WARPS) {
        // In the blocks' order, but asked for several at a time.
        Partial sum = {-INFINITY, 0, {}};
        for (int begin = 0; begin < splits; begin += PARTS_IN_FLIGHT) {
            Partial of[PARTS_IN_FLIGHT];
#pragma unroll
            for (int b = 0; b < PARTS_IN_FLIGHT; b++) {
                const volatile float* in = parts + ((i64)min(begin + b, splits - 1) * group + h) * (HEAD_DIM + 2);
                of[b].largest = in[HEAD_DIM], of[b].total = in[HEAD_DIM + 1];
#pragma unroll
                for (int i = 0; i < EACH; i++) of[b].y[i] = in[element + i];
            }
#pragma unroll
            for (int b = 0; b < PARTS_IN_FLIGHT; b++)
                if (begin + b < splits) sum.merge(of[b].largest, of[b].total, of[b].y);
        }
        ELEMENT* out = a.y + ((i64)sequence.q_begin * a.heads + kv_head * group + h) * HEAD_DIM + element;
#pragma unroll
        for (int i = 0; i < EACH; i++) from_float(sum.y[i] / sum.total, out[i]);
    }
}
