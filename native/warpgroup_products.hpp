// Products of warpgroups. They are computed when they are waited for, no earlier: until then accumulators are as they were, and
// whoever fills an operand's place again before the wait is seen.
#pragma once
#include "execution.hpp"
#include <vector>

namespace tuna2 {

constexpr int WARPGROUP_THREADS = 128;

// What a thread has queued.
struct WarpgroupProducts {
    struct Queued {
        WarpgroupProduct product;
        int batch;
        Site site;
    };
    std::vector<Queued> queued;
    int batches = 0;
    bool fenced = false;
};

// A product's operands while it is computed: too much for a fibre's stack.
struct ProductScratch {
    static constexpr int ROWS = 64, DEPTH = 16, MAX_COLUMNS = 256;
    float a[ROWS][DEPTH], b[DEPTH][MAX_COLUMNS], d[ROWS][MAX_COLUMNS];
};

// The i-th products queued by the 128 threads, which are one. Each thread's d is written. Additions go in ascending k, each rounded to
// float32. (The tensor core adds in an order and with a rounding NVIDIA does not state.)
void multiply_64xNx16(const WarpgroupProduct* const (&threads)[WARPGROUP_THREADS], const char* shared, ProductScratch& scratch);

// Where an element of an operand lies: row of the 64 or N, and k.
uint32_t operand_address(uint64_t operand, bool by_rows, int row, int k);

} // namespace tuna2
