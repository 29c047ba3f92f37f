// A block of threads, run to its end by one OS thread. A thread runs until it waits for others; then the next lane of its warp
// that can run does, and when none can, the first warp that can. So between two barriers each warp runs alone and in order,
// ascending or descending: what a kernel takes from another thread without waiting for it is different in the two.
#pragma once
#include "async_copies.hpp"
#include "execution.hpp"
#include "fibre.hpp"
#include "launch.hpp"
#include "shared_memory.hpp"
#include "tensor_copies.hpp"
#include "warpgroup_products.hpp"
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tuna2 {

constexpr int WARP_LANES = 32;

enum class State { running, in_warp_operation, at_barrier, waiting, returned };

struct Thread {
    Place place; // first: `here` points to it
    Fibre fibre;
    Stack stack;
    AsyncCopies copies;
    WarpgroupProducts products;
    State state;
    const char* operation; // where it waits
    uint32_t mask;
    Site site;
};

// Lanes that have come to one warp operation and wait for the rest of its mask.
struct WarpOperation {
    uint32_t mask, arrived;
    Site site;
    void* operands[WARP_LANES];
};

struct Warp {
    uint32_t lanes;   // those that exist
    uint32_t ready;   // those that can run
    int open;         // operations under way: one, unless masks split the warp
    WarpOperation operations[WARP_LANES];
};

// Threads that wait for something other than their warp or their block.
struct Waiting {
    std::vector<Thread*> threads;
};

// A barrier in shared memory (mbarrier).
struct CountingBarrier {
    int expected, arrivals; // of a phase, and still to come in this one
    int64_t bytes;          // announced and not yet copied
    uint32_t phase;
    Waiting waiting;
};

// A barrier of some of the block's threads, by number.
struct NamedBarrier {
    int threads, arrived;
    Waiting waiting;
};

class Block {
public:
    // Everything about a launch that is the same for its blocks.
    struct Launch {
        Kernel kernel;
        const void* args;
        dim3 grid_size;
        int threads;
        size_t shared_bytes;
        bool reversed;
        int poison;
    };

    explicit Block(const Launch& launch);

    // The error, empty when all went well.
    std::string run(uint3 index);

    // What a thread asks for; each is called on the running thread's fibre.
    void warp_collective(const char* operation, uint32_t mask, void* operands, WarpFunction compute, Site site);
    int barrier(const char* operation, bool predicate, Site site);
    void issue_copy(void* shared, const void* global, bool valid, Site site);
    void check_shared(const char* operation, const void* p, size_t bytes, Site site);
    uint32_t shared_offset(const char* operation, const void* p, size_t alignment, Site site);
    void barrier_initialise(void* barrier, int arrivals, Site site);
    void barrier_arrive(void* barrier, int64_t bytes, Site site);
    void barrier_wait(void* barrier, int parity, Site site);
    void issue_tensor_copy(void* shared, const void* map, void* barrier, int dimensions, const int (&coordinates)[4], Site site);
    void named_barrier(const char* operation, int id, int threads, bool waits, Site site);
    void issue_product(const WarpgroupProduct& product, Site site);
    void wait_products(int batches_under_way, Site site);
    [[noreturn]] void fail(const char* text);

    Thread& self() { return threads_[here->thread.x]; }
    SharedMemory& shared() { return shared_; }
    std::string describe_fault(const void* address);

private:
    static void enter(boost::context::detail::transfer_t from);
    void leave(Thread& thread);
    void finish(Thread& thread);
    static size_t warp_index(const Thread& thread) { return thread.place.thread.x / WARP_LANES; }
    Thread& start(size_t warp);
    bool run_next();
    void wait(Thread& thread, Waiting& waiting, const char* operation, Site site);
    void wake(Waiting& waiting);
    CountingBarrier& counting_barrier(const char* operation, void* barrier, Site site);
    void advance(CountingBarrier& barrier);
    bool deliver_copy();
    void multiply(size_t first, int batches_under_way, Site site);
    std::string deadlock();
    static std::string whereabouts(const Thread& thread);

    const Launch& launch_;
    SharedMemory shared_;
    std::vector<Thread> threads_;
    std::vector<Warp> warps_;
    Fibre scheduler_;
    Thread* next_; // whose turn it is
    std::string error_;

    int returned_;
    int at_barrier_;
    int barrier_votes_;
    int barrier_result_;
    Site barrier_site_;
    const char* barrier_operation_;

    std::map<const void*, CountingBarrier> counting_barriers_;
    std::vector<TensorCopy> tensor_copies_; // issued, not yet there
    static constexpr int NAMED_BARRIERS = 16;
    NamedBarrier named_barriers_[NAMED_BARRIERS];
    std::vector<Waiting> warpgroups_; // threads that wait for products
    std::unique_ptr<ProductScratch> product_scratch_;
};

// The block this OS thread runs, null outside a launch.
extern thread_local Block* running_block;

std::string text(const char* format, ...) __attribute__((format(printf, 1, 2)));

} // namespace tuna2
