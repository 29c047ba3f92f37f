// AddressSanitizer's view of fibres and guard zones; nothing in a build without it.
#pragma once
#include <cstddef>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define TUNA2_ASAN 1
#else
#define TUNA2_ASAN 0
#endif

namespace tuna2 {

inline void forbid([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes)
{
#if TUNA2_ASAN
    __asan_poison_memory_region(p, bytes);
#endif
}

inline void allow([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes)
{
#if TUNA2_ASAN
    __asan_unpoison_memory_region(p, bytes);
#endif
}

} // namespace tuna2
