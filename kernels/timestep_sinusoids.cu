// timestep_sinusoids: a time as 256 numbers (official TimestepEmbedder): cosines first, then sines.
//   y[i,c]        = cos(t[i] f[c]),  f[c] = exp(-ln(10000) c / 128),  c < 128
//   y[i,128 + c]  = sin(t[i] f[c])
//
// shapes    t (times) float32; frequencies (128) float32; y (times, 256) ELEMENT
// mapping   a block of 128 threads per time
// traffic   256 elements per time
// bound     launch: once before the loop
// rounding  float32; the angle goes in half turns to the function that has no slow path, and so no stack: for 0 <= t <= 1 good
//           to 2e-7, small sines relatively too; y at the store
#include "common/bf16.cuh"

#if !defined(ELEMENT)
#error "timestep_sinusoids.cu needs -DELEMENT=bf16|f32"
#endif

constexpr int HALF = 128;
constexpr float INVERSE_PI = 0.318309886f;

struct TimestepSinusoidsArgs {
    const float* times;
    const float* frequencies;
    ELEMENT* y;
};

extern "C" __global__ void __launch_bounds__(HALF) timestep_sinusoids(const __grid_constant__ TimestepSinusoidsArgs a)
{
    const float angle = a.times[blockIdx.x] * a.frequencies[threadIdx.x];
    ELEMENT* y = a.y + (i64)blockIdx.x * 2 * HALF;
    float sine, cosine;
    sincospif(angle * INVERSE_PI, &sine, &cosine);
    from_float(cosine, y[threadIdx.x]);
    from_float(sine, y[HALF + threadIdx.x]);
}
