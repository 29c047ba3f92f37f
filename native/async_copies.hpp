// A thread's asynchronous copies. They happen when they are waited for, no earlier; until then their targets hold poison, so
// that a kernel that reads too early, or overwrites what others still read, is seen.
#pragma once
#include "poison.hpp"
#include "site.hpp"
#include <vector>

namespace tuna2 {

class AsyncCopies {
public:
    static constexpr size_t BYTES = 16;

    void issue(void* shared, const void* global, bool valid, int pattern, Site site)
    {
        fill_poison(shared, BYTES, pattern);
        copies_.push_back({static_cast<char*>(shared), static_cast<const char*>(global), valid, groups_, site});
    }

    void commit() { groups_++; }

    // Performs every committed group but the last `under_way`.
    void wait(int under_way)
    {
        size_t done = 0;
        for (; done < copies_.size() && copies_[done].group < groups_ - under_way; done++) {
            const Copy& c = copies_[done];
            if (c.valid) std::memcpy(c.to, c.from, BYTES);
            else std::memset(c.to, 0, BYTES);
        }
        copies_.erase(copies_.begin(), copies_.begin() + (ptrdiff_t)done);
    }

    void clear() { copies_.clear(), groups_ = 0; }
    size_t pending() const { return copies_.size(); }
    bool first_is_committed() const { return copies_[0].group < groups_; }
    Site first_site() const { return copies_[0].site; }

private:
    struct Copy {
        char* to;
        const char* from;
        bool valid;
        int group;
        Site site;
    };
    std::vector<Copy> copies_;
    int groups_ = 0;
};

} // namespace tuna2
