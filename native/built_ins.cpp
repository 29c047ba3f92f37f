// execution.hpp, answered by the block that this OS thread runs.
#include "block.hpp"
#include <cstdarg>
#include <cstdio>

namespace tuna2 {

void fail(const char* format, ...)
{
    char line[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    running_block->fail(line);
}

void warp_collective(const char* operation, uint32_t mask, void* operands, WarpFunction compute, Site site)
{
    running_block->warp_collective(operation, mask, operands, compute, site);
}

int block_barrier(const char* operation, bool predicate, Site site) { return running_block->barrier(operation, predicate, site); }

void* shared_memory(size_t size, size_t alignment)
{
    const SharedMemory& shared = running_block->shared();
    if (size > shared.bytes()) fail("the kernel's shared struct has %zu bytes, the launch gives %zu", size, shared.bytes());
    if ((uintptr_t)shared.data() % alignment) fail("the kernel's shared struct asks for an alignment of %zu bytes, which %zu bytes of shared memory are not given", alignment, shared.bytes());
    return shared.data();
}

void check_shared(const char* operation, const void* p, size_t bytes, Site site) { running_block->check_shared(operation, p, bytes, site); }
void issue_copy(void* shared, const void* global, bool valid, Site site) { running_block->issue_copy(shared, global, valid, site); }
void commit_copies() { running_block->self().copies.commit(); }
void wait_copies(int groups_under_way) { running_block->self().copies.wait(groups_under_way); }


void barrier_initialise(void* barrier, int arrivals, Site site) { running_block->barrier_initialise(barrier, arrivals, site); }
void barrier_arrive(void* barrier, int64_t bytes, Site site) { running_block->barrier_arrive(barrier, bytes, site); }
void barrier_wait(void* barrier, int parity, Site site) { running_block->barrier_wait(barrier, parity, site); }
void issue_tensor_copy(void* shared, const void* map, void* barrier, int dimensions, const int (&coordinates)[4], Site site)
{
    running_block->issue_tensor_copy(shared, map, barrier, dimensions, coordinates, site);
}
void named_barrier(const char* operation, int id, int threads, bool waits, Site site) { running_block->named_barrier(operation, id, threads, waits, site); }
uint32_t shared_offset(const char* operation, const void* p, size_t alignment, Site site) { return running_block->shared_offset(operation, p, alignment, site); }

void wgmma_fence() { running_block->self().products.fenced = true; }
void wgmma_issue(const WarpgroupProduct& product, Site site) { running_block->issue_product(product, site); }
void wgmma_commit() { running_block->self().products.batches++; }
void wgmma_wait(int batches_under_way, Site site) { running_block->wait_products(batches_under_way, site); }

} // namespace tuna2
