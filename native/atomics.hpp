// Atomics, real ones: blocks run on several OS threads. Each returns what was there before.
#pragma once
#include "device_math.hpp"

namespace tuna2 {

template <typename T, typename Change> inline T update(T* p, Change change)
{
    T before, after;
    __atomic_load(p, &before, __ATOMIC_RELAXED);
    do after = change(before);
    while (!__atomic_compare_exchange(p, &before, &after, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return before;
}

} // namespace tuna2

template <typename T> inline T atomicAdd(T* p, std::type_identity_t<T> x) { return tuna2::update(p, [x](T old) { return (T)(old + x); }); }
template <typename T> inline T atomicSub(T* p, std::type_identity_t<T> x) { return tuna2::update(p, [x](T old) { return (T)(old - x); }); }
template <typename T> inline T atomicMax(T* p, std::type_identity_t<T> x) { return tuna2::update(p, [x](T old) { return old < x ? x : old; }); }
template <typename T> inline T atomicMin(T* p, std::type_identity_t<T> x) { return tuna2::update(p, [x](T old) { return x < old ? x : old; }); }
template <typename T> inline T atomicAnd(T* p, std::type_identity_t<T> x) { return tuna2::update(p, [x](T old) { return (T)(old & x); }); }
template <typename T> inline T atomicOr(T* p, std::type_identity_t<T> x) { return tuna2::update(p, [x](T old) { return (T)(old | x); }); }
template <typename T> inline T atomicXor(T* p, std::type_identity_t<T> x) { return tuna2::update(p, [x](T old) { return (T)(old ^ x); }); }
template <typename T> inline T atomicExch(T* p, std::type_identity_t<T> x) { return tuna2::update(p, [x](T) { return x; }); }
template <typename T> inline T atomicCAS(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> x)
{
    __atomic_compare_exchange(p, &expected, &x, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}
inline unsigned atomicInc(unsigned* p, unsigned limit) { return tuna2::update(p, [limit](unsigned old) { return old >= limit ? 0 : old + 1; }); }
inline unsigned atomicDec(unsigned* p, unsigned limit)
{
    return tuna2::update(p, [limit](unsigned old) { return old == 0 || old > limit ? limit : old - 1; });
}

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
