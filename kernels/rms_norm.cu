// rms_norm: the norm before every block, with the modulation that follows it, in one pass over the rows.
//   y[r,c] = weight[c] * h[r,c] / sqrt(mean(h[r,:]^2) + eps)
//   y[r,c] = y[r,c] * (1 + scale[r,c]) + shift[r,c]                when the row's sequence is modulated (AdaLN-Zero)
// scale and shift are rows of an AdaLN table, the row named by the sequence; text has scale 0, shift 0.
//
// shapes    h, y (rows, dim) ELEMENT row-major; weight (dim) float32; table (times, chunks x dim) float32
// mapping   a block per row; thread t owns the 16-byte vectors t, t + BLOCK, ... and keeps them in registers (VECTORS of them)
// traffic   2 rows dim elements; weight and table row are the same for many rows and come from the caches
// bound     memory: 2050 x 3584 bf16 = 29.4 MB, 6.8 us at 4.3 TB/s
// rounding  statistics and everything between in float32; y is rounded at the store
#include "common/reduce.cuh"
#include "common/sequences.cuh"
#include "common/vec.cuh"

#if !defined(ELEMENT) || !defined(BLOCK) || !defined(VECTORS)
#error "rms_norm.cu needs -DELEMENT=bf16|f32 -DBLOCK=threads -DVECTORS=16-byte vectors per thread"
#endif

struct RmsNormArgs {
    const ELEMENT* h;
    ELEMENT* y;
    const float* weight;
    const float* table;        // null: no modulation
    const Sequence* sequences;
    const int* row_sequence;   // row -> its sequence
    int dim;                   // a multiple of the vector, at most BLOCK * VECTORS vectors
    int table_columns;
    int shift;                 // first column of each vector in the table; shift -1: norm without modulation
    int scale;
    float epsilon;
    int padding;
};

// Six blocks of a multiprocessor have 43 KB of their rows under way, more than memory's latency asks for. sm_80's code would spill.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 860
constexpr int BLOCKS = 5;
#else
constexpr int BLOCKS = 6;
#endif

struct RmsNormShared {
    BlockReduction<BLOCK / WARP> reduction;
};

extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS) rms_norm(const __grid_constant__ RmsNormArgs a)
{
    SHARED_MEMORY(RmsNormShared, s);
    const i64 row = blockIdx.x;
    constexpr int size = Vec<ELEMENT>::size;

    // The whole row is asked for before any of it is looked at: a block waits for memory once.
    const int sequence = a.table ? a.row_sequence[row] : 0;
    uint4 h[VECTORS];
#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        const int column = (threadIdx.x + i * BLOCK) * size;
        h[i] = column < a.dim ? load_bytes(a.h + row * a.dim + column) : make_uint4(0, 0, 0, 0);
    }
    float squares = 0;
#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        Vec<ELEMENT> x;
        x.unpack(h[i]);
        for (int e = 0; e < size; e++) squares += x.v[e] * x.v[e];
    }
    const float inverse = rsqrtf(block_sum(squares, s.reduction) / a.dim + a.epsilon);

    // Behind the barrier, for the compiler would wait for the sequence before it asks for the row. What is read here is the same for
    // every row, or for many, and waits in the first-level cache.
    const int mod_row = a.table ? a.sequences[sequence].mod_row : -1;
    const float* table = mod_row >= 0 ? a.table + (i64)mod_row * a.table_columns : nullptr;
#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        const int column = (threadIdx.x + i * BLOCK) * size;
        if (column >= a.dim) continue;
        float weight[size];
        load_floats(a.weight + column, weight);
        Vec<ELEMENT> y;
        y.unpack(h[i]);
        for (int e = 0; e < size; e++) y.v[e] = weight[e] * (y.v[e] * inverse);
        if (table && a.shift >= 0) {
            float shift[size], scale[size];
            load_floats(table + a.shift + column, shift);
            load_floats(table + a.scale + column, scale);
            for (int e = 0; e < size; e++) y.v[e] = y.v[e] * (1 + scale[e]) + shift[e];
        }
        y.store(a.y + row * a.dim + column);
    }
}
