// Running a kernel from C++: tuna2::launch<my_kernel>(args, {grid...}, block, shared_bytes).
#pragma once
#include "abi.h"
#include "execution.hpp"
#include <string>

namespace tuna2 {

struct Kernel {
    const char* name;
    void (*call)(const void* args);
    size_t args_size;
};

TUNA2_RUNNER int run(const Kernel& kernel, const void* args, size_t args_size, Tuna2Grid grid, int block, size_t shared_bytes,
                     const Tuna2RunOptions* options, char* error, size_t error_size);

template <auto function> struct KernelOf;
template <typename Args, void (*function)(Args)> struct KernelOf<function> {
    using Arguments = std::remove_const_t<Args>;
    static Kernel named(const char* name)
    {
        return {name, [](const void* args) { function(*static_cast<const Arguments*>(args)); }, sizeof(Arguments)};
    }
};

// The error, empty when all went well.
template <auto function>
inline std::string launch(const typename KernelOf<function>::Arguments& args, Tuna2Grid grid, int block, size_t shared_bytes,
                          const Tuna2RunOptions& options = {}, const char* name = "kernel")
{
    char error[2048] = "";
    run(KernelOf<function>::named(name), &args, sizeof args, grid, block, shared_bytes, &options, error, sizeof error);
    return error;
}

} // namespace tuna2
