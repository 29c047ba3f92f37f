#include "block.hpp"
#include <cstdarg>
#include <cstdio>
#include <tuple>

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
    counting_barriers_.clear();
    tensor_copies_.clear();
    for (NamedBarrier& b : named_barriers_) b = {};
    warpgroups_.assign((size_t)(launch_.threads + WARPGROUP_THREADS - 1) / WARPGROUP_THREADS, {});
    const int count = launch_.threads;
    for (int i = 0; i < count; i++) {
        Thread& t = threads_[(size_t)i];
        t.place = {{(unsigned)i, 0, 0}, index, {(unsigned)count, 1, 1}, launch_.grid_size};
        t.state = State::running;
        t.copies.clear();
        t.products = {};
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
        if (!run_next() && !deliver_copy()) error_ = deadlock();
    running_block = nullptr;

    if (error_.empty() && !tensor_copies_.empty())
        error_ = text("returned with %zu tensor copies never waited for, the first issued at %s:%d", tensor_copies_.size(), tensor_copies_[0].site.file,
                      tensor_copies_[0].site.line);
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
    if (!thread.products.queued.empty()) {
        const Site site = thread.products.queued[0].site;
        fail(text("returned with %zu products never waited for, the first %s at %s:%d", thread.products.queued.size(),
                  thread.products.queued[0].batch < thread.products.batches ? "queued" : "queued and never committed", site.file, site.line)
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

uint32_t Block::shared_offset(const char* operation, const void* p, size_t alignment, Site site)
{
    if (!shared_.contains(p, 1))
        fail(text("%s at %s:%d: address %td is outside the %zu bytes of shared memory", operation, site.file, site.line,
                  static_cast<const char*>(p) - shared_.data(), shared_.bytes())
                 .c_str());
    const auto offset = (uint32_t)(static_cast<const char*>(p) - shared_.data());
    if (offset % alignment) fail(text("%s at %s:%d: shared address %u is not %zu-byte aligned", operation, site.file, site.line, offset, alignment).c_str());
    return offset;
}

// Until woken.
void Block::wait(Thread& thread, Waiting& waiting, const char* operation, Site site)
{
    thread.state = State::waiting;
    thread.operation = operation, thread.site = site;
    waiting.threads.push_back(&thread);
    leave(thread);
    thread.state = State::running;
}

void Block::wake(Waiting& waiting)
{
    for (Thread* t : waiting.threads) warps_[warp_index(*t)].ready |= 1u << t->place.thread.x % WARP_LANES;
    waiting.threads.clear();
}

void Block::barrier_initialise(void* barrier, int arrivals, Site site)
{
    check_shared("barrier_initialise", barrier, sizeof(uint64_t), site);
    if (arrivals < 1) fail(text("barrier_initialise at %s:%d: a barrier of %d arrivals", site.file, site.line, arrivals).c_str());
    counting_barriers_[barrier] = {arrivals, arrivals, 0, 0, {}};
}

CountingBarrier& Block::counting_barrier(const char* operation, void* barrier, Site site)
{
    const auto found = counting_barriers_.find(barrier);
    if (found == counting_barriers_.end()) fail(text("%s at %s:%d: the barrier was never initialised", operation, site.file, site.line).c_str());
    return found->second;
}

// Ends the phase when all of it has come.
void Block::advance(CountingBarrier& b)
{
    if (b.arrivals || b.bytes) return;
    b.phase++;
    b.arrivals = b.expected;
    wake(b.waiting);
}

void Block::barrier_arrive(void* barrier, int64_t bytes, Site site)
{
    CountingBarrier& b = counting_barrier("barrier_arrive", barrier, site);
    if (!b.arrivals) fail(text("barrier_arrive at %s:%d: all %d arrivals of this phase have come", site.file, site.line, b.expected).c_str());
    b.arrivals--;
    b.bytes += bytes;
    advance(b);
}

void Block::barrier_wait(void* barrier, int parity, Site site)
{
    CountingBarrier& b = counting_barrier("barrier_wait", barrier, site);
    // A phase of the parity has ended when the one under way has the other.
    while ((int)(b.phase & 1) == parity) wait(self(), b.waiting, "barrier_wait", site);
}

void Block::issue_tensor_copy(void* shared, const void* map, void* barrier, int dimensions, const int (&coordinates)[4], Site site)
{
    const auto* m = static_cast<const Tuna2TensorMap*>(map);
    if (m->magic != TUNA2_TENSOR_MAP) fail(text("tensor_load at %s:%d: this is no tensor map", site.file, site.line).c_str());
    if ((int)m->dimensions != dimensions)
        fail(text("tensor_load at %s:%d: %d coordinates for a map of %u dimensions", site.file, site.line, dimensions, m->dimensions).c_str());
    (void)counting_barrier("tensor_load", barrier, site);
    const TensorCopy copy = {static_cast<char*>(shared), shared_offset("tensor_load", shared, 1024, site), *m, barrier,
                             {coordinates[0], coordinates[1], coordinates[2], coordinates[3]}, site};
    if (!shared_.contains(shared, copy.bytes()))
        fail(text("tensor_load at %s:%d: a box of %zu bytes at %u ends outside the %zu bytes of shared memory", site.file, site.line, copy.bytes(), copy.offset, shared_.bytes()).c_str());
    fill_poison(shared, copy.bytes(), launch_.poison);
    tensor_copies_.push_back(copy);
}

// No thread can run: the engine has had all the time it may take for one more box.
bool Block::deliver_copy()
{
    if (tensor_copies_.empty()) return false;
    const auto at = launch_.reversed ? tensor_copies_.end() - 1 : tensor_copies_.begin();
    const TensorCopy copy = *at;
    tensor_copies_.erase(at);
    copy.perform();
    CountingBarrier& b = counting_barriers_[copy.barrier];
    b.bytes -= (int64_t)copy.bytes();
    advance(b);
    return true;
}

void Block::named_barrier(const char* operation, int id, int threads, bool waits, Site site)
{
    if (id < 1 || id >= NAMED_BARRIERS || threads < WARP_LANES || threads % WARP_LANES || threads > launch_.threads)
        fail(text("%s at %s:%d: barrier %d of %d threads; numbers go from 1 to %d, threads come by warps", operation, site.file, site.line, id, threads, NAMED_BARRIERS - 1).c_str());
    NamedBarrier& b = named_barriers_[id];
    if (b.arrived && b.threads != threads)
        fail(text("%s at %s:%d: barrier %d is of %d threads here and of %d for those that have come", operation, site.file, site.line, id, threads, b.threads).c_str());
    b.threads = threads;
    if (++b.arrived == threads) {
        b.arrived = 0;
        wake(b.waiting);
        return;
    }
    if (waits) wait(self(), b.waiting, operation, site);
}

void Block::issue_product(const WarpgroupProduct& product, Site site)
{
    WarpgroupProducts& mine = self().products;
    if (!mine.fenced) fail(text("wgmma at %s:%d: no fence since registers may have been touched", site.file, site.line).c_str());
    mine.queued.push_back({product, mine.batches, site});
}

// The threads of a warpgroup queue alike; the last to wait computes for all.
void Block::wait_products(int batches_under_way, Site site)
{
    Thread& thread = self();
    const size_t group = thread.place.thread.x / WARPGROUP_THREADS, first = group * WARPGROUP_THREADS;
    Waiting& waiting = warpgroups_[group];
    if (first + WARPGROUP_THREADS > threads_.size()) fail(text("wgmma_wait at %s:%d: the block has no whole warpgroup here", site.file, site.line).c_str());
    if (waiting.threads.size() + 1 < WARPGROUP_THREADS) {
        wait(thread, waiting, "wgmma_wait", site);
        return;
    }
    thread.site = site;
    multiply(first, batches_under_way, site);
    wake(waiting);
}

void Block::multiply(size_t first, int batches_under_way, Site site)
{
    const WarpgroupProducts& one = threads_[first].products;
    const size_t count = one.queued.size();
    for (size_t t = first; t < first + WARPGROUP_THREADS; t++) {
        const WarpgroupProducts& mine = threads_[t].products;
        if (!(threads_[t].site == site) || mine.queued.size() != count || mine.batches != one.batches)
            fail(text("wgmma_wait at %s:%d: threads %zu and %zu of a warpgroup have not queued the same products", site.file, site.line, first, t).c_str());
    }
    size_t done = 0;
    for (; done < count && one.queued[done].batch < one.batches - batches_under_way; done++) {
        const WarpgroupProduct& first_of_all = one.queued[done].product;
        const WarpgroupProduct* products[WARPGROUP_THREADS];
        for (size_t i = 0; i < WARPGROUP_THREADS; i++) {
            const auto& queued = threads_[first + i].products.queued[done];
            products[i] = &queued.product;
            if (!(queued.site == one.queued[done].site) || products[i]->a_operand != first_of_all.a_operand || products[i]->b_operand != first_of_all.b_operand
                || products[i]->accumulate != first_of_all.accumulate)
                fail(text("wgmma at %s:%d: thread %zu of the warpgroup has other operands than thread %zu", queued.site.file, queued.site.line, first + i, first).c_str());
        }
        for (const auto& [operand, by_rows, rows] : {std::tuple{first_of_all.a_operand, false, 64}, std::tuple{first_of_all.b_operand, first_of_all.b_by_rows, first_of_all.columns}})
            if (operand && operand_address(operand, by_rows, rows - 1, 15) / 1024 * 1024 + 1024 > shared_.bytes())
                fail(text("wgmma at %s:%d: an operand ends outside the %zu bytes of shared memory", one.queued[done].site.file, one.queued[done].site.line, shared_.bytes()).c_str());
        if (!product_scratch_) product_scratch_ = std::make_unique<ProductScratch>();
        multiply_64xNx16(products, shared_.data(), *product_scratch_);
    }
    for (size_t t = first; t < first + WARPGROUP_THREADS; t++) {
        WarpgroupProducts& mine = threads_[t].products;
        mine.queued.erase(mine.queued.begin(), mine.queued.begin() + (ptrdiff_t)done);
        mine.fenced = false;
    }
}

std::string Block::whereabouts(const Thread& thread)
{
    const unsigned i = thread.place.thread.x;
    switch (thread.state) {
    case State::in_warp_operation: return text("thread %u waits in %s at %s:%d (mask %08x)", i, thread.operation, thread.site.file, thread.site.line, thread.mask);
    case State::waiting:
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
    for (const Thread& t : threads_)
        if (t.state == State::waiting) return "deadlock: " + whereabouts(t);
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
