// x0_to_velocity_step: from the flow head's rows to the next states, in one pass over the pictures: unpatchify, CFG mix, the velocity
// that the prediction leads to or is, the solver's update, and bytes where they are asked for (MODEL.md 3.7 and 4; official
// jit_utils.py, transport/integrators.py). Each picture has numbers of its own: they may be at different steps.
//   p = u + g (c - u)                                    g = 1: p = c, and u is not read
//   v = (p - z) / max(0.05, 1 - t)                       or v = p where the model predicts velocities
//   Euler: z += dt v;  Heun: first v is kept and trial = z + dt v; then z += dt (v kept + v at the trial state) / 2
//
// shapes    c, u: rows of (tokens, PATCH x PATCH x CHANNELS) ELEMENT; z, trial, velocity, prediction (CHANNELS, frames, height,
//           width) float32 of each picture; bytes (height, width, 3) u8, of pixels only
// mapping   the grid's y is the picture
//           pixels: a thread per eight neighbours, 24 values of a token, eight of each plane, 24 bytes
//           latents: a thread per cell and eight channels; neighbouring threads have neighbouring cells
// traffic   of each picture 2 predictions read as ELEMENT, one state read and written as float32; Heun's halves write and read one
//           more, and the second reads the trial state besides
// bound     memory: 512 x 512: 3.1 MB of predictions + 6.3 MB of state = 9.4 MB, 2.2 us at 4.3 TB/s; its latent is a sixteenth
// rounding  float32 throughout; bytes are truncated after clamp((x + 1) / 2) * 255
// layout    raster: value CHANNELS q + c of token i is channel c of pixel AREA i + q of the flattened picture; patch: of pixel
//           (q / PATCH, q % PATCH) of the token's own block. Eight pixels that start at a multiple of eight lie side by side in
//           both. A clip's frames lie behind each other, so that it is one tall picture.
#include "common/vec.cuh"

#if !defined(ELEMENT) || !defined(BLOCK) || !defined(PATCH) || !defined(CHANNELS)
#error "x0_to_velocity_step.cu needs -DELEMENT=bf16|f32 -DPATCH=16|1 -DCHANNELS=3|48 -DBLOCK=threads"
#endif

// A thread has PIXELS neighbours and OWN channels of each; PARTS threads share a pixel.
constexpr int AREA = PATCH * PATCH, PIXELS = PATCH == 1 ? 1 : 8, PARTS = PATCH == 1 ? CHANNELS / 8 : 1, OWN = CHANNELS / PARTS;
constexpr int VALUES = PIXELS * OWN;
constexpr bool HAS_BYTES = CHANNELS == 3;
constexpr float SMALLEST_REMAINING = 0.05f;

static_assert(PARTS * OWN == CHANNELS && VALUES % 8 == 0 && AREA % PIXELS == 0, "whole vectors of a token's values");

enum Phase { EULER = 0, HEUN_TRIAL = 1, HEUN_CORRECT = 2, PREDICT_ONLY = 3 };

// Written by the sampler before the launch, so that a captured graph serves every step.
struct StepNumbers {
    float time;
    float delta;
    float guidance;
    int phase;
    int picture;       // which of the pictures
    int conditional;   // first patch row of the conditional branch
    int unconditional; // of the unconditional one; read only where guidance is not 1
    int padding;
};

struct X0ToVelocityStepArgs {
    const ELEMENT* rows;
    float* pictures;   // of each picture z, then the trial state
    float* velocity;
    float* prediction; // null, or where the mixed prediction is wanted as planes (parity)
    u8* bytes;         // null, or where the state that is written is wanted as pixels
    const StepNumbers* numbers;
    int height;
    int width;
    int raster;
    int frames;
    int predicts_velocity;
    int padding;
};

__device__ __forceinline__ void load_values(const ELEMENT* p, float (&v)[VALUES])
{
#pragma unroll
    for (int i = 0; i < VALUES; i += Vec<ELEMENT>::size) {
        Vec<ELEMENT> x;
        x.load(p + i);
        for (int e = 0; e < Vec<ELEMENT>::size; e++) v[i + e] = x.v[e];
    }
}

// The pixels of a thread in a plane.
__device__ __forceinline__ void load_pixels(const float* p, float (&v)[PIXELS])
{
    if constexpr (PIXELS == 1)
        v[0] = *p;
    else
        load_floats(p, v);
}

