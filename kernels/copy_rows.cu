// copy_rows: whole rows from one place to another: time tokens into a span, the rows the language head is asked about.
//   y[to[i],:] = x[from[i],:]
//
// shapes    pairs (count) of (from, to); x, y (*, words) of 16-byte words, whatever the elements are
// mapping   a block per pair, a word per thread and turn
// traffic   2 count rows
// bound     launch: a handful of rows
// rounding  none: a copy
#include "common/platform.cuh"

#if !defined(BLOCK)
#error "copy_rows.cu needs -DBLOCK=threads"
#endif

struct RowPair {
    int from;
    int to;
};

struct CopyRowsArgs {
    const RowPair* pairs;
    const uint4* x;
    uint4* y;
    int words; // of a row
    int padding;
};

extern "C" __global__ void __launch_bounds__(BLOCK) copy_rows(const __grid_constant__ CopyRowsArgs a)
{
    const RowPair pair = a.pairs[blockIdx.x];
    for (int i = threadIdx.x; i < a.words; i += BLOCK) a.y[(i64)pair.to * a.words + i] = a.x[(i64)pair.from * a.words + i];
}
