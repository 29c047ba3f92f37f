#include "guarded_memory.hpp"
#include "abi.h"
#include "block.hpp"
#include "poison.hpp"
#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

namespace tuna2 {
namespace {

const size_t page = (size_t)sysconf(_SC_PAGESIZE);
constexpr size_t ALIGNMENT = 16;
constexpr unsigned char GUARD = 0xa7;

struct Allocation {
    char* map;
    size_t map_bytes;
    char* data;
    size_t bytes;

    char* inner_begin() const { return map + page; }
    char* inner_end() const { return map + map_bytes - page; }
};

struct Registry {
    std::mutex mutex;
    std::map<const char*, Allocation> by_map; // by the first byte of the mapping
    std::map<const void*, const char*> by_data;
};
Registry& registry()
{
    static Registry* const all = new Registry;
    return *all;
}

} // namespace

std::string describe_guarded(const void* address)
{
    Registry& r = registry();
    std::lock_guard lock(r.mutex);
    auto after = r.by_map.upper_bound(static_cast<const char*>(address));
    if (after == r.by_map.begin()) return "";
    const Allocation& a = std::prev(after)->second;
    const char* p = static_cast<const char*>(address);
    if (p >= a.map + a.map_bytes) return "";
    return p < a.data ? text("out of bounds: %td bytes before a buffer of %zu", a.data - p, a.bytes)
                      : text("out of bounds: byte %td of a buffer of %zu", p - a.data, a.bytes);
}

} // namespace tuna2

using namespace tuna2;

void* tuna2_allocate(size_t bytes)
{
    const size_t aligned = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, inner = (aligned + 2 * page - 1) / page * page;
    Allocation a = {};
    a.map_bytes = inner + 2 * page, a.bytes = bytes;
    a.map = static_cast<char*>(mmap(nullptr, a.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (a.map == MAP_FAILED) return nullptr;
    if (mprotect(a.map + page, inner, PROT_READ | PROT_WRITE)) {
        munmap(a.map, a.map_bytes);
        return nullptr;
    }
    a.data = a.inner_end() - aligned;
    std::memset(a.inner_begin(), GUARD, (size_t)(a.data - a.inner_begin()));
    std::memset(a.data + bytes, GUARD, aligned - bytes);
    Registry& r = registry();
    std::lock_guard lock(r.mutex);
    r.by_map[a.map] = a;
    r.by_data[a.data] = a.map;
    return a.data;
}

void tuna2_free(void* memory)
{
    Registry& r = registry();
    std::lock_guard lock(r.mutex);
    const auto found = r.by_data.find(memory);
    if (found == r.by_data.end()) return;
    const Allocation a = r.by_map[found->second];
    r.by_map.erase(found->second);
    r.by_data.erase(found);
    munmap(a.map, a.map_bytes);
}

void tuna2_poison(void* memory, size_t bytes, int32_t pattern) { fill_poison(memory, bytes, pattern); }

int tuna2_verify(const void* memory, char* error, size_t error_size)
{
    Registry& r = registry();
    std::lock_guard lock(r.mutex);
    const auto found = r.by_data.find(memory);
    if (found == r.by_data.end()) {
        snprintf(error, error_size, "%p is not the beginning of an allocation", memory);
        return 1;
    }
    const Allocation& a = r.by_map[found->second];
    const char* bad = nullptr;
    for (const char* p = a.inner_begin(); p < a.data; p++)
        if ((unsigned char)*p != GUARD) bad = p;
    for (const char* p = a.inner_end() - 1; p >= a.data + a.bytes; p--)
        if ((unsigned char)*p != GUARD) bad = p;
    if (!bad) return 0;
    snprintf(error, error_size, "a byte was written at %td, outside the %zu of the buffer", bad - a.data, a.bytes);
    return 1;
}
