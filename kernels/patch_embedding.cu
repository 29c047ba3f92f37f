// patch_embedding: what SigLIP's patch embedding needs before its product: the patches of the batch's pictures as rows, and the
// position of each patch in the place of its output, which the product then adds to.
//   gathered[(i, f, p), k] = frame f of picture places[i], k of patch p       k = (channel, row, column) of the patch
//   y[(i, f, p), n] = table[p, n]                                             where the picture's grid is the table's own,
//                   = the table resized to the grid, at p                     otherwise: torch's bicubic, A = -0.75, half-pixel
//                                                                             centres, edge clamp, no antialiasing
//
// shapes    pictures (slots, channels, frames, height, width) float32; table (side, side, dim), gathered (pictures x frames x
//           patches, channels patch^2), y (pictures x frames x patches, dim) ELEMENT
// mapping   a block per patch of a frame; for positions a thread takes 16-byte vectors of the sixteen neighbours
// traffic   a picture, 16 rows of the table per patch (from the second-level cache), gathered and y written
// bound     second-level cache: 2 x 1024 patches x 16 x 1152 bf16 = 75 MB, 15 us at 5 TB/s
// rounding  patches to ELEMENT (the official code casts the state); positions float32, y at the store
#include "common/vec.cuh"

#if !defined(ELEMENT) || !defined(BLOCK)
#error "patch_embedding.cu needs -DELEMENT=bf16|f32 -DBLOCK=threads"
#endif

constexpr int TAPS = 4;

struct PatchPlacement {
    int picture; // slot
    int first_row;
};

struct PatchEmbeddingArgs {
    const float* pictures;
    const ELEMENT* table;
    ELEMENT* gathered;
    ELEMENT* y;
    const PatchPlacement* places;
    int channels;
    int frames; // of a picture
    int height;
    int width;
    int patch; // side
    int side;  // of the table
    int dim;   // a multiple of the vector
    int padding;
};

// One coordinate of the resized table: four neighbours around `first` and their weights.
struct Neighbours {
    int first;
    float weight[TAPS];

    __device__ __forceinline__ Neighbours(int index, int count, int size)
    {
        constexpr float A = -0.75f;
        const float source = (float)size / count * (index + 0.5f) - 0.5f, below = floorf(source), x = source - below;
        first = (int)below - 1;
        weight[0] = ((A * (x + 1) - 5 * A) * (x + 1) + 8 * A) * (x + 1) - 4 * A;
        weight[1] = ((A + 2) * x - (A + 3)) * x * x + 1;
        weight[2] = ((A + 2) * (1 - x) - (A + 3)) * (1 - x) * (1 - x) + 1;
        weight[3] = ((A * (2 - x) - 5 * A) * (2 - x) + 8 * A) * (2 - x) - 4 * A;
    }
};

extern "C" __global__ void __launch_bounds__(BLOCK) patch_embedding(const __grid_constant__ PatchEmbeddingArgs a)
{
    const int down = a.height / a.patch, across = a.width / a.patch, p = blockIdx.x, row = p / across, column = p % across;
    const i64 out = (i64)blockIdx.y * (down * across) + p;
    const int area = a.patch * a.patch, depth = a.channels * area;

    const i64 plane = (i64)a.height * a.width, frame = blockIdx.y % a.frames;
    const float* picture = a.pictures + (a.places[blockIdx.y / a.frames].picture * (i64)a.channels * a.frames + frame) * plane;
    for (int k = threadIdx.x; k < depth; k += BLOCK) {
        const int y = row * a.patch + k % area / a.patch, x = column * a.patch + k % a.patch;
        from_float(picture[k / area * a.frames * plane + (i64)y * a.width + x], a.gathered[out * depth + k]);
    }

    constexpr int size = Vec<ELEMENT>::size;
    const bool as_is = down == a.side && across == a.side;
    const Neighbours vertical(row, down, a.side), horizontal(column, across, a.side);
    for (int n = threadIdx.x * size; n < a.dim; n += BLOCK * size) {
        Vec<ELEMENT> position;
        if (as_is)
            position.load(a.table + (i64)p * a.dim + n);
        else {
            for (int e = 0; e < size; e++) position.v[e] = 0;
#pragma unroll
            for (int v = 0; v < TAPS; v++) {
                const int from = min(max(vertical.first + v, 0), a.side - 1) * a.side;
                float line[size] = {};
#pragma unroll
                for (int h = 0; h < TAPS; h++) {
                    Vec<ELEMENT> taken;
                    taken.load(a.table + (i64)(from + min(max(horizontal.first + h, 0), a.side - 1)) * a.dim + n);
                    for (int e = 0; e < size; e++) line[e] += horizontal.weight[h] * taken.v[e];
                }
                for (int e = 0; e < size; e++) position.v[e] += vertical.weight[v] * line[e];
            }
        }
        position.store(a.y + out * a.dim + n);
    }
}
