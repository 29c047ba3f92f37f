#include "fibre.hpp"
#include <mutex>
#include <new>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace tuna2 {
namespace {

const size_t page = (size_t)sysconf(_SC_PAGESIZE);

struct Pool {
    std::mutex mutex;
    std::vector<char*> free;
};
// Never destroyed: a launch may be running on another thread when the process ends.
Pool& pool()
{
    static Pool* const all = new Pool;
    return *all;
}

constexpr int SLAB = 64; // stacks mapped at once

void grow(std::vector<char*>& free)
{
    const size_t stride = Stack::SIZE + page;
    void* slab = mmap(nullptr, SLAB * stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (slab == MAP_FAILED) throw std::bad_alloc();
    for (int i = 0; i < SLAB; i++) {
        char* guard = static_cast<char*>(slab) + i * stride;
        if (mprotect(guard, page, PROT_NONE)) throw std::bad_alloc();
        free.push_back(guard + page);
    }
}

} // namespace

Stack::Stack()
{
    Pool& p = pool();
    std::lock_guard lock(p.mutex);
    if (p.free.empty()) grow(p.free);
    bottom_ = p.free.back();
    p.free.pop_back();
}

Stack::~Stack()
{
    if (!bottom_) return;
    Pool& p = pool();
    std::lock_guard lock(p.mutex);
    p.free.push_back(bottom_);
}

bool Stack::guards(const void* p) const { return p >= bottom_ - page && p < bottom_; }

} // namespace tuna2
