// An instance library: the kernel that TUNA2_SOURCE and the -D options of its line in instances.txt make, behind the C interface.
#include TUNA2_SOURCE
#include "launch.hpp"

#define TUNA2_TEXT_(x) #x
#define TUNA2_TEXT(x) TUNA2_TEXT_(x)

static tuna2::Kernel kernel() { return tuna2::KernelOf<TUNA2_ENTRY>::named(tuna2_instance()); }

int tuna2_launch(const void* args, size_t args_size, Tuna2Grid grid, int32_t block, size_t shared_bytes, const Tuna2RunOptions* options, char* error,
                 size_t error_size)
{
    return tuna2::run(kernel(), args, args_size, grid, block, shared_bytes, options, error, error_size);
}
size_t tuna2_args_size(void) { return kernel().args_size; }
const char* tuna2_entry(void) { return TUNA2_TEXT(TUNA2_ENTRY); }
const char* tuna2_instance(void) { return TUNA2_INSTANCE; }
