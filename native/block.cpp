#include "block.hpp"
#include <cstdarg>
#include <cstdio>

namespace tuna2 {

__thread const Place* here;
thread_local Block* running_block;

std::string text(const char* format, ...)
{
    char line[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    return line;
}

Block::Block(const Launch& launch)
    : launch_(launch), shared_(launch.shared_bytes), threads_((size_t)launch.threads), warps_((size_t)(launch.threads + WARP_LANES - 1) / WARP_LANES)
{
}

std::string Block::run(uint3 index)
{
    error_.clear();
    shared_.poison(launch_.poison);
    returned_ = at_barrier_ = barrier_votes_ = barrier_result_ = 0;
    const int count = launch_.threads;
    for (int i = 0; i < count; i++) {
        Thread& t = threads_[(size_t)i];
        t.place = {{(unsigned)i, 0, 0}, index, {(unsigned)count, 1, 1}, launch_.grid_size};
        t.state = State::running;
        t.copies.clear();
        // Tops of stacks are spread over the cache's sets: aligned alike, the same few would hold every thread's frame.
        t.fibre.prepare(t.stack, (size_t)(i % 32) * 192, enter);
    }
    for (size_t w = 0; w < warps_.size(); w++) {
        const int lanes = count - (int)w * WARP_LANES;
        warps_[w].lanes = warps_[w].ready = lanes >= WARP_LANES ? 0xffffffffu : (1u << lanes) - 1;
        warps_[w].open = 0;
    }

    running_block = this;
    while (returned_ < count && error_.empty())
        if (!run_next()) error_ = deadlock();
    running_block = nullptr;

    if (error_.empty())
        if (const ptrdiff_t at = shared_.overrun())
            error_ = text("shared memory: a byte was written at %td, outside the launch's %zu", at, launch_.shared_bytes);
    return error_.empty() ? "" : text("block (%u,%u,%u): ", index.x, index.y, index.z) + error_;
}

// Runs the first warp that can until none of its lanes can, or a barrier opens; false when no warp can.
bool Block::run_next()
{
    const int count = (int)warps_.size();
    for (int i = 0; i < count; i++) {
        const int w = launch_.reversed ? count - 1 - i : i;
        if (!warps_[(size_t)w].ready) continue;
        scheduler_.switch_to(start((size_t)w).fibre);
        here = nullptr;
        return true;
    }
    return false;
}

// Gives the turn to the next lane of the warp.
Thread& Block::start(size_t w)
{
    Warp& warp = warps_[w];
    const int lane = launch_.reversed ? 31 - __builtin_clz(warp.ready) : __builtin_ctz(warp.ready);
    warp.ready &= ~(1u << lane);
    next_ = &threads_[w * WARP_LANES + (size_t)lane];
    return *next_;
}

// A thread's whole life.
void Block::enter(boost::context::detail::transfer_t from)
{
    Fibre::arrived(from, nullptr);
    Block& block = *running_block;
    Thread& thread = *block.next_;
    here = &thread.place;
    block.launch_.kernel.call(block.launch_.args);
    block.finish(thread);
}

void Block::finish(Thread& thread)
{
    if (thread.copies.pending()) {
        const Site site = thread.copies.first_site();
        fail(text("returned with %zu asynchronous copies never waited for, the first %s at %s:%d", thread.copies.pending(),
                  thread.copies.first_is_committed() ? "issued" : "issued and never committed", site.file, site.line)
                 .c_str());
    }
    thread.state = State::returned;
    returned_++;
    leave(thread);
    __builtin_unreachable();
}

// Gives way to another lane of the warp, else to the scheduler; returns when it is this thread's turn again.
void Block::leave(Thread& thread)
{
    const size_t w = warp_index(thread);
    Fibre& next = warps_[w].ready ? start(w).fibre : scheduler_;
    if (&next != &thread.fibre) thread.fibre.switch_to(next);
    here = &thread.place;
}

void Block::fail(const char* message)
{
    Thread& thread = self();
    error_ = text("thread %u: ", thread.place.thread.x) + message;
    thread.fibre.switch_to(scheduler_); // which does not come back: the stack is abandoned as it is
    __builtin_unreachable();
}

void Block::warp_collective(const char* operation, uint32_t mask, void* operands, WarpFunction compute, Site site)
{
    Thread& thread = self();
    Warp& warp = warps_[warp_index(thread)];
    const uint32_t lane = thread.place.thread.x % WARP_LANES, bit = 1u << lane;
    if (!(mask & bit)) fail(text("%s at %s:%d: lane %u is not in its own mask %08x", operation, site.file, site.line, lane, mask).c_str());

    int i = 0;
    while (i < warp.open && !(warp.operations[i].mask == mask && warp.operations[i].site == site)) i++;
    WarpOperation& op = warp.operations[i];
    if (i == warp.open) {
        warp.open++;
        op.mask = mask, op.arrived = 0, op.site = site;
        for (void*& o : op.operands) o = nullptr;
    }
    op.operands[lane] = operands;
    op.arrived |= bit;
    if (op.arrived == mask) {
        compute(op.operands, mask);
        warp.ready |= mask; // this lane too: it takes its place in the order
        warp.open--;
        if (i != warp.open) op = warp.operations[warp.open];
    } else {
        thread.state = State::in_warp_operation;
        thread.operation = operation, thread.mask = mask, thread.site = site;
    }
    leave(thread);
    thread.state = State::running;
}

int Block::barrier(const char* operation, bool predicate, Site site)
{
    Thread& thread = self();
    if (at_barrier_ == 0)
        barrier_site_ = site, barrier_operation_ = operation;
    else if (!(barrier_site_ == site))
        fail(text("%s at %s:%d, where other threads of the block wait in %s at %s:%d", operation, site.file, site.line, barrier_operation_,
                  barrier_site_.file, barrier_site_.line)
                 .c_str());
    barrier_votes_ += predicate;
    thread.state = State::at_barrier;
    thread.operation = operation, thread.site = site;
    if (++at_barrier_ < launch_.threads) {
        leave(thread);
    } else {
        barrier_result_ = barrier_votes_;
        at_barrier_ = barrier_votes_ = 0;
        for (Warp& w : warps_) w.ready = w.lanes;
        thread.fibre.switch_to(scheduler_); // so that the first warp goes first
        here = &thread.place;
    }
    thread.state = State::running;
    return barrier_result_;
}

void Block::issue_copy(void* to, const void* from, bool valid, Site site)
{
    check_shared("async_copy_16", to, AsyncCopies::BYTES, site);
    if ((uintptr_t)from % AsyncCopies::BYTES) fail(text("async_copy_16 at %s:%d: the source %p is not 16-byte aligned", site.file, site.line, from).c_str());
    // A source out of bounds is told here, not at the wait.
    if (valid) (void)*static_cast<const volatile char*>(from), (void)static_cast<const volatile char*>(from)[AsyncCopies::BYTES - 1];
    self().copies.issue(to, from, valid, launch_.poison, site);
}

void Block::check_shared(const char* operation, const void* p, size_t bytes, Site site)
{
    if (!shared_.contains(p, bytes))
        fail(text("%s at %s:%d: address %td is outside the %zu bytes of shared memory", operation, site.file, site.line,
                  static_cast<const char*>(p) - shared_.data(), shared_.bytes())
                 .c_str());
    if ((uintptr_t)p % bytes)
        fail(text("%s at %s:%d: shared address %td is not %zu-byte aligned", operation, site.file, site.line,
                  static_cast<const char*>(p) - shared_.data(), bytes)
                 .c_str());
}

std::string Block::whereabouts(const Thread& thread)
{
    const unsigned i = thread.place.thread.x;
    switch (thread.state) {
    case State::in_warp_operation: return text("thread %u waits in %s at %s:%d (mask %08x)", i, thread.operation, thread.site.file, thread.site.line, thread.mask);
    case State::at_barrier: return text("thread %u waits in %s at %s:%d", i, thread.operation, thread.site.file, thread.site.line);
    case State::returned: return text("thread %u has returned", i);
    case State::running: break;
    }
    return text("thread %u runs", i);
}

// No thread can run. The first that waits for a warp operation, else the first at the barrier, and one it waits for.
std::string Block::deadlock()
{
    for (const Thread& t : threads_)
        if (t.state == State::in_warp_operation)
            for (uint32_t lane = 0; lane < WARP_LANES; lane++) {
                const size_t other = warp_index(t) * WARP_LANES + lane;
                if (!(t.mask >> lane & 1)) continue;
                if (other >= threads_.size()) return "deadlock: " + whereabouts(t) + text("; the block has no lane %u there", lane);
                const Thread& o = threads_[other];
                if (o.state != State::in_warp_operation || !(o.site == t.site) || o.mask != t.mask)
                    return "deadlock: " + whereabouts(t) + "; " + whereabouts(o);
            }
    for (const Thread& t : threads_)
        if (t.state == State::at_barrier)
            for (const Thread& o : threads_)
                if (o.state != State::at_barrier) return "deadlock: " + whereabouts(t) + "; " + whereabouts(o);
    return "deadlock";
}

std::string Block::describe_fault(const void* address)
{
    if (shared_.guards(address)) {
        const ptrdiff_t at = static_cast<const char*>(address) - shared_.data();
        return text("out of bounds: shared memory at %td of %zu bytes", at, shared_.bytes());
    }
    for (const Thread& t : threads_)
        if (t.stack.guards(address)) return text("the stack of thread %u is full (%zu KiB)", t.place.thread.x, Stack::SIZE >> 10);
    return "";
}

} // namespace tuna2
