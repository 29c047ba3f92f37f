// timestep_sinusoids: a time as 256 numbers (official TimestepEmbedder): cosines first, then sines.
//   y[i,c]        = cos(t[i] f[c]),  f[c] = exp(-ln(10000) c / 128),  c < 128
//   y[i,128 + c]  = sin(t[i] f[c])
//
// shapes    t (times) float32; frequencies (128) float32; y (times, 256) ELEMENT
// mapping   a block of 128 threads per time
// traffic   256 elements per time
// bound     launch: once before the loop
// rounding  float32; 0 <= t <= 1, so the arguments stay where the fast sine is good to 5e-7; y at the store
#include "common/bf16.cuh"

#if !defined(ELEMENT)
#error "timestep_sinusoids.cu needs -DELEMENT=bf16|f32"
#endif

constexpr int HALF = 128;

struct TimestepSinusoidsArgs {
    const float* times;
    const float* frequencies;
    ELEMENT* y;
};

extern "C" __global__ void __launch_bounds__(HALF) timestep_sinusoids(const __grid_constant__ TimestepSinusoidsArgs a)
{
    const float angle = a.times[blockIdx.x] * a.frequencies[threadIdx.x];
    ELEMENT* y = a.y + (i64)blockIdx.x * 2 * HALF;
    from_float(__cosf(angle), y[threadIdx.x]);
    from_float(__sinf(angle), y[HALF + threadIdx.x]);
}
