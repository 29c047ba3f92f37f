// Compiles device code in memory with NVRTC for sm_90a, on a machine with no GPU and no driver, and stops on any error.
//
//   nvrtc_check LIBRARY FILE...      LIBRARY: path of libnvrtc.so.12 or .13; FILE: a .cuh that includes only its kin
//
// Prints per file the size of the cubin; with --keep DIR as the first two arguments it leaves the cubins there, to
// be disassembled. The library is opened at run time, so nothing of the toolkit is needed to build this program.
#include <dlfcn.h>
#include <fstream>
#include <iostream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

typedef void* Program;
typedef int (*Create)(Program*, const char*, const char*, int, const char* const*, const char* const*);
typedef int (*Compile)(Program, int, const char* const*);
typedef int (*GetSize)(Program, size_t*);
typedef int (*Get)(Program, char*);

int main(int argc, char** argv)
{
    std::vector<std::string> arguments(argv + 1, argv + argc);
    std::string keep;
    if (arguments.size() > 2 && arguments[0] == "--keep") {
        keep = arguments[1];
        arguments.erase(arguments.begin(), arguments.begin() + 2);
    }
    if (arguments.size() < 2) { std::cerr << "usage: nvrtc_check [--keep DIR] LIBRARY FILE...\n"; return 2; }
    void* lib = dlopen(arguments[0].c_str(), RTLD_NOW);
    if (!lib) { std::cerr << dlerror() << "\n"; return 2; }
    Create create = (Create)dlsym(lib, "nvrtcCreateProgram");
    Compile compile = (Compile)dlsym(lib, "nvrtcCompileProgram");
    GetSize log_size = (GetSize)dlsym(lib, "nvrtcGetProgramLogSize"), cubin_size = (GetSize)dlsym(lib, "nvrtcGetCUBINSize");
    Get log = (Get)dlsym(lib, "nvrtcGetProgramLog"), cubin = (Get)dlsym(lib, "nvrtcGetCUBIN");
    if (!create || !compile || !log_size || !cubin_size || !log || !cubin) { std::cerr << "not NVRTC\n"; return 2; }

    int failed = 0;
    for (size_t i = 1; i < arguments.size(); ++i) {
        const std::string& path = arguments[i];
        std::ifstream file(path);
        std::stringstream source;
        source << file.rdbuf();
        if (!file) { std::cerr << path << ": cannot read\n"; return 2; }
        size_t slash = path.find_last_of('/');
        std::string include = "-I" + (slash == std::string::npos ? std::string(".") : path.substr(0, slash));
        const char* options[] = {"--gpu-architecture=sm_90a", "--std=c++17", "--ptxas-options=-v", include.c_str()};
        Program program;
        create(&program, source.str().c_str(), path.c_str(), 0, nullptr, nullptr);
        int status = compile(program, 4, options);
        size_t size = 0;
        log_size(program, &size);
        std::string text(size, ' ');
        log(program, &text[0]);
        bool spills = std::regex_search(text, std::regex("[1-9][0-9]* bytes spill stores"));
        if (status != 0) {
            std::cerr << path << ": failed\n" << text << "\n";
            ++failed;
            continue;
        }
        cubin_size(program, &size);
        std::string code(size, 0);
        cubin(program, &code[0]);
        std::cout << path << ": " << size << " bytes for sm_90a" << (spills ? ", SPILLS" : "") << "\n";
        if (!keep.empty()) {
            std::string stem = path.substr(slash == std::string::npos ? 0 : slash + 1);
            std::ofstream(keep + "/" + stem + ".cubin", std::ios::binary) << code;
        }
    }
    return failed != 0;
}
