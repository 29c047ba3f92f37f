// Times device work with events: warm-up first, several launches per sample, the median of the samples and their spread.
#pragma once
#include "rows.hpp"
#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

struct Timing
{
    double milliseconds;    // median, per launch
    double low, high;       // fastest and slowest sample, per launch
    int launches;           // launches per sample
};

// `launch(i)` enqueues the i-th launch; i runs on without end so that the caller can rotate buffers with it. A sample is
// made long enough (`sample_ms`) that the events' own resolution and the first launch's latency do not show.
inline Timing time_launches(const std::function<void(int)>& launch, int samples = 7, double sample_ms = 10,
                            int most_launches = 400)
{
    cudaEvent_t begin, end;
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    int next = 0;
    auto run = [&](int launches) {
        float ms = 0;
        CHECK(cudaEventRecord(begin));
        for (int i = 0; i < launches; ++i) launch(next++);
        CHECK(cudaEventRecord(end));
        CHECK(cudaEventSynchronize(end));
        CHECK(cudaEventElapsedTime(&ms, begin, end));
        return (double)ms;
    };
    run(3);
    double one = std::max(run(3) / 3, 1e-3);
    int launches = std::max(1, std::min(most_launches, (int)(sample_ms / one)));
    std::vector<double> times;
    for (int i = 0; i < samples; ++i) times.push_back(run(launches) / launches);
    CHECK(cudaGetLastError());
    std::sort(times.begin(), times.end());
    CHECK(cudaEventDestroy(begin));
    CHECK(cudaEventDestroy(end));
    return {times[times.size() / 2], times.front(), times.back(), launches};
}

// A host-side stopwatch, for what the host pays. The caller synchronizes.
class Stopwatch
{
    std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();

public:
    double milliseconds() const
    {
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    }
};

// Every program stops starting new measurements when its budget is spent, and says so.
class Budget
{
    Stopwatch watch;
    double seconds;

public:
    explicit Budget(double seconds) : seconds(seconds) {}
    bool spent() const { return watch.milliseconds() > 1000 * seconds; }
};
