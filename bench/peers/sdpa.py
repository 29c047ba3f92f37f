"""Which SDPA backend runs: one place, because the defaults and their order differ between PyTorch versions."""

import contextlib

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

BACKENDS = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION,
            "efficient": SDPBackend.EFFICIENT_ATTENTION, "math": SDPBackend.MATH}


def only(name):
    """Just this one: what it cannot do raises."""
    return sdpa_kernel([BACKENDS[name]])


def prefer(name):
    """This one first, then those that take a mask. None: PyTorch's own choice."""
    if name is None or not torch.cuda.is_available():
        return contextlib.nullcontext()
    order = [BACKENDS[n] for n in dict.fromkeys((name, "efficient", "math"))]
    try:
        return sdpa_kernel(order, set_priority=True)
    except TypeError:           # before the parameter existed, the list only filtered
        return sdpa_kernel(order)


def fastest(shapes, seconds_of):
    """The backend with the least total time over shapes [(times, arguments)]; seconds_of(name, *arguments) may raise."""
    totals = {}
    for name in ("flash", "cudnn"):
        try:
            totals[name] = sum(times * seconds_of(name, *arguments) for times, arguments in shapes)
        except RuntimeError:
            continue
    return (min(totals, key=totals.get), totals) if totals else (None, totals)
