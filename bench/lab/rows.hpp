// One JSON line per measured fact, flushed as it comes: a program that is stopped keeps what it had.
// Every row carries the GPU's name, driver, date, the command and the clocks at the moment of writing.
#pragma once
#include <cuda_runtime.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <string>

#define CHECK(call)                                                                                      \
    do {                                                                                                 \
        cudaError_t status_ = (call);                                                                    \
        if (status_ != cudaSuccess) {                                                                    \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, cudaGetErrorString(status_));  \
            exit(1);                                                                                     \
        }                                                                                                \
    } while (0)

// The driver's own monitor, opened at run time so that nothing has to be linked; clocks read 0 where it is missing.
class Monitor
{
    typedef int (*Init)();
    typedef int (*ByIndex)(unsigned, void**);
    typedef int (*Clock)(void*, int, unsigned*);
    typedef int (*Reading)(void*, unsigned*);
    typedef int (*Text)(char*, unsigned);
    void* device = nullptr;
    Clock clock = nullptr;
    Reading watts = nullptr;

public:
    std::string driver = "unknown";

    Monitor()
    {
        void* lib = dlopen("libnvidia-ml.so.1", RTLD_NOW);
        if (!lib) return;
        Init init = (Init)dlsym(lib, "nvmlInit_v2");
        ByIndex by_index = (ByIndex)dlsym(lib, "nvmlDeviceGetHandleByIndex_v2");
        Text version = (Text)dlsym(lib, "nvmlSystemGetDriverVersion");
        clock = (Clock)dlsym(lib, "nvmlDeviceGetClockInfo");
        watts = (Reading)dlsym(lib, "nvmlDeviceGetPowerUsage");
        if (!init || !by_index || init() != 0 || by_index(0, &device) != 0) { device = nullptr; return; }
        char text[96] = "";
        if (version && version(text, sizeof text) == 0) driver = text;
    }

    unsigned megahertz(int kind) const      // 1: multiprocessors, 2: memory
    {
        unsigned value = 0;
        return device && clock && clock(device, kind, &value) == 0 ? value : 0;
    }

    unsigned power() const                  // watts
    {
        unsigned milliwatts = 0;
        return device && watts && watts(device, &milliwatts) == 0 ? milliwatts / 1000 : 0;
    }
};

class Rows
{
    FILE* file = nullptr;
    std::string common;
    Monitor monitor;

    static std::string escaped(const std::string& text)
    {
        std::string out;
        for (char c : text) {
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
        return out;
    }

public:
    static std::string folder()
    {
        const char* out = getenv("OUT");
        std::string path = out && *out ? out : "bench/results";
        mkdir(path.c_str(), 0777);
        return path;
    }

    Rows(const char* stage, int argc, char** argv)
    {
        std::string command;
        for (int i = 0; i < argc; ++i) command += (i ? " " : "") + std::string(argv[i]);
        cudaDeviceProp properties;
        CHECK(cudaGetDeviceProperties(&properties, 0));
        char date[32];
        time_t now = time(nullptr);
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
        common = "\"stage\":\"" + std::string(stage) + "\",\"gpu\":\"" + escaped(properties.name) + "\",\"driver\":\"" +
                 escaped(monitor.driver) + "\",\"date\":\"" + date + "\",\"command\":\"" + escaped(command) + "\"";
        std::string path = folder() + "/" + stage + ".jsonl";
        file = fopen(path.c_str(), "a");
        if (!file) { perror(path.c_str()); exit(1); }
        write("\"row\":\"device\",\"sms\":%d,\"l2_bytes\":%d,\"memory_bytes\":%zu,\"capability\":\"%d.%d\"",
              properties.multiProcessorCount, properties.l2CacheSize, properties.totalGlobalMem, properties.major,
              properties.minor);
    }

    ~Rows() { if (file) fclose(file); }

    // `format` makes the row's own fields, without braces.
    void write(const char* format, ...)
    {
        char own[2048];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(own, sizeof own, format, arguments);
        va_end(arguments);
        write_text(own);
    }

    // The same for rows that carry a table; only their beginning is printed.
    void write_text(const std::string& own)
    {
        fprintf(file, "{%s,%s,\"sm_mhz\":%u,\"memory_mhz\":%u,\"watts\":%u}\n", own.c_str(), common.c_str(),
                monitor.megahertz(1), monitor.megahertz(2), monitor.power());
        fflush(file);
        printf("%.240s\n", own.c_str());
        fflush(stdout);
    }
};
