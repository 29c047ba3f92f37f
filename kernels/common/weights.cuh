// Weights as they lie in memory, a 16-byte word of a row at a time (-DWEIGHT=stored, int8, int4 or fp8):
//   stored   elements of the activations' type
//   int8     signed bytes; w = byte * scale, a float32 a row
//   int4     signed nibbles; w = nibble * scale, a bfloat16 for INT4_GROUP columns. Of a 32-bit word, columns 0 to 7 from the lowest
//            address on, column 2i is at bit 4i and column 2i + 1 at bit 16 + 4i
//   fp8      eight-bit floats (e4m3.cuh); w = float * scale, a float32 a row, a power of two
// Quantized rows are whole 16-byte words, filled up with zeros. Numbers come out of integers without a conversion: placed in the
// mantissa of a power of two, which is then taken off again, both exact.
#pragma once
#include "bf16.cuh"
#include "e4m3.cuh"
#include "vec.cuh"

enum class Weights { stored, int8, int4, fp8 };

constexpr int INT4_GROUP = 32;

// Eight nibbles of a word, times their scale: four bits by eight, so that no product is rounded.
__device__ __forceinline__ void widen_nibbles(u32 word, float scale, float (&v)[8])
{
    word ^= 0x88888888u; // nibble + 8, at the top of the mantissa of 16
    const float less = -24.0f * scale;
#pragma unroll
    for (int i = 0; i < 8; i++) {
        const int bit = i / 2 * 4 + i % 2 * 16;
        const u32 top = bit <= 19 ? word << (bit <= 19 ? 19 - bit : 0) : word >> (bit <= 19 ? 0 : bit - 19);
        v[i] = __uint_as_float((top & 0x780000u) | 0x41800000u) * scale + less;
    }
}

// Four bytes of a word.
__device__ __forceinline__ void widen_bytes(u32 word, float* v)
{
    word ^= 0x80808080u; // byte + 128, at the bottom of the mantissa of 2^23
#pragma unroll
    for (int i = 0; i < 4; i++) v[i] = __uint_as_float((word >> 8 * i & 0xffu) | 0x4b000000u) - 8388736.0f;
}

// A word of a row: `parts` times as many elements as a Vec of the activations holds.
template <typename Element, Weights format> struct WeightWord;

template <typename Element> struct WeightWord<Element, Weights::stored> {
    static constexpr int parts = 1, size = Vec<Element>::size;
    __device__ __forceinline__ static const Element* at(const void* w, i64 row, int columns, int k) { return static_cast<const Element*>(w) + row * columns + k; }
    // What the sum over a row is still to be multiplied by.
    __device__ __forceinline__ static float row_scale(const void*, i64) { return 1.0f; }
    // Never asked of what needs no widening.
    __device__ __forceinline__ static float scale_of(const void*, i64, int, int) { return 1.0f; }
    __device__ __forceinline__ void load(const void*, const void*, i64, int, int) {}
    __device__ __forceinline__ void take(const uint4*, int, float) {}
    __device__ __forceinline__ void widen(int, float (&)[size]) const {}
};

// A byte an element, a float32 a row.
template <Weights format> struct ByteWord {
    static constexpr int parts = 2, size = 16;
    uint4 bytes;
    __device__ __forceinline__ static const u8* at(const void* w, i64 row, int columns, int k) { return static_cast<const u8*>(w) + row * (ceil_div(columns, size) * size) + k; }
    __device__ __forceinline__ static float scale_of(const void*, i64, int, int) { return 1.0f; }
    __device__ __forceinline__ void load(const void* w, const void*, i64 row, int columns, int k) { bytes = *reinterpret_cast<const uint4*>(at(w, row, columns, k)); }
    // Half of BLOCK_K = 32 elements is a word.
    __device__ __forceinline__ void take(const uint4* words, int half, float) { bytes = words[half]; }
    __device__ __forceinline__ static void widen_word(u32 word, float* to)
    {
        if (format == Weights::fp8) widen_e4m3(word, to);
        else widen_bytes(word, to);
    }
    __device__ __forceinline__ void widen(int part, float (&to)[8]) const
    {
        widen_word(part == 0 ? bytes.x : bytes.z, to);
        widen_word(part == 0 ? bytes.y : bytes.w, to + 4);
    }
    __device__ __forceinline__ static float row_scale(const void* scales, i64 row) { return static_cast<const float*>(scales)[row]; }
};
template <> struct WeightWord<bf16, Weights::int8> : ByteWord<Weights::int8> {};
template <> struct WeightWord<bf16, Weights::fp8> : ByteWord<Weights::fp8> {};

template <> struct WeightWord<bf16, Weights::int4> {
    static constexpr int parts = 4, size = 32;
    uint4 nibbles;
    float scale;
    __device__ __forceinline__ static const u8* at(const void* w, i64 row, int columns, int k) { return static_cast<const u8*>(w) + row * (ceil_div(columns, size) * 16) + k / 2; }
    __device__ __forceinline__ static float scale_of(const void* scales, i64 row, int columns, int k)
    {
        return to_float(static_cast<const bf16*>(scales)[row * ceil_div(columns, INT4_GROUP) + k / INT4_GROUP]);
    }
    __device__ __forceinline__ void load(const void* w, const void* scales, i64 row, int columns, int k)
    {
        nibbles = *reinterpret_cast<const uint4*>(at(w, row, columns, k));
        scale = scale_of(scales, row, columns, k);
    }
    // Half of 32 elements is half a word, whose parts are then the first two.
    __device__ __forceinline__ void take(const uint4* words, int half, float by)
    {
        const uint2 x = reinterpret_cast<const uint2*>(words)[half];
        nibbles.x = x.x, nibbles.y = x.y, scale = by;
    }
    __device__ __forceinline__ void widen(int part, float (&to)[8]) const
    {
        widen_nibbles(part == 0 ? nibbles.x : part == 1 ? nibbles.y : part == 2 ? nibbles.z : nibbles.w, scale, to);
    }
    __device__ __forceinline__ static float row_scale(const void*, i64) { return 1.0f; }
};
