// The eight-bit float with four bits of exponent and three of mantissa (E4M3): 448 at most, steps of 2^-9 below 2^-6. In arithmetic
// of float32, the same on every GPU and on the CPU: those that have conversions round alike, but not all have them.
#pragma once
#include "platform.cuh"

constexpr float E4M3_LEAST_NORMAL = 0.015625f;
constexpr int E4M3_LEAST_EXPONENT = -100; // rows whose largest element is below 2^-100 become zeros

// The power of two that brings a row's largest element into (224, 448]; 0 for rows of next to nothing.
__device__ __forceinline__ float e4m3_scale(float largest)
{
    const u32 bits = __float_as_uint(largest);
    const int exponent = (int)(bits >> 23 & 0xffu) - 127;
    return exponent < E4M3_LEAST_EXPONENT ? 0.0f : __uint_as_float((u32)(exponent - ((bits & 0x7fffffu) > 0x600000u ? 7 : 8) + 127) << 23);
}

// The nearest number, ties to even, of magnitudes up to 448; NaN stays.
__device__ __forceinline__ float e4m3_nearest(float x)
{
    constexpr float ROUNDER = 24576.0f; // where float32's own steps are 2^-9
    const u32 bits = __float_as_uint(x);
    const float near = __uint_as_float((bits + 0x7ffffu + (bits >> 20 & 1u)) & 0xfff00000u);
    return fabsf(x) < E4M3_LEAST_NORMAL ? __fsub_rn(__fadd_rn(x, ROUNDER), ROUNDER) : x == x ? near : x;
}

struct e4m3 {
    u8 byte;
};

// The byte of a number that e4m3_nearest gave, or of NaN.
__device__ __forceinline__ u32 e4m3_byte(float x)
{
    const u32 bits = __float_as_uint(x), sign = bits >> 24 & 0x80u;
    // A normal number's exponent is 120 less than float32's; below, the byte counts steps of 2^-9.
    const u32 magnitude = fabsf(x) < E4M3_LEAST_NORMAL ? (u32)(fabsf(x) * 512.0f) : (bits >> 20 & 0x7ffu) - 960u;
    return sign | (x == x ? magnitude : 0x7fu);
}

// Four of a word, as float32: exponent and mantissa four bits down are those of a float32 2^120 times smaller.
__device__ __forceinline__ void widen_e4m3(u32 word, float* v)
{
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const u32 top = word << (24 - 8 * i);
        v[i] = __uint_as_float((top & 0x80000000u) | (top & 0x7f000000u) >> 4) * 1.32922800e36f;
    }
}
