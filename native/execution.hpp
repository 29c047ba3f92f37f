// What the device's built-ins ask of the runner. The thread that runs is named by `here`; everything else is a call.
#pragma once
#include "site.hpp"
#include "vector_types.hpp"
#include <cstddef>
#include <cstdint>

#define TUNA2_RUNNER __attribute__((visibility("default")))

namespace tuna2 {

struct Place {
    uint3 thread, block;
    dim3 block_size, grid_size;
};

// initial-exec: one offset load instead of a call for every threadIdx.
extern TUNA2_RUNNER __thread const Place* here __attribute__((tls_model("initial-exec")));

// Ends the launch with an error at this thread's place. Nothing of the kernel runs after it.
[[noreturn]] TUNA2_RUNNER void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

// The calling lane leaves its operands and waits until every lane of mask has come to the same site with the same mask; the
// last of them runs compute once, with each lane's operands (null for lanes outside the mask).
using WarpFunction = void (*)(void* const* lanes, uint32_t mask);
TUNA2_RUNNER void warp_collective(const char* operation, uint32_t mask, void* operands, WarpFunction compute, Site site);

// Waits for every thread of the block; returns how many came with a true predicate.
TUNA2_RUNNER int block_barrier(const char* operation, bool predicate, Site site);

TUNA2_RUNNER void* shared_memory(size_t size, size_t alignment);
// Fails unless [p, p + bytes) lies in the block's shared memory and p is a multiple of bytes.
TUNA2_RUNNER void check_shared(const char* operation, const void* p, size_t bytes, Site site);

// kernels/common/hopper.cuh. Barriers are known by their address.
TUNA2_RUNNER void barrier_initialise(void* barrier, int arrivals, Site site);
TUNA2_RUNNER void barrier_arrive(void* barrier, int64_t bytes, Site site);
TUNA2_RUNNER void barrier_wait(void* barrier, int parity, Site site);
TUNA2_RUNNER void issue_tensor_copy(void* shared, const void* map, void* barrier, int dimensions, const int (&coordinates)[4], Site site);
TUNA2_RUNNER void named_barrier(const char* operation, int id, int threads, bool waits, Site site);
TUNA2_RUNNER uint32_t shared_offset(const char* operation, const void* p, size_t alignment, Site site);

// A product of a warpgroup, as one of its threads sees it. Operands in shared memory are named by their descriptors.
struct WarpgroupProduct {
    float* d; // columns / 2 of this thread's
    int columns;
    uint32_t a[4];
    uint64_t a_operand; // 0: from registers
    uint64_t b_operand;
    bool b_by_rows;
    bool accumulate;
};
TUNA2_RUNNER void wgmma_fence();
TUNA2_RUNNER void wgmma_issue(const WarpgroupProduct& product, Site site);
TUNA2_RUNNER void wgmma_commit();
TUNA2_RUNNER void wgmma_wait(int batches_under_way, Site site);

TUNA2_RUNNER void issue_copy(void* shared, const void* global, bool valid, Site site);
TUNA2_RUNNER void commit_copies();
TUNA2_RUNNER void wait_copies(int groups_under_way);

} // namespace tuna2
