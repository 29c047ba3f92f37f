// ceilings: what this card can do at most, so that every later number has something to be a share of.
//
//   copy      device-to-device: cudaMemcpyAsync, our own 16-byte copy kernel, and a read-only stream, over sizes.
//             GB/s count bytes read plus bytes written.
//   host      host-to-device and back, from pageable and from pinned memory.
//   launch    an empty kernel by plain launches (host time and device time per launch), with a 256-byte argument;
//             the same as nodes of one CUDA graph, per node, and what launching a graph costs the host.
//
// Traps avoided: buffers rotate through a pool several times the L2, so that nothing is read from cache; the pool holds
// hashed bf16 values, never zeros; warm-up runs precede every sample; device work is timed with events, the median of 7
// samples is reported with the fastest and slowest; host work is timed after a synchronize on both sides.
//
// usage: ceilings [--seconds N]        rows go to ${OUT:-bench/results}/ceilings.jsonl
#include "ceilings_device.cuh"
#include "timing.hpp"
#include <string.h>

static const size_t MiB = 1 << 20;

static void measure_copies(Rows& rows, const Budget& budget, int sms)
{
    const size_t pool = 8192 * MiB;
    char *from, *to;
    CHECK(cudaMalloc(&from, pool));
    CHECK(cudaMalloc(&to, pool));
    fill_bf16<<<sms * 8, 256>>>((unsigned*)from, pool / 4, 1);
    fill_bf16<<<sms * 8, 256>>>((unsigned*)to, pool / 4, 2);
    CHECK(cudaDeviceSynchronize());
    for (size_t bytes : {MiB / 4, MiB, 4 * MiB, 16 * MiB, 64 * MiB, 256 * MiB, 1024 * MiB, 4096 * MiB}) {
        // A slot further on every launch: by the time one comes round again, the cache has seen 8 GiB of others.
        size_t slots = pool / bytes;
        const char* names[] = {"memcpy", "copy16", "read16"};
        for (int kind = 0; kind < 3; ++kind) {
            if (budget.spent()) return;
            Timing t = time_launches([&](int i) {
                size_t at = (size_t)i % slots * bytes;
                if (kind == 0)
                    CHECK(cudaMemcpyAsync(to + at, from + at, bytes, cudaMemcpyDeviceToDevice));
                else if (kind == 1)
                    copy16<<<sms * 4, 512>>>((uint4*)(to + at), (const uint4*)(from + at), bytes / 16);
                else
                    read16<<<sms * 4, 512>>>((unsigned*)to, (const uint4*)(from + at), bytes / 16, 0x9E3779B9u);
            });
            double moved = (kind == 2 ? 1.0 : 2.0) * bytes;
            rows.write("\"row\":\"copy\",\"how\":\"%s\",\"bytes\":%zu,\"us\":%.3f,\"us_low\":%.3f,\"us_high\":%.3f,"
                       "\"gb_per_s\":%.1f", names[kind], bytes, 1e3 * t.milliseconds, 1e3 * t.low, 1e3 * t.high,
                       moved / t.milliseconds / 1e6);
        }
    }
    CHECK(cudaFree(from));
    CHECK(cudaFree(to));
}

static void measure_host(Rows& rows, const Budget& budget)
{
    const size_t largest = 1024 * MiB;
    char *device, *pinned, *pageable = (char*)malloc(largest);
    CHECK(cudaMalloc(&device, largest));
    CHECK(cudaMallocHost(&pinned, largest));
    for (size_t i = 0; i < largest; i += 4) {       // touches every page, and is no constant
        unsigned value = hash32(3, (unsigned)i);
        memcpy(pageable + i, &value, 4);
        memcpy(pinned + i, &value, 4);
    }
    for (size_t bytes : {MiB, 64 * MiB, 1024 * MiB})
        for (int kind = 0; kind < 4; ++kind) {
            if (budget.spent()) break;
            char* host = kind & 1 ? pinned : pageable;
            bool up = kind < 2;
            std::vector<double> times;
            for (int i = 0; i < 8; ++i) {
                CHECK(cudaDeviceSynchronize());
                Stopwatch watch;
                CHECK(cudaMemcpyAsync(up ? device : host, up ? host : device, bytes,
                                      up ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost));
                CHECK(cudaDeviceSynchronize());
                if (i) times.push_back(watch.milliseconds());       // the first is the warm-up
            }
            std::sort(times.begin(), times.end());
            rows.write("\"row\":\"host\",\"direction\":\"%s\",\"memory\":\"%s\",\"bytes\":%zu,\"ms\":%.4f,\"ms_low\":%.4f,"
                       "\"ms_high\":%.4f,\"gb_per_s\":%.2f", up ? "to device" : "from device",
                       kind & 1 ? "pinned" : "pageable", bytes, times[3], times.front(), times.back(),
                       bytes / times[3] / 1e6);
        }
    CHECK(cudaFree(device));
    CHECK(cudaFreeHost(pinned));
    free(pageable);
}

