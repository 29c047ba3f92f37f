"""Time budgets, medians, and GPU timing by graph replay. What needs no GPU is tested without one."""

import statistics
import time


class Budget:
    """Wall-clock seconds for a whole program."""

    def __init__(self, seconds, clock=time.monotonic):
        self.clock, self.start, self.seconds = clock, clock(), seconds

    def left(self):
        return self.seconds - (self.clock() - self.start)

    def spent(self):
        return self.left() <= 0


def plan_steps(wanted, rounds, seconds_per_step, available):
    """Steps each peer runs per round so that all rounds fit: `wanted` if they do, otherwise fewer, never under 3.
    seconds_per_step: the sum over the peers that alternate."""
    if seconds_per_step <= 0:
        return wanted
    return max(3, min(wanted, int(available / (rounds * seconds_per_step))))


def summary(values):
    """Median and spread."""
    values = sorted(values)
    return {"median": statistics.median(values), "low": values[0], "high": values[-1], "count": len(values)}


# A kernel's kind by its name: attention first, since its kernels carry product libraries' names too.
ATTENTION = ("flash", "fmha", "attention", "sdpa", "softmax", "flex")
PRODUCTS = ("gemm", "nvjet", "cutlass", "xmma", "gemv", "splitk", "matmul", "cublas", "conv2d", "convolve", "implicit")


def kind(kernel):
    name = kernel.lower()
    if any(part in name for part in ATTENTION):
        return "attention"
    if any(part in name for part in PRODUCTS):
        return "products"
    return "rest"


def split(kernels):
    """[(name, microseconds)] -> milliseconds per kind, and the ten longest of `rest` by name, to catch a misnamed one."""
    out = {"products": 0.0, "attention": 0.0, "rest": 0.0}
    rest = {}
    for name, us in kernels:
        out[kind(name)] += us / 1000
        if kind(name) == "rest":
            rest[name] = rest.get(name, 0.0) + us / 1000
    longest = sorted(rest.items(), key=lambda item: -item[1])[:10]
    return out, [(name[:80], ms) for name, ms in longest]


def profile(work):
    """Runs `work` once under the profiler -> [(kernel, microseconds)] of what ran on the GPU."""
    import torch
    from torch.profiler import ProfilerActivity

    with torch.profiler.profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as p:
        work()
        torch.cuda.synchronize()
    kernels = []
    for event in p.events():
        # A host annotation is mirrored onto the device's line with the time of everything under it: no kernel.
        if str(event.device_type).endswith("CUDA") and not getattr(event, "is_user_annotation", False):
            us = getattr(event, "device_time", None)
            kernels.append((event.name, event.cuda_time if us is None else us))
    return kernels


def replayed(calls, samples=15):
    """Milliseconds per call, `calls` (functions of no argument) captured together in one graph, so that launch gaps and
    Python are out of it. Give calls on rotated buffers, together several times the L2. -> summary."""
    import torch

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for call in calls[:3] * 2:
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for call in calls:
            call()
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    times = []
    for i in range(samples + 2):
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        if i >= 2:
            times.append(begin.elapsed_time(end) / len(calls))
    del graph
    return summary(times)
