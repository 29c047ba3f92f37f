// A launch: the grid's blocks, spread over OS threads.
#include "block.hpp"
#include "fault_handler.hpp"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>

namespace tuna2 {
namespace {

constexpr int MAX_THREADS = 1024;
constexpr int DEFAULT_SECONDS = 300;
constexpr size_t MAX_SHARED_BYTES = 227 << 10; // what Hopper gives a block

std::string check(const Kernel& kernel, size_t args_size, Tuna2Grid grid, int threads, size_t shared_bytes, const Tuna2RunOptions& options)
{
    if (args_size != kernel.args_size) return text("the launch passes %zu bytes of arguments, the kernel takes %zu", args_size, kernel.args_size);
    if (!grid.x || !grid.y || !grid.z || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535)
        return text("a grid of %ux%ux%u blocks cannot be launched", grid.x, grid.y, grid.z);
    if (threads < 1 || threads > MAX_THREADS) return text("a block of %d threads cannot be launched", threads);
    if (shared_bytes > MAX_SHARED_BYTES) return text("%zu bytes of shared memory are more than the %zu a block can have", shared_bytes, MAX_SHARED_BYTES);
    if (options.reversed < 0 || options.reversed > 1 || options.poison < 0 || options.poison > 1 || options.threads < 0 || options.seconds < 0)
        return text("run options %d, %d, %d, %d are not known", options.reversed, options.poison, options.threads, options.seconds);
    return "";
}

std::string run_blocks(const Block::Launch& launch, int os_threads, std::chrono::seconds limit)
{
    const uint64_t count = (uint64_t)launch.grid_size.x * launch.grid_size.y * launch.grid_size.z;
    std::atomic<uint64_t> next = 0;
    std::mutex mutex;
    std::condition_variable finished;
    uint64_t at_work = std::min<uint64_t>((uint64_t)os_threads, count);
    std::string error;
    uint64_t error_at = UINT64_MAX; // the earliest, so that the report does not depend on who was faster

    const auto fail = [&](uint64_t at, const std::string& what) {
        std::lock_guard lock(mutex);
        if (at < error_at) error_at = at, error = what;
        next = count;
    };
    const auto work = [&] {
        uint64_t i = 0;
        try {
            SignalStack signal_stack;
            Block block(launch);
            while ((i = next.fetch_add(1)) < count) {
                const uint64_t b = launch.reversed ? count - 1 - i : i, row = b / launch.grid_size.x;
                const std::string what = block.run({(unsigned)(b % launch.grid_size.x), (unsigned)(row % launch.grid_size.y), (unsigned)(row / launch.grid_size.y)});
                if (!what.empty()) fail(i, what);
            }
        } catch (const std::exception& e) {
            fail(i, e.what());
        }
        std::lock_guard lock(mutex);
        at_work--;
        finished.notify_one();
    };

    std::vector<std::thread> workers;
    for (uint64_t t = at_work; t > 0; t--) workers.emplace_back(work);
    {
        const auto done = [&] { return at_work == 0; };
        std::unique_lock lock(mutex);
        if (!finished.wait_for(lock, limit, done)) {
            next = count;
            // Again until it takes: a thread between two lanes is left alone.
            do for (std::thread& w : workers) interrupt(w.native_handle());
            while (!finished.wait_for(lock, std::chrono::milliseconds(10), done));
        }
    }
    for (std::thread& w : workers) w.join();
    return error;
}

} // namespace

int run(const Kernel& kernel, const void* args, size_t args_size, Tuna2Grid grid, int threads, size_t shared_bytes, const Tuna2RunOptions* given,
        char* error, size_t error_size)
{
    const Tuna2RunOptions options = given ? *given : Tuna2RunOptions{};
    std::string what = check(kernel, args_size, grid, threads, shared_bytes, options);
    if (what.empty()) {
        install_fault_handler();
        // Kernels may load their arguments as vectors, and tensor maps are more aligned than those.
        struct alignas(64) Line {
            char bytes[64];
        };
        std::vector<Line> aligned((args_size + sizeof(Line) - 1) / sizeof(Line));
        std::memcpy(aligned.data(), args, args_size);
        const Block::Launch launch = {kernel, aligned.data(), {grid.x, grid.y, grid.z}, threads, shared_bytes, options.reversed != 0, options.poison};
        const int os_threads = options.threads ? options.threads : (int)std::max(1u, std::thread::hardware_concurrency());
        what = run_blocks(launch, os_threads, std::chrono::seconds(options.seconds ? options.seconds : DEFAULT_SECONDS));
    }
    if (what.empty()) return 0;
    snprintf(error, error_size, "%s: %s", kernel.name, what.c_str());
    return 1;
}

} // namespace tuna2
