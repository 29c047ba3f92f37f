// gelu: the Gaussian error linear unit, element by element; in place when y is x.
//   tanh:   x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))     SigLIP's MLP
//   exact:  x / 2 * (1 + erf(x / sqrt(2)))                           the projector
//
// shapes    x, y (count) ELEMENT
// mapping   a thread per 16-byte vector
// traffic   2 count elements
// bound     memory: 2048 x 4304 bf16 = 35 MB, 8 us at 4.3 TB/s
// rounding  float32, y at the store
#include "common/math.cuh"
#include "common/vec.cuh"

#if !defined(ELEMENT) || !defined(BLOCK)
#error "gelu.cu needs -DELEMENT=bf16|f32 -DBLOCK=threads"
#endif

struct GeluArgs {
    const ELEMENT* x;
    ELEMENT* y;
    i64 count; // a multiple of the 16-byte vector
    int exact; // 0: by tanh
    int padding;
};

// (1 + tanh u) / 2 is 1 / (1 + exp(-2u)): one exponential, and none that overflows into a NaN.
__device__ __forceinline__ float gelu_tanh(float x)
{
    constexpr float ROOT = 0.7978845608028654f; // sqrt(2 / pi)
    return x / (1.0f + exp2_approx(-2 * ROOT * LOG2_E * x * (1 + 0.044715f * x * x)));
}

// 1 + erf(u) is erfc(-u), which keeps its digits where the sum would cancel.
__device__ __forceinline__ float gelu_exact(float x) { return 0.5f * x * erfcf(-0.7071067811865476f * x); }

extern "C" __global__ void __launch_bounds__(BLOCK) gelu(const __grid_constant__ GeluArgs a)
{
    constexpr int size = Vec<ELEMENT>::size;
    const i64 first = ((i64)blockIdx.x * BLOCK + threadIdx.x) * size;
    if (first >= a.count) return;
    Vec<ELEMENT> x;
    x.load(a.x + first);
    if (a.exact)
        for (int e = 0; e < size; e++) x.v[e] = gelu_exact(x.v[e]);
    else
        for (int e = 0; e < size; e++) x.v[e] = gelu_tanh(x.v[e]);
    x.store(a.y + first);
}
