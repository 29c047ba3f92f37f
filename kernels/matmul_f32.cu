// matmul_f32: the linear layer of matmul.cu in float32 on the ordinary cores: the parity mode's product.
//   linear:  y[m,n] = residual[m,n] + gate[m,n] * activation(sum_k x[m,k] w[n,k] + bias[n])
//   swiglu:  y[m,n] = silu(sum_k x[m,k] w[n,k]) * sum_k x[m,k] w[N + n,k]          w holds gate rows, then up rows; no epilogue
//
// shapes    x (M, K), w (N or 2N, K), y (M, N) float32; K a multiple of 4
// mapping   a block per 64 x 64 tile (swiglu: 64 x 32), K in steps of 16; a thread owns 4 x 4 outputs, its rows and columns
//           16 apart so that neighbouring threads read neighbouring words
// traffic   per block 64 K of x and of w
// bound     arithmetic: 2 M N K / 60 TFLOP/s
// rounding  float32 fused multiply-adds in the order of k
#include "common/epilogue.cuh"
#include "common/math.cuh"

#if !defined(SWIGLU) || !defined(ACTIVATION)
#error "matmul_f32.cu needs -DSWIGLU=0|1 -DACTIVATION=none|gelu_tanh|gelu"
#endif

constexpr int TILE = 64, DEPTH = 16, THREADS = 256, SIDE = 16, EACH = TILE / SIDE;
constexpr int OUT_N = SWIGLU ? TILE / 2 : TILE;

struct MatMulF32Args {
    const float* x;
    const float* w;
    float* y;
    Epilogue<float, Activation::ACTIVATION> epilogue;
    int m;
    int n; // output columns
    int k;
    int padding;
};

// Transposed: a warp stores 8 rows at 4 depths, 4 apart. Two words of padding put the depths 8 banks apart, so that the 32
// stores fall into different banks; the product reads neighbouring words.
struct MatMulF32Shared {
    float x[DEPTH][TILE + 2];
    float w[DEPTH][TILE + 2];
};

// For swiglu the tile's columns are OUT_N gate rows, then their up rows.
__device__ __forceinline__ int weight_row(const MatMulF32Args& a, int first, int c)
{
    return SWIGLU && c >= OUT_N ? a.n + first + c - OUT_N : first + c;
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) matmul_f32(const __grid_constant__ MatMulF32Args a)
{
    SHARED_MEMORY(MatMulF32Shared, s);
    const int first_row = blockIdx.x * TILE, first_column = blockIdx.y * OUT_N;
    const int tx = threadIdx.x % SIDE, ty = threadIdx.x / SIDE;
    const int load_row = threadIdx.x / 4, load_k = threadIdx.x % 4 * 4; // 64 rows x 16 words, four words a thread

    float c[EACH][EACH] = {};
    for (int k0 = 0; k0 < a.k; k0 += DEPTH) {
        const int k = k0 + load_k, row = first_row + load_row, column = first_column + load_row % OUT_N;
        float4 x = make_float4(0, 0, 0, 0), w = x;
        if (row < a.m && k < a.k) x = *reinterpret_cast<const float4*>(a.x + (i64)row * a.k + k);
        if (column < a.n && k < a.k) w = *reinterpret_cast<const float4*>(a.w + (i64)weight_row(a, first_column, load_row) * a.k + k);
        __syncthreads(); // the previous step is done reading
        s.x[load_k][load_row] = x.x, s.x[load_k + 1][load_row] = x.y, s.x[load_k + 2][load_row] = x.z, s.x[load_k + 3][load_row] = x.w;
        s.w[load_k][load_row] = w.x, s.w[load_k + 1][load_row] = w.y, s.w[load_k + 2][load_row] = w.z, s.w[load_k + 3][load_row] = w.w;
        __syncthreads();
#pragma unroll
        for (int d = 0; d < DEPTH; d++)
#pragma unroll
            for (int i = 0; i < EACH; i++)
#pragma unroll
                for (int j = 0; j < EACH; j++) c[i][j] += s.x[d][ty + i * SIDE] * s.w[d][tx + j * SIDE];
    }

#pragma unroll
    for (int i = 0; i < EACH; i++) {
        const int row = first_row + ty + i * SIDE;
        if (row >= a.m) continue;
        const float* gate = a.epilogue.gate_of(row);
#pragma unroll
        for (int j = 0; j < (SWIGLU ? EACH / 2 : EACH); j++) {
            const int column = first_column + tx + j * SIDE;
            if (column >= a.n) continue;
            float y = c[i][j];
            if (SWIGLU)
                y = silu_of(y) * c[i][j + (SWIGLU ? EACH / 2 : 0)];
            else
                y = a.epilogue.apply(y, gate, row, column, a.n);
            a.y[(i64)row * a.n + column] = y;
        }
    }
}
