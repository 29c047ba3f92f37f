/* The C interface of the host runner: what an instance library (tuna2_launch and its siblings) and the runner they share
   (the rest) export. Every function that can fail returns 0 for success, otherwise 1 and a text in `error`. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TUNA2_EXPORT __attribute__((visibility("default")))

typedef struct {
    uint32_t x, y, z;
} Tuna2Grid;

typedef struct {
    int32_t reversed; /* 0: threads and blocks run in ascending order; 1: in descending order */
    int32_t poison;   /* which pattern uninitialised memory holds: 0 or 1 (poison.hpp) */
    int32_t threads;  /* OS threads that run blocks; 0: one per core */
    int32_t seconds;  /* a launch that takes longer is ended with an error; 0: 300 */
} Tuna2RunOptions;

/* What a TensorMap (kernels/common/hopper.cuh) holds here: the driver's is opaque. Elements are bf16, innermost dimension first; its
   stride is that of an element. A box's innermost dimension is 128 bytes, which the 128-byte swizzle permutes. */
typedef struct {
    uint64_t magic; /* TUNA2_TENSOR_MAP */
    uint64_t base;
    uint64_t sizes[4];   /* 1 for a dimension that is not there */
    uint64_t strides[3]; /* bytes, of the second dimension on */
    uint32_t box[4];
    uint32_t dimensions; /* 2 to 4 */
    uint8_t rest[36];
} Tuna2TensorMap;
#define TUNA2_TENSOR_MAP 0x70614d726f736e65ull

/* An instance library: one kernel. `args` is the kernel's one by-value argument, addresses in it are the process's own.
   options may be null: ascending, pattern 0, one OS thread per core. */
TUNA2_EXPORT int tuna2_launch(const void* args, size_t args_size, Tuna2Grid grid, int32_t block, size_t shared_bytes,
                              const Tuna2RunOptions* options, char* error, size_t error_size);
TUNA2_EXPORT size_t tuna2_args_size(void);
TUNA2_EXPORT const char* tuna2_entry(void);    /* the kernel function */
TUNA2_EXPORT const char* tuna2_instance(void); /* the name in instances.txt */

/* libtuna2_runner: memory for a kernel's globals, 16-byte aligned, its last byte within 15 of an unmapped page, so that a
   kernel that runs past the end is stopped there and told. Null when there is no memory. */
TUNA2_EXPORT void* tuna2_allocate(size_t bytes);
TUNA2_EXPORT void tuna2_free(void* memory);
TUNA2_EXPORT void tuna2_poison(void* memory, size_t bytes, int32_t pattern);
/* Whether the guard bytes around an allocation are as they were. */
TUNA2_EXPORT int tuna2_verify(const void* memory, char* error, size_t error_size);

#ifdef __cplusplus
}
#endif
