#include "fault_handler.hpp"
#include "block.hpp"
#include "guarded_memory.hpp"
#include <csignal>
#include <cstdlib>
#include <mutex>

namespace tuna2 {
namespace {

constexpr int INTERRUPT = SIGURG; // ignored by whoever does not expect it
constexpr int HANDLER_FLAGS = SA_SIGINFO | SA_NODEFER | SA_RESTART;

void stop(int, siginfo_t*, void*)
{
    if (running_block && here) running_block->fail("still running when the launch's time was over");
}

// On the stack that signals have, for a thread's own may be full; unless there is a handler that expects to be on the thread's own, as
// .NET's for divisions by zero does, to which faults outside kernels are passed on.
void install(int signal, void (*handler)(int, siginfo_t*, void*), struct sigaction* before)
{
    struct sigaction there = {};
    sigaction(signal, nullptr, &there);
    const bool handled = there.sa_flags & SA_SIGINFO || (there.sa_handler != SIG_DFL && there.sa_handler != SIG_IGN);
    struct sigaction action = {};
    action.sa_sigaction = handler;
    action.sa_flags = HANDLER_FLAGS | (handled ? there.sa_flags & SA_ONSTACK : SA_ONSTACK);
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, before);
}

} // namespace

void interrupt(pthread_t thread) { pthread_kill(thread, INTERRUPT); }

#if TUNA2_ASAN // which reports faults itself
void install_fault_handler() { install(INTERRUPT, stop, nullptr); }
#else
namespace {

constexpr int SIGNALS[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
struct sigaction previous[NSIG];

std::string describe(int signal, const siginfo_t* info)
{
    if (signal == SIGFPE) return "a division by zero";
    if (signal == SIGILL) return "a misaligned access";
    // An address the processor could not even form has none in the report: not canonical, or a misaligned vector.
    if (signal == SIGSEGV && info->si_code == SI_KERNEL) return "a misaligned vector access, or an address that is none";
    std::string known = running_block->describe_fault(info->si_addr);
    if (known.empty()) known = describe_guarded(info->si_addr);
    return known.empty() ? text("out of bounds: address %p belongs to no buffer", info->si_addr) : known;
}

void handle(int signal, siginfo_t* info, void* context)
{
    if (running_block && here) {
        // The handler's stack is left by the switch to the scheduler, for good; SA_NODEFER keeps the signal unblocked.
        running_block->fail(describe(signal, info).c_str());
    }
    const struct sigaction& old = previous[signal];
    if (old.sa_flags & SA_SIGINFO) return old.sa_sigaction(signal, info, context);
    if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) return old.sa_handler(signal);
    // The instruction runs again, and ends the process as it would have.
    sigaction(signal, &old, nullptr);
}

} // namespace

void install_fault_handler()
{
    static std::once_flag once;
    std::call_once(once, [] {
        for (int signal : SIGNALS) install(signal, handle, &previous[signal]);
        install(INTERRUPT, stop, nullptr);
    });
}
#endif

SignalStack::SignalStack()
{
    constexpr size_t size = 64 << 10;
    memory_ = std::malloc(size);
    stack_t stack = {};
    stack.ss_sp = memory_, stack.ss_size = size;
    sigaltstack(&stack, nullptr);
}

SignalStack::~SignalStack()
{
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
    std::free(memory_);
}

} // namespace tuna2
