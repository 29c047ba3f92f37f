// silu: x / (1 + exp(-x)), element by element; in place when y is x. For the time embedding, before the loop.
//
// shapes    x, y (count) ELEMENT
// mapping   a thread per 16-byte vector
// traffic   2 count elements
// bound     launch: times x hidden elements
// rounding  float32, y at the store
#include "common/math.cuh"
#include "common/vec.cuh"

#if !defined(ELEMENT) || !defined(BLOCK)
#error "silu.cu needs -DELEMENT=bf16|f32 -DBLOCK=threads"
#endif

struct SiluArgs {
    const ELEMENT* x;
    ELEMENT* y;
    i64 count; // a multiple of the 16-byte vector
};

extern "C" __global__ void __launch_bounds__(BLOCK) silu(const __grid_constant__ SiluArgs a)
{
    constexpr int size = Vec<ELEMENT>::size;
    const i64 first = ((i64)blockIdx.x * BLOCK + threadIdx.x) * size;
    if (first >= a.count) return;
    Vec<ELEMENT> x;
    x.load(a.x + first);
    for (int e = 0; e < size; e++) x.v[e] = silu_of(x.v[e]);
    x.store(a.y + first);
}
