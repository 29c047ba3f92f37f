// Warp operations. Each lane's operands live on its own stack while it waits; the last lane to come computes every lane's
// result. What a GPU leaves undefined is an error: a lane outside its own mask, a value read from a lane outside the mask.
#pragma once
#include "device_math.hpp"
#include "execution.hpp"

namespace tuna2 {

inline int lane() { return here->thread.x % 32; }

enum class Shuffle { index, up, down, exclusive_or };

// The lane that lane reads from; itself where the source falls outside its segment of width lanes (PTX shfl.sync).
inline int shuffle_source(Shuffle mode, int lane, int b, int width)
{
    const int first = lane & ~(width - 1), last = first + width - 1;
    const int source = mode == Shuffle::index ? first | (b & (width - 1)) : mode == Shuffle::up ? lane - b : mode == Shuffle::down ? lane + b : lane ^ b;
    return mode == Shuffle::up ? (source < first ? lane : source) : (source > last ? lane : source);
}

template <typename T> struct ShuffleLane {
    T value, result;
    int source;
};

template <typename T> inline T shuffle(const char* name, Shuffle mode, uint32_t mask, T value, int b, int width, Site site)
{
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "the device shuffles words of 4 or 8 bytes");
    if (width < 1 || width > 32 || (width & (width - 1))) fail("%s at %s:%d: width %d is no power of two up to 32", name, site.file, site.line, width);
    ShuffleLane<T> mine = {value, value, shuffle_source(mode, lane(), b, width)};
    if (!(mask >> mine.source & 1))
        fail("%s at %s:%d: lane %d reads lane %d, which is not in its mask %08x", name, site.file, site.line, lane(), mine.source, mask);
    warp_collective(
        name, mask, &mine,
        [](void* const* lanes, uint32_t mask) {
            for (int l = 0; l < 32; l++)
                if (mask >> l & 1) {
                    auto* to = static_cast<ShuffleLane<T>*>(lanes[l]);
                    to->result = static_cast<ShuffleLane<T>*>(lanes[to->source])->value;
                }
        },
        site);
    return mine.result;
}

struct VoteLane {
    bool predicate;
    uint32_t result;
};

inline uint32_t ballot(const char* name, uint32_t mask, bool predicate, Site site)
{
    VoteLane mine = {predicate, 0};
    warp_collective(
        name, mask, &mine,
        [](void* const* lanes, uint32_t mask) {
            uint32_t votes = 0;
            for (int l = 0; l < 32; l++)
                if (mask >> l & 1) votes |= (uint32_t)static_cast<VoteLane*>(lanes[l])->predicate << l;
            for (int l = 0; l < 32; l++)
                if (mask >> l & 1) static_cast<VoteLane*>(lanes[l])->result = votes;
        },
        site);
    return mine.result;
}

// In ascending order of lanes.
template <typename T, typename Join> inline T reduce(const char* name, uint32_t mask, T value, Join, Site site)
{
    warp_collective(
        name, mask, &value,
        [](void* const* lanes, uint32_t mask) {
            T all = *static_cast<T*>(lanes[__builtin_ctz(mask)]);
            for (int l = __builtin_ctz(mask) + 1; l < 32; l++)
                if (mask >> l & 1) all = Join()(all, *static_cast<T*>(lanes[l]));
            for (int l = 0; l < 32; l++)
                if (mask >> l & 1) *static_cast<T*>(lanes[l]) = all;
        },
        site);
    return value;
}

struct Sum {
    template <typename T> T operator()(T a, T b) const { return a + b; }
};
struct Least {
    template <typename T> T operator()(T a, T b) const { return b < a ? b : a; }
};
struct Greatest {
    template <typename T> T operator()(T a, T b) const { return a < b ? b : a; }
};

} // namespace tuna2

template <typename T> inline T __shfl_sync(unsigned mask, T x, int lane, int width = 32, tuna2::Site site = tuna2::Site::here())
{
    return tuna2::shuffle("__shfl_sync", tuna2::Shuffle::index, mask, x, lane, width, site);
}
template <typename T> inline T __shfl_up_sync(unsigned mask, T x, unsigned delta, int width = 32, tuna2::Site site = tuna2::Site::here())
{
    return tuna2::shuffle("__shfl_up_sync", tuna2::Shuffle::up, mask, x, (int)delta, width, site);
}
template <typename T> inline T __shfl_down_sync(unsigned mask, T x, unsigned delta, int width = 32, tuna2::Site site = tuna2::Site::here())
{
    return tuna2::shuffle("__shfl_down_sync", tuna2::Shuffle::down, mask, x, (int)delta, width, site);
}
template <typename T> inline T __shfl_xor_sync(unsigned mask, T x, int lanes, int width = 32, tuna2::Site site = tuna2::Site::here())
{
    return tuna2::shuffle("__shfl_xor_sync", tuna2::Shuffle::exclusive_or, mask, x, lanes, width, site);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, tuna2::Site site = tuna2::Site::here())
{
    return tuna2::ballot("__ballot_sync", mask, predicate, site);
}
inline int __any_sync(unsigned mask, int predicate, tuna2::Site site = tuna2::Site::here())
{
    return tuna2::ballot("__any_sync", mask, predicate, site) != 0;
}
inline int __all_sync(unsigned mask, int predicate, tuna2::Site site = tuna2::Site::here())
{
    return tuna2::ballot("__all_sync", mask, predicate, site) == mask;
}
template <typename T> inline T __reduce_add_sync(unsigned mask, T x, tuna2::Site site = tuna2::Site::here())
{
    return tuna2::reduce("__reduce_add_sync", mask, x, tuna2::Sum(), site);
}
template <typename T> inline T __reduce_min_sync(unsigned mask, T x, tuna2::Site site = tuna2::Site::here())
{
    return tuna2::reduce("__reduce_min_sync", mask, x, tuna2::Least(), site);
}
template <typename T> inline T __reduce_max_sync(unsigned mask, T x, tuna2::Site site = tuna2::Site::here())
{
    return tuna2::reduce("__reduce_max_sync", mask, x, tuna2::Greatest(), site);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, tuna2::Site site = tuna2::Site::here())
{
    tuna2::warp_collective("__syncwarp", mask, nullptr, [](void* const*, uint32_t) {}, site);
}
