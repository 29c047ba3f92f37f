// Memory for a kernel's globals: the end lies at an unmapped page, the beginning behind guard bytes and another.
#pragma once
#include <cstddef>
#include <string>

namespace tuna2 {

// What an address in one of the unmapped pages is to its allocation; empty when it is in none.
std::string describe_guarded(const void* address);

} // namespace tuna2
