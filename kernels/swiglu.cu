// swiglu: the MLP's gate.
//   y[r,c] = silu(x[r,c]) * x[r,width + c]
//
// shapes    x (rows, 2 width) ELEMENT: gate columns, then up columns; y (rows, width) ELEMENT
// mapping   a thread per 16-byte vector of y; grid.x is the row, as grid.y ends at 65,535
// traffic   3 rows width elements
// bound     memory: 2050 x 18944 bf16 = 233 MB, 54 us at 4.3 TB/s (or nothing, in the product's epilogue)
// rounding  float32 throughout, y at the store
#include "common/math.cuh"
#include "common/vec.cuh"

#if !defined(ELEMENT) || !defined(BLOCK)
#error "swiglu.cu needs -DELEMENT=bf16|f32 -DBLOCK=threads"
#endif

struct SwiGluArgs {
    const ELEMENT* x;
    ELEMENT* y;
    int width; // a multiple of the 16-byte vector
    int padding;
};

extern "C" __global__ void __launch_bounds__(BLOCK) swiglu(const __grid_constant__ SwiGluArgs a)
{
    constexpr int size = Vec<ELEMENT>::size;
    const int column = (blockIdx.y * BLOCK + threadIdx.x) * size;
    if (column >= a.width) return;
    const ELEMENT* row = a.x + (i64)blockIdx.x * 2 * a.width + column;
    Vec<ELEMENT> gate, up;
    gate.load(row);
    up.load(row + a.width);
    for (int e = 0; e < size; e++) gate.v[e] = silu_of(gate.v[e]) * up.v[e];
    gate.store(a.y + (i64)blockIdx.x * a.width + column);
}
