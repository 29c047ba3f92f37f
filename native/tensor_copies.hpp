// The copy engine. A box comes as late as it can: when no thread of the block can run on without it. Until then its place holds
// poison, so that a kernel that reads too early, or has a place filled that others still read, is seen. Boxes come in any order:
// first first when threads run in ascending order, last first in descending.
#pragma once
#include "abi.h"
#include "poison.hpp"
#include "site.hpp"
#include <vector>

namespace tuna2 {

struct TensorCopy {
    static constexpr int SWIZZLE_BYTES = 128;

    char* to;
    uint32_t offset; // of `to` in shared memory: what the swizzle permutes by
    Tuna2TensorMap map; // its own: the thread that asked may have returned, and its arguments with it
    void* barrier;
    int coordinates[4]; // innermost first
    Site site;

    size_t bytes() const { return (size_t)map.box[0] * map.box[1] * map.box[2] * map.box[3] * sizeof(uint16_t); }

    void perform() const
    {
        const uint32_t count = (uint32_t)(bytes() / sizeof(uint16_t));
        for (uint32_t i = 0; i < count; i++) {
            uint64_t address = map.base;
            uint32_t rest = i;
            bool inside = true;
            for (int d = 0; d < 4; d++) {
                const int64_t at = coordinates[d] + (int64_t)(rest % map.box[d]);
                rest /= map.box[d];
                inside = inside && at >= 0 && (uint64_t)at < map.sizes[d];
                address += (uint64_t)at * (d == 0 ? sizeof(uint16_t) : map.strides[d - 1]);
            }
            uint16_t element = 0;
            if (inside) std::memcpy(&element, reinterpret_cast<const void*>(address), sizeof element);
            std::memcpy(to + (swizzled(offset + i * (uint32_t)sizeof element) - offset), &element, sizeof element);
        }
    }

    // Bits 4 to 6 of an address, by bits 7 to 9.
    static uint32_t swizzled(uint32_t address) { return address ^ (address >> 7 & 7) << 4; }
};

} // namespace tuna2
