// 16-byte accesses: eight bf16 or four float32 elements, the widest a thread can move at once. Addresses are 16-byte aligned.
#pragma once
#include "bf16.cuh"

template <typename T> struct Vec;

// The bytes of a vector as they come, for loads that are all to be under way before the first is looked at.
__device__ __forceinline__ uint4 load_bytes(const void* p) { return *reinterpret_cast<const uint4*>(p); }

template <> struct Vec<float> {
    static constexpr int size = 4;
    float v[size];
    __device__ __forceinline__ void unpack(uint4 x)
    {
        v[0] = __uint_as_float(x.x), v[1] = __uint_as_float(x.y), v[2] = __uint_as_float(x.z), v[3] = __uint_as_float(x.w);
    }
    // As floats all the way: through words ptxas spends registers, and one kernel spilled.
    __device__ __forceinline__ void load(const float* p)
    {
        float4 x = *reinterpret_cast<const float4*>(p);
        v[0] = x.x, v[1] = x.y, v[2] = x.z, v[3] = x.w;
    }
    __device__ __forceinline__ void store(float* p) const { *reinterpret_cast<float4*>(p) = make_float4(v[0], v[1], v[2], v[3]); }
};

template <> struct Vec<bf16> {
    static constexpr int size = 8;
    float v[size];
    __device__ __forceinline__ void unpack(uint4 x)
    {
        v[0] = low_half(x.x), v[1] = high_half(x.x), v[2] = low_half(x.y), v[3] = high_half(x.y);
        v[4] = low_half(x.z), v[5] = high_half(x.z), v[6] = low_half(x.w), v[7] = high_half(x.w);
    }
    __device__ __forceinline__ void load(const bf16* p) { unpack(load_bytes(p)); }
    __device__ __forceinline__ void store(bf16* p) const
    {
        *reinterpret_cast<uint4*>(p) = make_uint4(pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]), pack_bf16(v[4], v[5]), pack_bf16(v[6], v[7]));
    }
};

// size float32 values that go with a Vec: norm weights, modulation vectors, biases.
template <int size> __device__ __forceinline__ void load_floats(const float* p, float (&v)[size])
{
    for (int i = 0; i < size; i += 4) {
        float4 x = *reinterpret_cast<const float4*>(p + i);
        v[i] = x.x, v[i + 1] = x.y, v[i + 2] = x.z, v[i + 3] = x.w;
    }
}