__device__ __forceinline__ void store_pixels(const float (&v)[PIXELS], float* p)
{
    if constexpr (PIXELS == 1)
        *p = v[0];
    else
#pragma unroll
        for (int i = 0; i < PIXELS; i += 4) *reinterpret_cast<float4*>(p + i) = make_float4(v[i], v[i + 1], v[i + 2], v[i + 3]);
}

// -1..1 as a byte, truncated; NaN gives 0 (src/Tuna2.Engine/Imaging/PixelTensor.cs).
__device__ __forceinline__ u32 to_byte(float x) { return (u32)(fminf(fmaxf((x + 1.0f) / 2.0f, 0.0f), 1.0f) * 255.0f); }

extern "C" __global__ void __launch_bounds__(BLOCK) x0_to_velocity_step(const __grid_constant__ X0ToVelocityStepArgs a)
{
    const int plane = a.frames * a.height * a.width;
    const int thread = blockIdx.x * BLOCK + threadIdx.x, part = PARTS == 1 ? 0 : thread / plane;
    const int first = PARTS == 1 ? thread * PIXELS : thread - part * plane; // among the tokens' values, in pixels
    if (part >= PARTS || first >= plane) return;
    const StepNumbers n = a.numbers[blockIdx.y];
    const int values = CHANNELS * plane; // a picture's places fit 32 bits, which saves the registers of wider ones
    float* z_planes = a.pictures + 2 * (i64)n.picture * values;
    float* velocity = a.velocity + (i64)n.picture * values;

    float p[VALUES];
    load_values(a.rows + ((i64)n.conditional * AREA + first) * CHANNELS + part * OWN, p);
    if (n.guidance != 1) {
        float u[VALUES];
        load_values(a.rows + ((i64)n.unconditional * AREA + first) * CHANNELS + part * OWN, u);
#pragma unroll
        for (int i = 0; i < VALUES; i++) p[i] = u[i] + n.guidance * (p[i] - u[i]);
    }

    const int token = first / AREA, q = first % AREA, across = a.width / PATCH;
    const int pixel = a.raster ? first : (token / across * PATCH + q / PATCH) * a.width + token % across * PATCH + q % PATCH;
    const float inverse = 1.0f / fmaxf(SMALLEST_REMAINING, 1 - n.time);
    u32 bytes[VALUES / 4] = {};
#pragma unroll
    for (int c = 0; c < OWN; c++) {
        const int at = (part * OWN + c) * plane + pixel;
        if (a.prediction) {
            float x[PIXELS];
#pragma unroll
            for (int i = 0; i < PIXELS; i++) x[i] = p[i * OWN + c];
            store_pixels(x, a.prediction + (i64)n.picture * values + at);
        }
        if (n.phase == PREDICT_ONLY) continue;

        float z[PIXELS], seen[PIXELS], v[PIXELS];
        load_pixels(z_planes + at, z);
        if (n.phase == HEUN_CORRECT)
            load_pixels(z_planes + values + at, seen);
        else
            for (int i = 0; i < PIXELS; i++) seen[i] = z[i];
#pragma unroll
        for (int i = 0; i < PIXELS; i++) v[i] = a.predicts_velocity ? p[i * OWN + c] : (p[i * OWN + c] - seen[i]) * inverse;
        if (n.phase == HEUN_TRIAL) store_pixels(v, velocity + at);
        if (n.phase == HEUN_CORRECT) {
            float kept[PIXELS];
            load_pixels(velocity + at, kept);
#pragma unroll
            for (int i = 0; i < PIXELS; i++) v[i] = 0.5f * (kept[i] + v[i]);
        }
#pragma unroll
        for (int i = 0; i < PIXELS; i++) z[i] += n.delta * v[i];
        store_pixels(z, z_planes + (n.phase == HEUN_TRIAL ? values : 0) + at);
        if constexpr (HAS_BYTES)
#pragma unroll
            for (int i = 0; i < PIXELS; i++) bytes[(i * OWN + c) / 4] |= to_byte(z[i]) << (i * OWN + c) % 4 * 8;
    }
    if (HAS_BYTES && a.bytes && n.phase != PREDICT_ONLY) {
        uint2* to = reinterpret_cast<uint2*>(a.bytes + ((i64)n.picture * plane + pixel) * CHANNELS);
#pragma unroll
        for (int i = 0; i < VALUES / 8; i++) to[i] = make_uint2(bytes[2 * i], bytes[2 * i + 1]);
    }
}
