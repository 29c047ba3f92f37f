// kv_to_cache: qkv_to_cache.cu where nothing is normed or rotated, the pictures of the vision encoder and of the VAE: every row's
// keys and values go into the row of the same number of the caches; the queries stay where they are.
//
// shapes    qkv (rows, row_words), keys, values (rows, kv_words) of 16-byte words, whatever the elements are
// mapping   a thread per word of a row's keys and values; grid.x is the row, as grid.y ends at 65,535
// traffic   4 rows kv_words words
// bound     memory: 2048 x 2 x 1152 bf16 = 19 MB, 4.4 us at 4.3 TB/s
// rounding  none: a copy
#include "common/platform.cuh"

#if !defined(BLOCK)
#error "kv_to_cache.cu needs -DBLOCK=threads"
#endif

struct KvToCacheArgs {
    const uint4* qkv;
    uint4* keys;
    uint4* values;
    int row_words;
    int kv_words; // of a row's keys, the last but as many of the row
};

extern "C" __global__ void __launch_bounds__(BLOCK) kv_to_cache(const __grid_constant__ KvToCacheArgs a)
{
    const int word = blockIdx.y * BLOCK + threadIdx.x;
    if (word >= 2 * a.kv_words) return;
    const i64 row = blockIdx.x;
    const uint4 x = a.qkv[row * a.row_words + a.row_words - 2 * a.kv_words + word];
    if (word < a.kv_words)
        a.keys[row * a.kv_words + word] = x;
    else
        a.values[row * a.kv_words + word - a.kv_words] = x;
}
