// sample_token: the next token from a row of logits: the likeliest, or a draw after temperature, top-k and top-p, in the
// official order. The draw is counter-based (Philox), so it depends on seed and count alone.
//   greedy (temperature 0): the first of the largest logits
//   else: keep what reaches the k-th largest; of that, with the probabilities of logits / temperature, keep a token while those
//   more likely than it do not pass p; draw u among the kept, walked in the order of their ids
// Both thresholds are logits: tokens that tie with the last one kept are kept too, as the CPU's TokenSampler does.
// A row with a NaN or +infinity in it, or of nothing but -infinity, gives -1: the host makes an error of it.
//
// shapes    logits (vocabulary) float32; token (1) int; draw (1) 64-bit
// mapping   one block; thresholds are found by bisection on the logits' bit patterns: 32 passes over the row, exact
// traffic   the row, from the second-level cache after the first pass: 151,669 x 4 = 0.6 MB a pass
// bound     what one multiprocessor draws from that cache, some 5 us a pass: greedy 2 passes, 10 us; top-k and top-p 32 each,
//           0.2 ms, 0.4 ms together: a tenth of the token's matrices
// rounding  probabilities in float32, summed in a fixed order
#include "common/math.cuh"
#include "common/reduce.cuh"

constexpr int THREADS = 1024, WARPS = THREADS / WARP;
constexpr float LARGEST_SCALE = 3e38f; // finite, so that the likeliest keeps its weight at the smallest temperatures

struct SampleTokenArgs {
    const float* logits;
    int* token;
    const u64* draw;   // which number of the seed: read, so that a captured launch serves every token
    u64 seed;
    int vocabulary;
    int top_k;         // 0: all
    float top_p;       // 1: all
    float temperature; // 0: greedy
};

struct SampleTokenShared {
    BlockReduction<WARPS> reduction;
    float prefix[THREADS];
    int best[WARPS];
};

// Floats in the order of unsigned integers; the two zeros are one.
__device__ __forceinline__ u32 ordered(float x)
{
    const u32 u = __float_as_uint(x + 0.0f);
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}

__device__ __forceinline__ float philox_uniform(u64 key, u64 counter)
{
    u32 k0 = (u32)key, k1 = (u32)(key >> 32), c0 = (u32)counter, c1 = (u32)(counter >> 32), c2 = 0, c3 = 0;
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const u64 p0 = (u64)0xD2511F53u * c0, p1 = (u64)0xCD9E8D57u * c2;
        const u32 n0 = (u32)(p1 >> 32) ^ c1 ^ k0, n2 = (u32)(p0 >> 32) ^ c3 ^ k1;
        c0 = n0, c1 = (u32)p1, c2 = n2, c3 = (u32)p0;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    return (c0 >> 8) * (1.0f / (1 << 24));
}

extern "C" __global__ void __launch_bounds__(THREADS) sample_token(const __grid_constant__ SampleTokenArgs a)
{
    SHARED_MEMORY(SampleTokenShared, s);
    float largest = -INFINITY;
    bool damaged = false;
    for (int i = threadIdx.x; i < a.vocabulary; i += THREADS) {
        largest = fmaxf(largest, a.logits[i]);
        damaged |= !(a.logits[i] < INFINITY);
    }
    largest = block_max(largest, s.reduction);
    if (__syncthreads_or(damaged) || largest == -INFINITY) {
        if (threadIdx.x == 0) *a.token = -1;
        return;
    }

    if (a.temperature == 0) {
        int first = a.vocabulary;
        for (int i = threadIdx.x; i < a.vocabulary; i += THREADS)
            if (a.logits[i] == largest) first = min(first, i);
#pragma unroll
        for (int d = WARP / 2; d > 0; d /= 2) first = min(first, __shfl_xor_sync(ALL_LANES, first, d));
        if (lane_id() == 0) s.best[warp_id()] = first;
        __syncthreads();
        if (threadIdx.x == 0) {
            for (int w = 1; w < WARPS; w++) first = min(first, s.best[w]);
            *a.token = first;
        }
        return;
    }

    const float scale = fminf(LOG2_E / a.temperature, LARGEST_SCALE);
    // The largest bit pattern that at least k logits reach.
    u32 threshold = 0;
    if (a.top_k > 0 && a.top_k < a.vocabulary) {
        for (int bit = 31; bit >= 0; bit--) {
            const u32 candidate = threshold | 1u << bit;
            float count = 0; // exact in float32: a vocabulary has far fewer than 2^24 tokens
            for (int i = threadIdx.x; i < a.vocabulary; i += THREADS) count += ordered(a.logits[i]) >= candidate;
            if (block_sum(count, s.reduction) >= a.top_k) threshold = candidate;
        }
    }
    if (a.top_p < 1) {
        float mass = 0;
        for (int i = threadIdx.x; i < a.vocabulary; i += THREADS)
            if (ordered(a.logits[i]) >= threshold) mass += exp2_approx((a.logits[i] - largest) * scale);
        const float enough = a.top_p * block_sum(mass, s.reduction);
        // The largest bit pattern from which on the mass passes p: whatever lies above it does not.
        u32 last = 0;
        for (int bit = 31; bit >= 0; bit--) {
            const u32 candidate = last | 1u << bit;
            float more = 0;
            for (int i = threadIdx.x; i < a.vocabulary; i += THREADS)
                if (ordered(a.logits[i]) >= candidate) more += exp2_approx((a.logits[i] - largest) * scale);
            if (block_sum(more, s.reduction) > enough) last = candidate;
        }
        threshold = max(threshold, last);
    }

    // Each thread owns a run of ids, so that the walk is in the order of ids.
    const int each = ceil_div(a.vocabulary, THREADS), begin = min(threadIdx.x * each, a.vocabulary), end = min(begin + each, a.vocabulary);
    float mass = 0;
    for (int i = begin; i < end; i++)
        if (ordered(a.logits[i]) >= threshold) mass += exp2_approx((a.logits[i] - largest) * scale);
    s.prefix[threadIdx.x] = mass;
    __syncthreads();
    if (threadIdx.x == 0) {
        float total = 0;
        for (int t = 0; t < THREADS; t++) total += s.prefix[t];
        const float target = philox_uniform(a.seed, *a.draw) * total;
        // The owner of the target, or, should rounding carry it past the end, the last thread that has any mass.
        float before = 0, reached = 0;
        int owner = 0;
        for (int t = 0; t < THREADS; t++) {
            if (s.prefix[t] > 0) owner = t, reached = before;
            before += s.prefix[t];
            if (before > target) break;
        }
        int token = -1;
        for (int i = owner * each; i < min(owner * each + each, a.vocabulary); i++) {
            if (ordered(a.logits[i]) < threshold) continue;
            const float weight = exp2_approx((a.logits[i] - largest) * scale);
            if (weight > 0) token = i;
            reached += weight;
            if (reached > target) break;
        }
        *a.token = token;
    }
}
