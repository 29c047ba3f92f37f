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
    if (alignment > SharedMemory::ALIGNMENT) fail("the kernel's shared struct asks for an alignment of %zu bytes, more than %zu", alignment, SharedMemory::ALIGNMENT);
    return shared.data();
}

void check_shared(const char* operation, const void* p, size_t bytes, Site site) { running_block->check_shared(operation, p, bytes, site); }
void issue_copy(void* shared, const void* global, bool valid, Site site) { running_block->issue_copy(shared, global, valid, site); }
void commit_copies() { running_block->self().copies.commit(); }
void wait_copies(int groups_under_way) { running_block->self().copies.wait(groups_under_way); }

} // namespace tuna2
