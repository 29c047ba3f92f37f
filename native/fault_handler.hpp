// Turns a kernel's access to an unmapped page into an error of its launch. Faults of anything else go to whoever handled them
// before: a .NET process handles its own.
#pragma once

namespace tuna2 {

void install_fault_handler(); // once per process

// A signal stack for this OS thread: a full fibre stack leaves no room for a handler.
class SignalStack {
public:
    SignalStack();
    ~SignalStack();

private:
    void* memory_;
};

} // namespace tuna2
