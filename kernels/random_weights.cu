// random_weights: weights nobody trained, from an integer hash of a tensor's name and an element's index (bench/peers/weights_hash.py
// is the definition): a model to measure is made where it runs, and never carried.
//   y[i] = base + scale * v(id, j), v in [-1, 1) in steps of 2^-23
// j is i, but of a convolution, whose official rows are (channels, taps) and ours (taps, channels).
//
// shapes    y (count) ELEMENT, count a multiple of channels x taps
// mapping   a thread per element
// traffic   count elements, written
// bound     memory, and close to it the hash: some 12 integer operations an element
// rounding  one float32 product and one sum, of which one is exact; to bfloat16, in float32 widened again
#include "common/bf16.cuh"

#if !defined(ELEMENT) || !defined(BLOCK)
#error "random_weights.cu needs -DELEMENT=bf16|f32 -DBLOCK=threads"
#endif

struct RandomWeightsArgs {
    ELEMENT* y;
    i64 count; // at most 2^32
    u32 id;
    float base;
    float scale;
    u32 channels;
    u32 taps; // 1: no convolution, and any number of channels
    int padding;
};

__device__ __forceinline__ u32 hash_of(u32 id, u32 i)
{
    u32 x = i * 0x9E3779B1u + id * 0x85EBCA77u;
    x ^= x >> 16;
    x *= 0x7FEB352Du;
    x ^= x >> 15;
    x *= 0x846CA68Bu;
    return x ^ x >> 16;
}

extern "C" __global__ void __launch_bounds__(BLOCK) random_weights(const __grid_constant__ RandomWeightsArgs a)
{
    const i64 i = (i64)blockIdx.x * BLOCK + threadIdx.x;
    if (i >= a.count) return;
    u32 j = (u32)i;
    if (a.taps > 1) {
        const u32 in_row = j % (a.channels * a.taps);
        j += in_row % a.channels * a.taps + in_row / a.channels - in_row;
    }
    const float v = (float)((int)(hash_of(a.id, j) >> 8) - (1 << 23)) * (1.0f / (1 << 23));
    from_float(rounded<bf16>(a.base + a.scale * v), a.y[i]);
}
