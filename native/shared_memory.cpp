#include "shared_memory.hpp"
#include "poison.hpp"
#include "sanitizer.hpp"
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace tuna2 {
namespace {
const size_t page = (size_t)sysconf(_SC_PAGESIZE);
constexpr char GUARD = (char)0xb5;
size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }
} // namespace

SharedMemory::SharedMemory(size_t bytes) : bytes_(bytes)
{
    const size_t aligned = round_up(bytes, 128), inner = round_up(aligned + 1, page);
    // The sanitizer reports a page of forbidden bytes better than an unmapped one.
    const size_t behind = TUNA2_ASAN ? page : 0;
    map_bytes_ = inner + behind + 2 * page;
    map_ = static_cast<char*>(mmap(nullptr, map_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (map_ == MAP_FAILED || mprotect(map_ + page, inner + behind, PROT_READ | PROT_WRITE)) throw std::bad_alloc();
    data_ = map_ + page + inner - aligned;
    std::memset(map_ + page, GUARD, inner);
    forbid(map_ + page, (size_t)(data_ - map_) - page);
    forbid(data_ + bytes, aligned - bytes + behind);
}

SharedMemory::~SharedMemory()
{
    allow(map_, map_bytes_);
    munmap(map_, map_bytes_);
}

bool SharedMemory::contains(const void* p, size_t bytes) const
{
    const auto* c = static_cast<const char*>(p);
    return c >= data_ && c <= data_ + bytes_ && bytes <= (size_t)(data_ + bytes_ - c);
}

bool SharedMemory::guards(const void* p) const
{
    return (p >= map_ && p < map_ + page) || (p >= map_ + map_bytes_ - page && p < map_ + map_bytes_);
}

void SharedMemory::poison(int pattern) { fill_poison(data_, bytes_, pattern); }

ptrdiff_t SharedMemory::overrun() const
{
#if !TUNA2_ASAN // which stops at the access itself, and would at these
    for (const char* p = data_ + bytes_; p < map_ + map_bytes_ - page; p++)
        if (*p != GUARD) return p - data_;
    for (const char* p = data_ - 1; p >= map_ + page; p--)
        if (*p != GUARD) return p - data_;
#endif
    return 0;
}

} // namespace tuna2