static void measure_plain_launches(Rows& rows)
{
    LaunchArgs args = {};
    cudaStream_t stream;
    CHECK(cudaStreamCreate(&stream));
    for (int with = 0; with < 2; ++with) {
        std::vector<double> host, total;
        for (int sample = 0; sample < 8; ++sample) {
            const int count = 1000;     // fewer than the driver's queue holds, or the host would wait for the device
            CHECK(cudaDeviceSynchronize());
            Stopwatch watch;
            for (int i = 0; i < count; ++i) {
                if (with) nothing_with<<<1, 32, 0, stream>>>(args);
                else nothing<<<1, 32, 0, stream>>>();
            }
            double enqueued = watch.milliseconds();
            CHECK(cudaDeviceSynchronize());
            if (sample) { host.push_back(enqueued / count); total.push_back(watch.milliseconds() / count); }
        }
        std::sort(host.begin(), host.end());
        std::sort(total.begin(), total.end());
        rows.write("\"row\":\"launch\",\"how\":\"plain\",\"argument_bytes\":%d,\"host_us\":%.3f,\"total_us\":%.3f,"
                   "\"total_us_low\":%.3f,\"total_us_high\":%.3f", with ? (int)sizeof args : 0, 1e3 * host[3],
                   1e3 * total[3], 1e3 * total.front(), 1e3 * total.back());
    }
    CHECK(cudaStreamDestroy(stream));
}

static void measure_graphs(Rows& rows)
{
    LaunchArgs args = {};
    cudaStream_t stream;
    CHECK(cudaStreamCreate(&stream));
    for (int nodes : {1, 10, 100, 500, 2000}) {
        cudaGraph_t graph;
        cudaGraphExec_t exec;
        CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
        for (int i = 0; i < nodes; ++i) nothing_with<<<132, 128, 0, stream>>>(args);
        CHECK(cudaStreamEndCapture(stream, &graph));
        Stopwatch making;
        CHECK(cudaGraphInstantiate(&exec, graph, 0));
        double instantiate = making.milliseconds();
        CHECK(cudaGraphUpload(exec, stream));
        CHECK(cudaStreamSynchronize(stream));
        std::vector<double> host, device;
        cudaEvent_t begin, end;
        CHECK(cudaEventCreate(&begin));
        CHECK(cudaEventCreate(&end));
        for (int sample = 0; sample < 22; ++sample) {
            float ms = 0;
            CHECK(cudaEventRecord(begin, stream));
            Stopwatch watch;
            CHECK(cudaGraphLaunch(exec, stream));
            double enqueued = watch.milliseconds();
            CHECK(cudaEventRecord(end, stream));
            CHECK(cudaEventSynchronize(end));
            CHECK(cudaEventElapsedTime(&ms, begin, end));
            if (sample) { host.push_back(enqueued); device.push_back(ms); }
        }
        std::sort(host.begin(), host.end());
        std::sort(device.begin(), device.end());
        rows.write("\"row\":\"launch\",\"how\":\"graph\",\"nodes\":%d,\"host_us\":%.3f,\"device_us\":%.3f,"
                   "\"device_us_low\":%.3f,\"device_us_high\":%.3f,\"us_per_node\":%.4f,\"instantiate_ms\":%.3f", nodes,
                   1e3 * host[10], 1e3 * device[10], 1e3 * device.front(), 1e3 * device.back(),
                   1e3 * device[10] / nodes, instantiate);
        CHECK(cudaEventDestroy(begin));
        CHECK(cudaEventDestroy(end));
        CHECK(cudaGraphExecDestroy(exec));
        CHECK(cudaGraphDestroy(graph));
    }
    CHECK(cudaStreamDestroy(stream));
}

int main(int argc, char** argv)
{
    double seconds = 120;
    for (int i = 1; i + 1 < argc; ++i)
        if (!strcmp(argv[i], "--seconds")) seconds = atof(argv[i + 1]);
    Budget budget(seconds);
    Rows rows("ceilings", argc, argv);
    int sms;
    CHECK(cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, 0));
    measure_plain_launches(rows);
    measure_graphs(rows);
    measure_copies(rows, budget, sms);
    measure_host(rows, budget);
    rows.write("\"row\":\"end\",\"complete\":%s", budget.spent() ? "false" : "true");
    return 0;
}
