// The table of sequences: runs of rows over one branch's keys (src/Tuna2.Engine/Graph/Sequence.cs). A text sequence is causal;
// a picture's span sees its prefix and itself whole, and its row 0 is the time token.
#pragma once
#include "platform.cuh"

struct Sequence {
    int q_begin;    // first of its rows
    int q_len;      // how many
    int kv_base;    // first row of its branch's keys in the caches
    int prefix_len; // keys of the branch before its own
    int pos_base;   // rotary position of its first row
    int mod_row;    // row of the AdaLN tables, -1 for text
    int frames;     // the span's patches: frames x height x width; 0 for text
    int height;
    int width;

    __device__ __forceinline__ bool is_span() const { return frames > 0; }
    // How many keys, from kv_base, row r of the sequence sees.
    __device__ __forceinline__ int kv_end(int r) const { return is_span() ? prefix_len + q_len : prefix_len + r + 1; }
};

// The rows a block of attention takes; a tile never straddles two sequences.
struct AttentionTile {
    int sequence;
    int first; // packed row of the sequence the tile begins at
};
