// bfloat16 and the element types kernels are instantiated for (-DELEMENT=bf16 or -DELEMENT=f32). Arithmetic is always float32:
// an element is widened when read and rounded to nearest, ties to even, when written.
#pragma once
#include "platform.cuh"

struct bf16 {
    u16 bits;
};
typedef float f32;

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(bf16 x) { return __uint_as_float((u32)x.bits << 16); }

// The two halves of a 32-bit word, lower address first.
__device__ __forceinline__ float low_half(u32 pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float high_half(u32 pair) { return __uint_as_float(pair & 0xffff0000u); }

#ifdef TUNA2_HOST
__device__ __forceinline__ u16 round_bf16(float x)
{
    u32 u = __float_as_uint(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) return 0x7fff; // what cvt.rn.bf16.f32 makes of any NaN
    return (u16)((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}
__device__ __forceinline__ u32 pack_bf16(float low, float high) { return (u32)round_bf16(low) | (u32)round_bf16(high) << 16; }
#else
__device__ __forceinline__ u16 round_bf16(float x)
{
    u16 r;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r) : "f"(x));
    return r;
}
__device__ __forceinline__ u32 pack_bf16(float low, float high)
{
    u32 r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
}
#endif

__device__ __forceinline__ void from_float(float x, float& y) { y = x; }
__device__ __forceinline__ void from_float(float x, bf16& y) { y.bits = round_bf16(x); }

// x as it is after a trip through memory in the element type: where the reference rounds, kernels round.
template <typename T> __device__ __forceinline__ float rounded(float x)
{
    T y;
    from_float(x, y);
    return to_float(y);
}
