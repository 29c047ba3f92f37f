// Where in the source a barrier or a warp operation stands. As the last, defaulted parameter of a function it is the caller's
// place; an inlined helper such as warp_sum is a place of its own, the same for all its callers.
#pragma once
#include <cstring>

namespace tuna2 {

struct Site {
    const char* file;
    int line;

    static constexpr Site here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) { return {file, line}; }

    bool operator==(const Site& other) const { return line == other.line && (file == other.file || !std::strcmp(file, other.file)); }
};

} // namespace tuna2
