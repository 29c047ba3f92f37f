// layer_norm: SigLIP's norm, in one pass over the rows.
//   y[r,c] = weight[c] * (x[r,c] - mean(x[r,:])) / sqrt(var(x[r,:]) + eps) + bias[c]
//
// shapes    x, y (rows, dim) ELEMENT row-major, y may be x; weight, bias (dim) float32
// mapping   a block per row; thread t owns the 16-byte vectors t, t + BLOCK, ... and keeps them in registers (VECTORS of them)
// traffic   rows dim elements read and written
// bound     memory: 2048 x 1152 bf16 = 9.4 MB, 2.2 us at 4.3 TB/s
// rounding  float32 throughout, y at the store; the variance is taken around the mean, from the registers: the difference of two
//           large sums of squares would lose what a row with a large mean has left
#include "common/reduce.cuh"
#include "common/vec.cuh"

#if !defined(ELEMENT) || !defined(BLOCK) || !defined(VECTORS)
#error "layer_norm.cu needs -DELEMENT=bf16|f32 -DBLOCK=threads -DVECTORS=16-byte vectors per thread"
#endif

constexpr int THREADS = BLOCK;

struct LayerNormArgs {
    const ELEMENT* x;
    ELEMENT* y;
    const float* weight;
    const float* bias;
    int dim; // a multiple of the vector, at most BLOCK * VECTORS vectors
    float epsilon;
};

struct LayerNormShared {
    BlockReduction<BLOCK / WARP> reduction;
};

extern "C" __global__ void __launch_bounds__(BLOCK) layer_norm(const __grid_constant__ LayerNormArgs a)
{
    SHARED_MEMORY(LayerNormShared, s);
    const i64 row = blockIdx.x;
    constexpr int size = Vec<ELEMENT>::size;

    Vec<ELEMENT> x[VECTORS];
    float sum = 0;
#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        const int column = (threadIdx.x + i * BLOCK) * size;
        if (column >= a.dim) continue;
        x[i].load(a.x + row * a.dim + column);
        for (int e = 0; e < size; e++) sum += x[i].v[e];
    }
    const float mean = block_sum(sum, s.reduction) / a.dim;

    float squares = 0;
#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        const int column = (threadIdx.x + i * BLOCK) * size;
        if (column >= a.dim) continue;
        for (int e = 0; e < size; e++) {
            x[i].v[e] -= mean;
            squares += x[i].v[e] * x[i].v[e];
        }
    }
    const float inverse = rsqrtf(block_sum(squares, s.reduction) / a.dim + a.epsilon);

#pragma unroll
    for (int i = 0; i < VECTORS; i++) {
        const int column = (threadIdx.x + i * BLOCK) * size;
        if (column >= a.dim) continue;
        float weight[size], bias[size];
        load_floats(a.weight + column, weight);
        load_floats(a.bias + column, bias);
        for (int e = 0; e < size; e++) x[i].v[e] = x[i].v[e] * inverse * weight[e] + bias[e];
        x[i].store(a.y + row * a.dim + column);
    }
}
