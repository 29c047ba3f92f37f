// rms_norm: the norm before every block, with what precedes and follows it, in one pass over the rows.
//   h[r,c] = h[r,c] + gate[r,c] * delta[r,c]                      when there is a delta; written back
//   y[r,c] = weight[c] * h[r,c] / sqrt(mean(h[r,:]^2) + eps)
//   y[r,c] = y[r,c] * (1 + scale[r,c]) + shift[r,c]                when the row's sequence is modulated (AdaLN-Zero)
// gate, scale and shift are rows of an AdaLN table, the row named by the sequence; text has gate 1, scale 0, shift 0.
//
// shapes    h, delta, y (rows, dim) ELEMENT row-major; weight (dim) float32; table (times, chunks x dim) float32
// mapping   a block per row; thread t owns the 16-byte vectors t, t + BLOCK, ... and keeps them in registers (VECTORS of them)
// traffic   2 rows dim elements read and written; 4 with a delta; the table rows come from the second-level cache
// bound     memory: 2050 x 3584 bf16 = 29.4 MB, 6.8 us at 4.3 TB/s; with delta 58.8 MB, 13.7 us
// rounding  statistics and everything between in float32; h is rounded to ELEMENT before its norm is taken, y at the store
#include "common/reduce.cuh"
#include "common/sequences.cuh"
#include "common/vec.cuh"

#if !defined(ELEMENT) || !defined(BLOCK) || !defined(VECTORS)
#error "rms_norm.cu needs -DELEMENT=bf16|f32 -DBLOCK=threads -DVECTORS=16-byte vectors per thread"
#endif

struct RmsNormArgs {
    ELEMENT* h;
    const ELEMENT* delta;      // null: no residual to add
    ELEMENT* y;
    const float* weight;
    const float* table;        // null: no modulation
    const Sequence* sequences;
    const int* row_sequence;   // row -> its sequence
    int dim;                   // a multiple of the vector, at most BLOCK * VECTORS vectors
    int table_columns;
    int gate;                  // first column of each vector in the table; gate -1: residual without a gate
    int shift;                 // shift -1: norm without modulation
    int scale;
    float epsilon;
};

struct RmsNormShared {
    BlockReduction<BLOCK / WARP> reduction;
};

extern "C" __global__ void __launch_bounds__(BLOCK) rms_norm(const __grid_constant__ RmsNormArgs a)
{
    SHARED_MEMORY(RmsNormShared, s);
    const i64 row = blockIdx.x;
    const int mod_row = a.table ? a.sequences[a.row_sequence[row]].mod_row : -1;
    const float* table = mod_row >= 0 ? a.table + (i64)mod_row * a.table_columns : nullptr;
    constexpr int size = Vec<ELEMENT>::size;

    Vec<ELEMENT> h[VECTORS];
    float squares = 0;
#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        const int column = (threadIdx.x + i * BLOCK) * size;
        if (column >= a.dim) continue;
        h[i].load(a.h + row * a.dim + column);
        if (a.delta) {
            Vec<ELEMENT> delta;
            delta.load(a.delta + row * a.dim + column);
            float gate[size];
            if (table && a.gate >= 0)
                load_floats(table + a.gate + column, gate);
            else
                for (int e = 0; e < size; e++) gate[e] = 1;
            for (int e = 0; e < size; e++) h[i].v[e] = rounded<ELEMENT>(h[i].v[e] + gate[e] * delta.v[e]);
            h[i].store(a.h + row * a.dim + column);
        }
        for (int e = 0; e < size; e++) squares += h[i].v[e] * h[i].v[e];
    }
    const float inverse = rsqrtf(block_sum(squares, s.reduction) / a.dim + a.epsilon);

#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        const int column = (threadIdx.x + i * BLOCK) * size;
        if (column >= a.dim) continue;
        float weight[size];
        load_floats(a.weight + column, weight);
        Vec<ELEMENT> y;
        for (int e = 0; e < size; e++) y.v[e] = weight[e] * (h[i].v[e] * inverse);
        if (table && a.shift >= 0) {
            float shift[size], scale[size];
            load_floats(table + a.shift + column, shift);
            load_floats(table + a.scale + column, scale);
            for (int e = 0; e < size; e++) y.v[e] = y.v[e] * (1 + scale[e]) + shift[e];
        }
        y.store(a.y + row * a.dim + column);
    }
}
