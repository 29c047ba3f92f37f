// A fibre: a stack and where on it execution stopped. Switching is one exchange of stack pointers, with no system call; a fibre
// never moves to another OS thread.
#pragma once
#include "sanitizer.hpp"
#include <boost/context/detail/fcontext.hpp>

namespace tuna2 {

// A stack with an unmapped page below it, taken from a pool all launches share.
class Stack {
public:
    static constexpr size_t SIZE = 128 << 10; // AddressSanitizer's frames are several times the plain ones

    Stack();
    ~Stack();
    Stack(const Stack&) = delete;
    Stack(Stack&& other) noexcept : bottom_(other.bottom_) { other.bottom_ = nullptr; }

    char* bottom() const { return bottom_; }
    bool guards(const void* p) const;

private:
    char* bottom_;
};

struct Fibre {
    boost::context::detail::fcontext_t context = nullptr;
    const void* stack_bottom = nullptr; // kept for AddressSanitizer
    size_t stack_size = 0;

    // A fresh start at the top of the stack; what was on it is forgotten, so the code run must have nothing to unwind.
    void prepare(const Stack& stack, size_t offset, void (*entry)(boost::context::detail::transfer_t))
    {
        allow(stack.bottom(), Stack::SIZE);
        stack_bottom = stack.bottom(), stack_size = Stack::SIZE;
        context = boost::context::detail::make_fcontext(stack.bottom() + Stack::SIZE - offset, Stack::SIZE - offset, entry);
    }

    // The first act on the side that was switched to: tells the fibre left behind where it stands.
    static void arrived(boost::context::detail::transfer_t from, [[maybe_unused]] void* own_fake_stack)
    {
        auto* left = static_cast<Fibre*>(from.data);
        left->context = from.fctx;
#if TUNA2_ASAN
        __sanitizer_finish_switch_fiber(own_fake_stack, &left->stack_bottom, &left->stack_size);
#endif
    }

    // Returns when someone switches back.
    void switch_to(Fibre& next)
    {
        void* fake_stack = nullptr;
#if TUNA2_ASAN
        __sanitizer_start_switch_fiber(&fake_stack, next.stack_bottom, next.stack_size);
#endif
        arrived(boost::context::detail::jump_fcontext(next.context, this), fake_stack);
    }
};

} // namespace tuna2
