// The host's half of kernels/common/hopper.cuh, where the layouts are drawn.
#pragma once
#include "execution.hpp"

struct Barrier;
struct TensorMap;

inline void barrier_initialise(Barrier& b, int arrivals, tuna2::Site site = tuna2::Site::here()) { tuna2::barrier_initialise(&b, arrivals, site); }
inline void barriers_initialised() {}
inline void barrier_arrive(Barrier& b, tuna2::Site site = tuna2::Site::here()) { tuna2::barrier_arrive(&b, 0, site); }
inline void barrier_arrive_expecting(Barrier& b, int bytes, tuna2::Site site = tuna2::Site::here()) { tuna2::barrier_arrive(&b, bytes, site); }
inline void barrier_wait(Barrier& b, int parity, tuna2::Site site = tuna2::Site::here()) { tuna2::barrier_wait(&b, parity, site); }

inline void tensor_load(void* shared, const TensorMap& map, Barrier& b, int column, int row, tuna2::Site site = tuna2::Site::here())
{
    tuna2::issue_tensor_copy(shared, &map, &b, 2, {column, row, 0, 0}, site);
}
inline void tensor_load(void* shared, const TensorMap& map, Barrier& b, int c0, int c1, int c2, int c3, tuna2::Site site = tuna2::Site::here())
{
    tuna2::issue_tensor_copy(shared, &map, &b, 4, {c0, c1, c2, c3}, site);
}

inline void async_proxy_fence() {}
inline void named_barrier_sync(int id, int threads, tuna2::Site site = tuna2::Site::here()) { tuna2::named_barrier("named_barrier_sync", id, threads, true, site); }
inline void named_barrier_arrive(int id, int threads, tuna2::Site site = tuna2::Site::here()) { tuna2::named_barrier("named_barrier_arrive", id, threads, false, site); }

template <int count> inline void registers_up() { static_assert(count >= 24 && count <= 256 && count % 8 == 0); }
template <int count> inline void registers_down() { static_assert(count >= 24 && count <= 256 && count % 8 == 0); }

// The device's descriptor, of the offset in shared memory.
inline uint64_t operand(const void* p, int group = 1024, int panel = 16, tuna2::Site site = tuna2::Site::here())
{
    return (uint64_t)(tuna2::shared_offset("operand", p, 16, site) >> 4) | (uint64_t)(panel >> 4) << 16 | (uint64_t)(group >> 4) << 32 | (uint64_t)1 << 62;
}

inline void wgmma_fence() { tuna2::wgmma_fence(); }
inline void wgmma_commit() { tuna2::wgmma_commit(); }
template <int batches> inline void wgmma_wait(tuna2::Site site = tuna2::Site::here()) { tuna2::wgmma_wait(batches, site); }
template <int count> inline void settled(float (&)[count]) {}
inline void computed_first(float) {}

template <int count> inline void wgmma(float (&d)[count], uint64_t a, uint64_t b, bool accumulate, tuna2::Site site = tuna2::Site::here())
{
    tuna2::wgmma_issue({d, 2 * count, {}, a, b, false, accumulate}, site);
}
template <int count> inline void wgmma_by_rows(float (&d)[count], const uint32_t (&a)[4], uint64_t b, tuna2::Site site = tuna2::Site::here())
{
    tuna2::wgmma_issue({d, 2 * count, {a[0], a[1], a[2], a[3]}, 0, b, true, true}, site);
}
