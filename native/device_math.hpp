// The device's arithmetic built-ins in the host's arithmetic: those that are approximate on a GPU are exact to the host's
// library here. Comparisons allow for the difference; they never expect a GPU's bits.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace tuna2 {

template <typename To, typename From> inline To bits_as(From from)
{
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

} // namespace tuna2

inline float __uint_as_float(unsigned x) { return tuna2::bits_as<float>(x); }
inline unsigned __float_as_uint(float x) { return tuna2::bits_as<unsigned>(x); }
inline float __int_as_float(int x) { return tuna2::bits_as<float>(x); }
inline int __float_as_int(float x) { return tuna2::bits_as<int>(x); }
inline double __longlong_as_double(long long x) { return tuna2::bits_as<double>(x); }
inline long long __double_as_longlong(double x) { return tuna2::bits_as<long long>(x); }

// A macro, as C libraries after C23 have a function of this name.
#define rsqrtf(x) __frsqrt_rn(x)
inline float __frsqrt_rn(float x) { return 1.0f / std::sqrt(x); }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fdividef(float x, float y) { return x / y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fmaf_rn(float x, float y, float z) { return std::fmaf(x, y, z); }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; } // NaN gives 0

// The C library declares functions of these names, reserved to it, for its own use.
#define __expf(x) expf(x)
#define __exp10f(x) exp10f(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __powf(x, y) powf(x, y)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)
#define __sincosf(x, s, c) sincosf(x, s, c)

inline void sincospif(float x, float* s, float* c)
{
    // Whole turns are removed exactly before the multiplication rounds.
    const double a = std::remainder((double)x, 2.0) * 3.14159265358979323846;
    *s = (float)std::sin(a), *c = (float)std::cos(a);
}

// Conversions saturate and make 0 of NaN, as the device's do; a plain C++ cast out of range is undefined.
namespace tuna2 {
template <typename Int> inline Int to_integer(double x)
{
    if (!(x == x)) return 0;
    constexpr double low = std::is_signed_v<Int> ? -2147483648.0 : 0, high = std::is_signed_v<Int> ? 2147483647.0 : 4294967295.0;
    return (Int)(x < low ? low : x > high ? high : x);
}
} // namespace tuna2
inline int __float2int_rn(float x) { return tuna2::to_integer<int>(std::nearbyint((double)x)); }
inline int __float2int_rz(float x) { return tuna2::to_integer<int>(std::trunc((double)x)); }
inline int __float2int_rd(float x) { return tuna2::to_integer<int>(std::floor((double)x)); }
inline int __float2int_ru(float x) { return tuna2::to_integer<int>(std::ceil((double)x)); }
inline unsigned __float2uint_rn(float x) { return tuna2::to_integer<unsigned>(std::nearbyint((double)x)); }
inline unsigned __float2uint_rz(float x) { return tuna2::to_integer<unsigned>(std::trunc((double)x)); }
inline float __int2float_rn(int x) { return (float)x; }
inline float __uint2float_rn(unsigned x) { return (float)x; }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline unsigned __brev(unsigned x)
{
    unsigned r = 0;
    for (int i = 0; i < 32; i++) r |= (x >> i & 1) << (31 - i);
    return r;
}
inline unsigned __umulhi(unsigned x, unsigned y) { return (unsigned)((unsigned long long)x * y >> 32); }
inline int __mulhi(int x, int y) { return (int)((long long)x * y >> 32); }
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) { return (unsigned long long)((unsigned __int128)x * y >> 64); }
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift)
{
    return (unsigned)((((unsigned long long)high << 32 | low) << (shift & 31)) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift)
{
    return (unsigned)(((unsigned long long)high << 32 | low) >> (shift & 31));
}
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector)
{
    const unsigned long long bytes = (unsigned long long)y << 32 | x;
    unsigned r = 0;
    for (int i = 0; i < 4; i++) {
        const unsigned s = selector >> (4 * i) & 0xf, byte = (unsigned)(bytes >> (8 * (s & 7))) & 0xff;
        r |= (s & 8 ? (byte & 0x80 ? 0xffu : 0u) : byte) << (8 * i);
    }
    return r;
}

template <typename A, typename B> constexpr std::common_type_t<A, B> min(A a, B b)
{
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return std::fmin((T)a, (T)b);
    else return (T)b < (T)a ? (T)b : (T)a;
}
template <typename A, typename B> constexpr std::common_type_t<A, B> max(A a, B b)
{
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return std::fmax((T)a, (T)b);
    else return (T)a < (T)b ? (T)b : (T)a;
}

// Cache hints change nothing here; reads are plain.
template <typename T> inline T __ldg(const T* p) { return *p; }
template <typename T> inline T __ldcg(const T* p) { return *p; }
template <typename T> inline T __ldca(const T* p) { return *p; }
template <typename T> inline T __ldcs(const T* p) { return *p; }
template <typename T> inline T __ldlu(const T* p) { return *p; }
template <typename T> inline void __stcg(T* p, T value) { *p = value; }
template <typename T> inline void __stcs(T* p, T value) { *p = value; }
template <typename T> inline void __stwt(T* p, T value) { *p = value; }
