// The hash of weights_hash.py in C, C++ and CUDA: bench/lab fills its buffers with it, and a test compiles this file
// with the host compiler against the same vectors. weights_hash.py is the definition; change it there first.
#pragma once
#ifdef __CUDACC_RTC__       // compiled in memory, without a C library's headers
typedef unsigned int uint32_t;
typedef int int32_t;
typedef unsigned short uint16_t;
typedef unsigned char uint8_t;
#else
#include <stdint.h>
#endif

#ifdef __CUDACC__
#define HASH_FN __host__ __device__ inline
#else
#define HASH_FN inline
#endif

HASH_FN uint32_t tensor_id(const char* name)
{
    uint32_t h = 0x811C9DC5u;
    for (; *name; ++name) h = (h ^ (uint8_t)*name) * 0x01000193u;
    return h;
}

HASH_FN uint32_t hash32(uint32_t id, uint32_t flat_index)
{
    uint32_t x = flat_index * 0x9E3779B1u + id * 0x85EBCA77u;
    x ^= x >> 16;
    x *= 0x7FEB352Du;
    x ^= x >> 15;
    x *= 0x846CA68Bu;
    x ^= x >> 16;
    return x;
}

// In [-1, 1): a 24-bit integer times a power of two, exact in float.
HASH_FN float hash_unit(uint32_t id, uint32_t flat_index)
{
    return (float)((int32_t)(hash32(id, flat_index) >> 8) - (1 << 23)) * (1.0f / (float)(1 << 23));
}

HASH_FN uint16_t bfloat16_bits(float x)
{
    union { float f; uint32_t u; } bits;
    bits.f = x;
    return (uint16_t)((bits.u + 0x7FFFu + ((bits.u >> 16) & 1u)) >> 16);
}

// base and scale as weights_hash.py's base_and_scale gives them.
HASH_FN uint16_t hash_bfloat16(uint32_t id, uint32_t flat_index, float base, float scale)
{
    return bfloat16_bits(base + scale * hash_unit(id, flat_index));
}
