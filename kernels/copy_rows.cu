// copy_rows: whole rows from one place to another: time tokens and pictures' patches into their spans, the rows the language
// head is asked about.
//   y[to[i] + r,:] = x[from[i] + r,:]         r < rows: the neighbours that a pair stands for
//
// shapes    pairs (count) of (from, to); x, y (*, words) of 16-byte words, whatever the elements are
// mapping   a block per row, a word per thread and turn
// traffic   2 count rows words
// bound     launch for a handful of rows; memory for patches: 2 x 1024 x 3584 bf16 = 29 MB, 7 us at 4.3 TB/s
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
    int rows;  // of a pair
};

extern "C" __global__ void __launch_bounds__(BLOCK) copy_rows(const __grid_constant__ CopyRowsArgs a)
{
    const RowPair pair = a.pairs[blockIdx.x / a.rows];
    const int r = blockIdx.x % a.rows;
    for (int i = threadIdx.x; i < a.words; i += BLOCK) a.y[(i64)(pair.to + r) * a.words + i] = a.x[(i64)(pair.from + r) * a.words + i];
}
