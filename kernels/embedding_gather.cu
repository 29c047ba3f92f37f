// embedding_gather: text tokens become rows of the embedding table.
//   y[r,:] = table[tokens[r],:]; rows whose token is -1 are left to whoever fills them (patches, time tokens)
// The host has seen that the others are below the vocabulary.
//
// shapes    tokens (rows) int; table (vocabulary, dim) ELEMENT; y (rows, dim) ELEMENT
// mapping   a block per row, 16 bytes per thread and turn
// traffic   2 rows dim elements
// bound     memory; a prompt of 300 tokens x 3584 bf16 = 4.3 MB, 1 us: launch-bound in practice
// rounding  none: a copy
#include "common/vec.cuh"

#if !defined(ELEMENT) || !defined(BLOCK)
#error "embedding_gather.cu needs -DELEMENT=bf16|f32 -DBLOCK=threads"
#endif

struct EmbeddingGatherArgs {
    const int* tokens;
    const ELEMENT* table;
    ELEMENT* y;
    int dim; // a multiple of the 16-byte vector
    int padding;
};

extern "C" __global__ void __launch_bounds__(BLOCK) embedding_gather(const __grid_constant__ EmbeddingGatherArgs a)
{
    const int token = a.tokens[blockIdx.x];
    if (token < 0) return;
    const uint4* from = reinterpret_cast<const uint4*>(a.table + (i64)token * a.dim);
    uint4* to = reinterpret_cast<uint4*>(a.y + (i64)blockIdx.x * a.dim);
    const int words = a.dim / Vec<ELEMENT>::size;
    for (int i = threadIdx.x; i < words; i += BLOCK) to[i] = from[i];
}
