// Turns a kernel's access to an unmapped page into an error of its launch. Faults of anything else go to whoever handled them
// before: a .NET process handles its own. Also stops a kernel that does not end.
#pragma once
#include <pthread.h>

namespace tuna2 {

void install_fault_handler(); // once per process

// Ends the block that OS thread runs, if it is in the kernel's code just now.
void interrupt(pthread_t thread);

// A signal stack for this OS thread: a full fibre stack leaves no room for a handler.
class SignalStack {
public:
    SignalStack();
    ~SignalStack();

private:
    void* memory_;
};

} // namespace tuna2
