// qkv_to_cache: projected rows become heads: queries normed and rotated in place, keys likewise on their way into the K cache,
// values copied into the V cache. A row's place in the caches is kv_base + prefix_len + its number in its sequence, so a span's
// keys stand right behind its prefix's.
//   x = x / sqrt(mean(x^2) + eps) * weight                     where there are norms (the flow head)
//   text row:   (x[i], x[i + D/2]) rotated by +position f[i]   (rotate-half)
//   patch row:  (x[2i], x[2i + 1]) rotated by -angle[i]        frame, row and column parts of D/8, 3D/16, 3D/16 pairs
//   time token: not rotated
// The LLM rotates every row as text (frames_table null).
//
// shapes    qkv (rows, (heads + 2 kv_heads) D) ELEMENT; keys, values (capacity, kv_heads D) ELEMENT; norms (D) float32
//           text (positions, D/2) float2 of (cos, sin); frames (frames, D/8), sides (max side, 3D/16) likewise
// mapping   a warp per head of a row; a lane holds D/32 neighbouring elements, its rotate-half partner is lane ^ 16
// traffic   2 rows (heads + 2 kv_heads) D elements
// bound     memory: 2050 rows x (28 + 8) x 128 bf16 = 38 MB, 9 us at 4.3 TB/s
// rounding  norm and rotation in float32 from the projection's ELEMENT values, one rounding at the store
#include "common/reduce.cuh"
#include "common/sequences.cuh"
#include "common/vec.cuh"

#if !defined(ELEMENT) || !defined(HEAD_DIM) || !defined(BLOCK)
#error "qkv_to_cache.cu needs -DELEMENT=bf16|f32 -DHEAD_DIM=64|128 -DBLOCK=threads"
#endif

constexpr int PER_LANE = HEAD_DIM / WARP;
static_assert(PER_LANE == 2 || PER_LANE == 4, "a lane holds whole pairs, and half a head is sixteen lanes");

struct QkvToCacheArgs {
    ELEMENT* qkv;
    ELEMENT* keys;
    ELEMENT* values;
    const float* query_norm;   // null: no norms
    const float* key_norm;
    const float2* text;
    const float2* frames;      // null: every row is text
    const float2* sides;
    const Sequence* sequences;
    const int* row_sequence;
    int heads;
    int kv_heads;
    float epsilon;
    int padding;
};

__device__ __forceinline__ void load_lane(const bf16* p, float (&x)[PER_LANE])
{
#pragma unroll
    for (int i = 0; i < PER_LANE; i += 2) {
        const u32 pair = *reinterpret_cast<const u32*>(p + i);
        x[i] = low_half(pair), x[i + 1] = high_half(pair);
    }
}
__device__ __forceinline__ void store_lane(const float (&x)[PER_LANE], bf16* p)
{
#pragma unroll
    for (int i = 0; i < PER_LANE; i += 2) *reinterpret_cast<u32*>(p + i) = pack_bf16(x[i], x[i + 1]);
}
__device__ __forceinline__ void load_lane(const float* p, float (&x)[PER_LANE])
{
#pragma unroll
    for (int i = 0; i < PER_LANE; i += 2) {
        const float2 pair = *reinterpret_cast<const float2*>(p + i);
        x[i] = pair.x, x[i + 1] = pair.y;
    }
}
__device__ __forceinline__ void store_lane(const float (&x)[PER_LANE], float* p)
{
#pragma unroll
    for (int i = 0; i < PER_LANE; i += 2) *reinterpret_cast<float2*>(p + i) = make_float2(x[i], x[i + 1]);
}

// (cos, sin) of pair p of patch n of a span.
__device__ __forceinline__ float2 patch_angle(const QkvToCacheArgs& a, const Sequence& sequence, int patch, int pair)
{
    constexpr int FRAME = HEAD_DIM / 8, SIDE = HEAD_DIM * 3 / 16;
    const int column = patch % sequence.width, row = patch / sequence.width % sequence.height;
    const int frame = patch / (sequence.width * sequence.height);
    if (pair < FRAME) return a.frames[frame * FRAME + pair];
    if (pair < FRAME + SIDE) return a.sides[row * SIDE + pair - FRAME];
    return a.sides[column * SIDE + pair - FRAME - SIDE];
}

extern "C" __global__ void __launch_bounds__(BLOCK) qkv_to_cache(const __grid_constant__ QkvToCacheArgs a)
{
    const int head = blockIdx.y * (BLOCK / WARP) + warp_id();
    if (head >= a.heads + 2 * a.kv_heads) return;
    const i64 row = blockIdx.x;
    const Sequence sequence = a.sequences[a.row_sequence[row]];
    const int number = (int)row - sequence.q_begin;
    const int element = lane_id() * PER_LANE;
    ELEMENT* source = a.qkv + (row * (a.heads + 2 * a.kv_heads) + head) * HEAD_DIM + element;
    const i64 place = (i64)(sequence.kv_base + sequence.prefix_len + number) * a.kv_heads;

    float x[PER_LANE];
    load_lane(source, x);
    if (head >= a.heads + a.kv_heads) {
        store_lane(x, a.values + (place + head - a.heads - a.kv_heads) * HEAD_DIM + element);
        return;
    }

    const bool is_query = head < a.heads;
    if (a.query_norm) {
        const float* weight = is_query ? a.query_norm : a.key_norm;
        float squares = 0;
#pragma unroll
        for (int i = 0; i < PER_LANE; i++) squares += x[i] * x[i];
        const float inverse = rsqrtf(warp_sum(squares) / HEAD_DIM + a.epsilon);
#pragma unroll
        for (int i = 0; i < PER_LANE; i++) x[i] = x[i] * inverse * weight[element + i];
    }

    if (!a.frames || !sequence.is_span()) {
        const bool upper = lane_id() >= WARP / 2;
        const float2* angles = a.text + (i64)(sequence.pos_base + number) * (HEAD_DIM / 2);
#pragma unroll
        for (int i = 0; i < PER_LANE; i++) {
            const float partner = __shfl_xor_sync(ALL_LANES, x[i], WARP / 2);
            const float2 angle = angles[(element + i) % (HEAD_DIM / 2)];
            x[i] = upper ? x[i] * angle.x + partner * angle.y : x[i] * angle.x - partner * angle.y;
        }
    } else if (number > 0) {
#pragma unroll
        for (int i = 0; i < PER_LANE; i += 2) {
            const float2 angle = patch_angle(a, sequence, number - 1, (element + i) / 2);
            const float first = x[i], second = x[i + 1];
            x[i] = first * angle.x + second * angle.y;
            x[i + 1] = second * angle.x - first * angle.y;
        }
    }
    store_lane(x, is_query ? source : a.keys + (place + head - a.heads) * HEAD_DIM + element);
}
