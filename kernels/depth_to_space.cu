// depth_to_space: the inverse of space_to_depth.cu, the VAE's last step.
//   planes[c, t, 2 y + dy, 2 x + dx] = x[(t, y, x), 4 c + 2 dx + dy]
//
// shapes    x (frames height/2 width/2, columns) float32; planes (columns / 4, frames, height, width), height and width even
// mapping   a thread per element of the planes: writes are neighbours, reads of a warp lie in sixteen pixels
// traffic   3 frames height width floats read and written
// bound     memory: 3 x 512 x 512 = 6 MB, launch
// rounding  none: a copy
#include "common/platform.cuh"

#if !defined(BLOCK)
#error "depth_to_space.cu needs -DBLOCK=threads"
#endif

struct DepthToSpaceArgs {
    const float* x;
    float* planes;
    int columns; // of x
    int frames;
    int height; // of the planes
    int width;
};

extern "C" __global__ void __launch_bounds__(BLOCK) depth_to_space(const __grid_constant__ DepthToSpaceArgs a)
{
    const u32 at = blockIdx.x * BLOCK + threadIdx.x;
    const u32 width = a.width, height = a.height, frame = height * width, plane = a.frames * frame;
    if (at >= plane * (a.columns / 4)) return;
    const u32 channel = at / plane, x = at % width, y = at / width % height, t = at % plane / frame;
    const i64 pixel = (i64)(t * (height / 2) + y / 2) * (width / 2) + x / 2;
    a.planes[at] = a.x[pixel * a.columns + 4 * channel + 2 * (x % 2) + y % 2];
}
