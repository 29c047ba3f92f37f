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

// A lane's elements are moved in one access: in two, a sector of 32 bytes would be asked for twice, and written by halves.
template <int bytes> struct WordsOf;
template <> struct WordsOf<4> { typedef u32 type; };
template <> struct WordsOf<8> { typedef uint2 type; };
template <> struct WordsOf<16> { typedef uint4 type; };
typedef WordsOf<PER_LANE * sizeof(ELEMENT)>::type Words;

union Lane {
    Words all;
    u32 words[sizeof(Words) / sizeof(u32)];
};

__device__ __forceinline__ void store_words(u32 words, void* p) { *reinterpret_cast<u32*>(p) = words; }
// As one number: of two the compiler makes two stores.
__device__ __forceinline__ void store_words(uint2 words, void* p) { *reinterpret_cast<u64*>(p) = (u64)words.y << 32 | words.x; }
__device__ __forceinline__ void store_words(uint4 words, void* p) { *reinterpret_cast<uint4*>(p) = words; }

__device__ __forceinline__ void widen(const Words& all, float (&x)[PER_LANE])
{
    Lane lane;
    lane.all = all;
#pragma unroll
    for (int i = 0; i < PER_LANE; i++)
        x[i] = sizeof(ELEMENT) == 4 ? __uint_as_float(lane.words[i]) : i % 2 == 0 ? low_half(lane.words[i / 2]) : high_half(lane.words[i / 2]);
}
__device__ __forceinline__ void store_lane(const float (&x)[PER_LANE], ELEMENT* p)
{
    Lane lane;
#pragma unroll
    for (int i = 0; i < (int)(sizeof(Words) / sizeof(u32)); i++)
        lane.words[i] = sizeof(ELEMENT) == 4 ? __float_as_uint(x[i]) : pack_bf16(x[2 * i % PER_LANE], x[(2 * i + 1) % PER_LANE]);
    store_words(lane.all, p);
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
    const int element = lane_id() * PER_LANE;
    ELEMENT* source = a.qkv + (row * (a.heads + 2 * a.kv_heads) + head) * HEAD_DIM + element;
    const Words words = *reinterpret_cast<const Words*>(source); // asked for before the way to the sequence is waited for
    const Sequence sequence = a.sequences[a.row_sequence[row]];
    const int number = (int)row - sequence.q_begin;
    const i64 place = (i64)(sequence.kv_base + sequence.prefix_len + number) * a.kv_heads;

    if (head >= a.heads + a.kv_heads) {
        store_words(words, a.values + (place + head - a.heads - a.kv_heads) * HEAD_DIM + element);
        return;
    }
    float x[PER_LANE];
    widen(words, x);

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
