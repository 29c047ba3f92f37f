// Runs one launch under AddressSanitizer: NAME DESCRIPTION, where the description is a file of lines
//   grid X Y Z | block THREADS | shared BYTES | reversed 0|1 | poison 0|1
//   arguments HEX                     the kernel's argument
//   buffer BYTES                      a global buffer; the first is number 0
//   pointer arguments|N AT M BYTE     the 8 bytes AT in the argument, or in buffer N, are the address of byte BYTE of buffer M
//   data                              the last line; the buffers' bytes follow it, one buffer after the other
// Buffers are heap blocks of exactly their size. Exit code 0: nothing found; 1: the runner's own error on stderr; anything else:
// the sanitizer's report on stderr, after a line that says which block and thread.
#include "abi.h"
#include "execution.hpp"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

extern "C" {

// Fibre stacks are the kernel's locals: nothing there is leaked.
TUNA2_EXPORT const char* __asan_default_options() { return "detect_leaks=0:exitcode=66"; }
TUNA2_EXPORT const char* __ubsan_default_options() { return "print_stacktrace=1:halt_on_error=1:exitcode=67"; }

TUNA2_EXPORT void __asan_on_error()
{
    if (const tuna2::Place* p = tuna2::here)
        fprintf(stderr, "%s: block (%u,%u,%u): thread %u:\n", tuna2_instance(), p->block.x, p->block.y, p->block.z, p->thread.x);
}

} // extern "C"

namespace {

struct Description {
    Tuna2Grid grid = {1, 1, 1};
    int block = 1;
    size_t shared_bytes = 0;
    Tuna2RunOptions options = {0, 0, 1, 0};
    std::vector<unsigned char> arguments;
    std::vector<std::pair<char*, size_t>> buffers;
};

[[noreturn]] void refuse(const std::string& what)
{
    std::cerr << what << "\n";
    std::exit(2);
}

std::vector<unsigned char> from_hex(const std::string& digits)
{
    std::vector<unsigned char> bytes;
    for (size_t i = 0; i + 1 < digits.size(); i += 2) bytes.push_back((unsigned char)std::stoi(digits.substr(i, 2), nullptr, 16));
    return bytes;
}

char* heap_block(size_t bytes)
{
    void* p = nullptr;
    if (posix_memalign(&p, 256, bytes)) refuse("no memory for a buffer of " + std::to_string(bytes) + " bytes");
    return static_cast<char*>(p);
}

Description read(const char* path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file) refuse(std::string("cannot read ") + path);
    Description d;
    std::vector<std::string> pointers;
    std::string line;
    while (std::getline(file, line) && line != "data") {
        std::istringstream words(line);
        std::string key;
        words >> key;
        if (key == "grid") words >> d.grid.x >> d.grid.y >> d.grid.z;
        else if (key == "block") words >> d.block;
        else if (key == "shared") words >> d.shared_bytes;
        else if (key == "reversed") words >> d.options.reversed;
        else if (key == "poison") words >> d.options.poison;
        else if (key == "arguments") {
            std::string digits;
            words >> digits;
            d.arguments = from_hex(digits);
        } else if (key == "buffer") {
            size_t bytes = 0;
            words >> bytes;
            d.buffers.emplace_back(heap_block(bytes), bytes);
        } else if (key == "pointer") pointers.push_back(line);
        else refuse("unknown line: " + line);
        if (words.fail()) refuse("malformed line: " + line);
    }
    for (auto& [data, bytes] : d.buffers)
        if (!file.read(data, (std::streamsize)bytes)) refuse("the file ends before its buffers do");
    for (const std::string& pointer : pointers) {
        std::istringstream words(pointer);
        std::string key, where;
        size_t at = 0, target = 0, byte = 0;
        words >> key >> where >> at >> target >> byte;
        const size_t holder = where == "arguments" ? 0 : std::stoul(where);
        if (words.fail() || target >= d.buffers.size() || (where != "arguments" && holder >= d.buffers.size())) refuse("malformed line: " + pointer);
        const char* address = d.buffers[target].first + byte;
        const size_t size = where == "arguments" ? d.arguments.size() : d.buffers[holder].second;
        if (at + sizeof address > size) refuse("outside its holder: " + pointer);
        std::memcpy(where == "arguments" ? reinterpret_cast<char*>(d.arguments.data()) + at : d.buffers[holder].first + at, &address, sizeof address);
    }
    return d;
}

} // namespace

int main(int count, char** words)
{
    if (count != 2) refuse(std::string("usage: ") + words[0] + " DESCRIPTION");
    const Description d = read(words[1]);
    char error[2048] = "";
    const int failed = tuna2_launch(d.arguments.data(), d.arguments.size(), d.grid, d.block, d.shared_bytes, &d.options, error, sizeof error);
    if (failed) std::cerr << error << "\n";
    return failed;
}
