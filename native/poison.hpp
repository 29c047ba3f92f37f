// What memory holds before it is written. Two patterns, because no single one betrays every use: the first is NaN as bf16 and as
// float32 and spreads through sums, the second is a huge finite number and shows where fmaxf or a comparison drops a NaN. A
// kernel that reads before it writes gives different bits under the two.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tuna2 {

constexpr uint32_t POISON[2] = {0x7fc57fc5u, 0x7e5a7e5au};

inline void fill_poison(void* memory, size_t bytes, int pattern)
{
    auto* at = static_cast<unsigned char*>(memory);
    const uint32_t word = POISON[pattern & 1];
    for (size_t i = 0; i < bytes; i += sizeof word) std::memcpy(at + i, &word, bytes - i < sizeof word ? bytes - i : sizeof word);
}

} // namespace tuna2
