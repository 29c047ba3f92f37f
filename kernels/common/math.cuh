// Transcendental functions in the form kernels use them.
#pragma once
#include "platform.cuh"

constexpr float LOG2_E = 1.4426950408889634f;

#ifdef TUNA2_HOST
__device__ __forceinline__ float exp2_approx(float x) { return exp2f(x); }
#else
// One instruction, 2 ulp; exp2(-inf) = 0.
__device__ __forceinline__ float exp2_approx(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
#endif

__device__ __forceinline__ float silu_of(float x) { return x / (1.0f + exp2_approx(-x * LOG2_E)); }
