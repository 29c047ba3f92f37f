// space_to_depth: planes to pixels of a quarter as many with four times the channels, the VAE's first step.
//   y[(t, y, x), 4 c + 2 dx + dy] = planes[c, t, 2 y + dy, 2 x + dx]
//
// shapes    planes (columns / 4, frames, height, width) float32, height and width even; y (frames height/2 width/2, columns)
// mapping   a thread per element of y: writes are neighbours, reads of a warp lie in a few lines of every plane
// traffic   3 frames height width floats read and written
// bound     memory: 3 x 512 x 512 = 6 MB, launch
// rounding  none: a copy
#include "common/platform.cuh"

#if !defined(BLOCK)
#error "space_to_depth.cu needs -DBLOCK=threads"
#endif

struct SpaceToDepthArgs {
    const float* planes;
    float* y;
    int columns; // of y
    int frames;
    int height; // of the planes
    int width;
};

extern "C" __global__ void __launch_bounds__(BLOCK) space_to_depth(const __grid_constant__ SpaceToDepthArgs a)
{
    const u32 at = blockIdx.x * BLOCK + threadIdx.x;
    const u32 down = a.height / 2, across = a.width / 2, columns = a.columns;
    if (at >= a.frames * down * across * columns) return;
    const u32 column = at % columns, pixel = at / columns;
    const u32 x = pixel % across, y = pixel / across % down, t = pixel / (across * down);
    a.y[at] = a.planes[(((i64)(column / 4) * a.frames + t) * a.height + 2 * y + column % 2) * a.width + 2 * x + column / 2 % 2];
}
