// The shared memory of a block: exactly the bytes of the launch, with an unmapped page on either side. What lies between them and
// the pages is a guard zone, checked after the block. It is aligned to 128 bytes, and to 1024 where there are so many: a struct with
// panels (hopper.cuh) has a multiple of that.
#pragma once
#include <cstddef>

namespace tuna2 {

class SharedMemory {
public:
    explicit SharedMemory(size_t bytes);
    ~SharedMemory();
    SharedMemory(const SharedMemory&) = delete;

    char* data() const { return data_; }
    size_t bytes() const { return bytes_; }
    bool contains(const void* p, size_t bytes) const;
    bool guards(const void* p) const; // in one of the unmapped pages

    void poison(int pattern);
    // The offset from data() of a guard byte that was overwritten, 0 when none was.
    ptrdiff_t overrun() const;

private:
    char* map_;
    size_t map_bytes_;
    char* data_;
    size_t bytes_;
};

} // namespace tuna2
