// keep_frames: the frame cache of causal convolutions becomes the last frames of what it was with the input behind it.
//
// shapes    x (frames, words), past (kept, words) of 16-byte words, a frame's; past is updated
// mapping   a thread per word of a frame, through the frames from the front on: what it moves nobody else reads or writes
// traffic   2 kept words
// bound     memory: 2 frames of 256 x 256 x 256 float32: 268 MB, 62 us at 4.3 TB/s
// rounding  none: a copy
#include "common/platform.cuh"

#if !defined(BLOCK)
#error "keep_frames.cu needs -DBLOCK=threads"
#endif

struct KeepFramesArgs {
    const uint4* x;
    uint4* past;
    i64 words; // of a frame
    int frames;
    int kept;
};

extern "C" __global__ void __launch_bounds__(BLOCK) keep_frames(const __grid_constant__ KeepFramesArgs a)
{
    const i64 word = (i64)blockIdx.x * BLOCK + threadIdx.x;
    if (word >= a.words) return;
    for (int frame = 0; frame < a.kept; frame++) {
        const int from = frame + a.frames; // among the past's frames, then the input's
        a.past[frame * a.words + word] = from < a.kept ? a.past[from * a.words + word] : a.x[(from - a.kept) * a.words + word];
    }
}
