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
    const Tuna2TensorMap* map;
    void* barrier;
    int64_t column, row;
    Site site;

    size_t bytes() const { return (size_t)map->box_rows * map->box_columns * sizeof(uint16_t); }

    void perform() const
    {
        const uint32_t width = map->box_columns * (uint32_t)sizeof(uint16_t);
        for (uint32_t r = 0; r < map->box_rows; r++)
            for (uint32_t c = 0; c < map->box_columns; c++) {
                const int64_t x = column + c, y = row + r;
                uint16_t element = 0;
                if (x >= 0 && y >= 0 && (uint64_t)x < map->columns && (uint64_t)y < map->rows)
                    std::memcpy(&element, reinterpret_cast<const char*>(map->base + (uint64_t)y * map->row_bytes) + x * (int64_t)sizeof element, sizeof element);
                std::memcpy(to + (swizzled(offset + r * width + c * (uint32_t)sizeof element) - offset), &element, sizeof element);
            }
    }

    // Bits 4 to 6 of an address, by bits 7 to 9.
    static uint32_t swizzled(uint32_t address) { return address ^ (address >> 7 & 7) << 4; }
};

} // namespace tuna2
