// x0_to_velocity_step: from the flow head's rows to the next state, in one pass over the picture: unpatchify, CFG mix, x0 to
// velocity, the solver's update, and bytes where they are asked for (MODEL.md 3.7 and 4; official jit_utils.py).
//   x0 = u + g (c - u)                                   g = 1: x0 = c, and u is not read
//   v  = (x0 - z) / max(0.05, 1 - t)
//   Euler: z += dt v;  Heun: first v is kept and trial = z + dt v; then z += dt (v kept + v at the trial state) / 2
//
// shapes    c, u: rows of (tokens, 768) ELEMENT; z, trial, velocity, prediction (3, height, width) float32; bytes (height, width, 3)
// mapping   a thread per eight neighbouring pixels: 24 values of a token, eight of each plane, 24 bytes
// traffic   2 pictures read as ELEMENT, one state read and written as float32; Heun's halves write and read one more, and
//           the second reads the trial state besides
// bound     memory: 512 x 512: 3.1 MB of predictions + 6.3 MB of state = 9.4 MB, 2.2 us at 4.3 TB/s
// rounding  float32 throughout; bytes are truncated after clamp((x + 1) / 2) * 255
// layout    raster: value 3q + c of token i is channel c of pixel 256 i + q of the flattened picture; patch: of pixel
//           (q / 16, q % 16) of the token's own block. Eight pixels that start at a multiple of eight lie side by side in both.
#include "common/vec.cuh"

#if !defined(ELEMENT) || !defined(BLOCK)
#error "x0_to_velocity_step.cu needs -DELEMENT=bf16|f32 -DBLOCK=threads"
#endif

constexpr int PATCH = 16, AREA = PATCH * PATCH, CHANNELS = 3, PIXELS = 8;
constexpr float SMALLEST_REMAINING = 0.05f;

enum Phase { EULER = 0, HEUN_TRIAL = 1, HEUN_CORRECT = 2, PREDICT_ONLY = 3 };

// Written by the sampler before the launch, so that a captured graph serves every step.
struct StepNumbers {
    float time;
    float delta;
    float guidance;
    int phase;
};

struct X0ToVelocityStepArgs {
    const ELEMENT* conditional;   // first patch row of the conditional branch
    const ELEMENT* unconditional; // of the unconditional one; read only where guidance is not 1
    float* z;
    float* trial;
    float* velocity;
    float* prediction;            // null, or where x0 is wanted as planes (previews, parity)
    u8* bytes;                    // null, or where the state that is written is wanted as pixels
    const StepNumbers* numbers;
    int height;
    int width;
    int raster;
    int padding;
};

__device__ __forceinline__ void load_values(const ELEMENT* p, float (&v)[PIXELS * CHANNELS])
{
#pragma unroll
    for (int i = 0; i < PIXELS * CHANNELS; i += Vec<ELEMENT>::size) {
        Vec<ELEMENT> x;
        x.load(p + i);
        for (int e = 0; e < Vec<ELEMENT>::size; e++) v[i + e] = x.v[e];
    }
}

__device__ __forceinline__ void store_floats(const float (&v)[PIXELS], float* p)
{
#pragma unroll
    for (int i = 0; i < PIXELS; i += 4) *reinterpret_cast<float4*>(p + i) = make_float4(v[i], v[i + 1], v[i + 2], v[i + 3]);
}

// -1..1 as a byte, truncated; NaN gives 0 (src/Tuna2.Engine/Imaging/PixelTensor.cs).
__device__ __forceinline__ u32 to_byte(float x) { return (u32)(fminf(fmaxf((x + 1.0f) / 2.0f, 0.0f), 1.0f) * 255.0f); }

extern "C" __global__ void __launch_bounds__(BLOCK) x0_to_velocity_step(const __grid_constant__ X0ToVelocityStepArgs a)
{
    const int plane = a.height * a.width;
    const int first = (blockIdx.x * BLOCK + threadIdx.x) * PIXELS; // among the tokens' values, in pixels
    if (first >= plane) return;
    const StepNumbers n = *a.numbers;

    float x0[PIXELS * CHANNELS];
    load_values(a.conditional + (i64)first * CHANNELS, x0);
    if (n.guidance != 1) {
        float u[PIXELS * CHANNELS];
        load_values(a.unconditional + (i64)first * CHANNELS, u);
#pragma unroll
        for (int i = 0; i < PIXELS * CHANNELS; i++) x0[i] = u[i] + n.guidance * (x0[i] - u[i]);
    }

    const int token = first / AREA, q = first % AREA, across = a.width / PATCH;
    const int pixel = a.raster ? first : (token / across * PATCH + q / PATCH) * a.width + token % across * PATCH + q % PATCH;
    const float inverse = 1.0f / fmaxf(SMALLEST_REMAINING, 1 - n.time);
    u32 bytes[PIXELS * CHANNELS / 4] = {};
#pragma unroll
    for (int c = 0; c < CHANNELS; c++) {
        const i64 at = (i64)c * plane + pixel;
        if (a.prediction) {
            float x[PIXELS];
#pragma unroll
            for (int i = 0; i < PIXELS; i++) x[i] = x0[i * CHANNELS + c];
            store_floats(x, a.prediction + at);
        }
        if (n.phase == PREDICT_ONLY) continue;

        float z[PIXELS], seen[PIXELS], v[PIXELS];
        load_floats(a.z + at, z);
        if (n.phase == HEUN_CORRECT)
            load_floats(a.trial + at, seen);
        else
            for (int i = 0; i < PIXELS; i++) seen[i] = z[i];
#pragma unroll
        for (int i = 0; i < PIXELS; i++) v[i] = (x0[i * CHANNELS + c] - seen[i]) * inverse;
        if (n.phase == HEUN_TRIAL) store_floats(v, a.velocity + at);
        if (n.phase == HEUN_CORRECT) {
            float kept[PIXELS];
            load_floats(a.velocity + at, kept);
#pragma unroll
            for (int i = 0; i < PIXELS; i++) v[i] = 0.5f * (kept[i] + v[i]);
        }
#pragma unroll
        for (int i = 0; i < PIXELS; i++) z[i] += n.delta * v[i];
        store_floats(z, (n.phase == HEUN_TRIAL ? a.trial : a.z) + at);
#pragma unroll
        for (int i = 0; i < PIXELS; i++) bytes[(i * CHANNELS + c) / 4] |= to_byte(z[i]) << (i * CHANNELS + c) % 4 * 8;
    }
    if (a.bytes && n.phase != PREDICT_ONLY) {
        uint2* to = reinterpret_cast<uint2*>(a.bytes + (i64)pixel * CHANNELS);
#pragma unroll
        for (int i = 0; i < PIXELS * CHANNELS / 8; i++) to[i] = make_uint2(bytes[2 * i], bytes[2 * i + 1]);
    }
}
