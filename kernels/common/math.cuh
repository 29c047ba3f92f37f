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

// x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): SigLIP's MLP. (1 + tanh u) / 2 is 1 / (1 + exp(-2u)): one exponential, and
// none that overflows into a NaN.
__device__ __forceinline__ float gelu_tanh_of(float x)
{
    constexpr float ROOT = 0.7978845608028654f; // sqrt(2 / pi)
    return x / (1.0f + exp2_approx(-2 * ROOT * LOG2_E * x * (1 + 0.044715f * x * x)));
}

// x / 2 * (1 + erf(x / sqrt(2))): the projector. 1 + erf(u) is erfc(-u), which keeps its digits where the sum would cancel.
__device__ __forceinline__ float gelu_of(float x) { return 0.5f * x * erfcf(-0.7071067811865476f * x); }
