"""The memory-bound chain between two products, as torch.compile fuses it, at 2050 and 16384 rows of 3584 bf16.

    python3 ops_norm.py [--seconds 120]

  gated     x2 = x + gate * y;  h = RMSNorm(x2) * (1 + scale) + shift      reads x, y, writes x2, h: the flow head's chain
  plain     x2 = x + y;         h = RMSNorm(x2)                            the LLM's
  norm      h = RMSNorm(x)                                                 reads x, writes h
  swiglu    silu(gate) * up, rows x 18944                                  reads two, writes one

shift, scale and gate are one row for all, as in the loop. GB/s count each tensor once. Every compiled answer is compared
with float64 first (relative error at most 1e-2, no NaN). Calls rotate over buffers of several times the L2, captured in
one graph; median of 15 replays; eager PyTorch beside it. Rows go to ${OUT:-bench/results}/norms.jsonl.
"""

import argparse
import sys

import torch

import tuna_math as tm
from rows import Rows
from timing import Budget, replayed

D, MLP, EPS = 3584, 18944, 1e-5


def gated(x, y, w, shift, scale, gate):
    x = x + gate * y
    return x, tm.modulate(tm.rms_norm(x, w, EPS), shift, scale)


def plain(x, y, w, shift, scale, gate):
    x = x + y
    return x, tm.rms_norm(x, w, EPS)


def norm(x, y, w, shift, scale, gate):
    return (tm.rms_norm(x, w, EPS),)


def swiglu(x, y, w, shift, scale, gate):
    return (tm.swiglu(x, y),)


# function, columns, tensors read, tensors written
OPS = {"gated": (gated, D, 2, 2), "plain": (plain, D, 2, 2), "norm": (norm, D, 1, 1), "swiglu": (swiglu, MLP, 2, 1)}


def wrong_against(function, reference, data):
    """Relative error of the bf16 answer against the same formula in float64 (rms_norm's float32 inside stays float32)."""
    got, want = function(*data), reference(*(t.double() for t in data))
    return max(float((g.double() - w.double()).norm() / w.double().norm()) for g, w in zip(got, want))


def traffic(rows, columns, tensors):
    return 2 * rows * columns * tensors


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    args = parser.parse_args(argv)
    budget, rows = Budget(args.seconds), Rows("norms")
    torch.manual_seed(1)
    with torch.no_grad():
        for count in (2050, 16384):
            for name, (f, columns, read, written) in OPS.items():
                moved = traffic(count, columns, read + written)
                sets = max(2, min(16, (512 << 20) // moved + 1))
                def random(*shape):
                    return torch.randn(*shape, device="cuda", dtype=torch.bfloat16)
                data = [(random(count, columns), random(count, columns), random(columns) * 0.1 + 1, random(columns),
                         random(columns), random(columns)) for _ in range(sets)]
                for how, function in (("compiled", torch.compile(f, dynamic=False)), ("eager", f)):
                    if budget.spent():
                        continue
                    error = wrong_against(function, f, data[0])
                    fields = dict(row="norm", op=name, how=how, rows=count, columns=columns, bytes=moved, error=error)
                    if not error <= 1e-2:
                        rows.write(**fields, wrong=True)
                        continue
                    t = replayed([lambda s=s: function(*s) for s in data])
                    rows.write(**fields, us=1000 * t["median"], us_low=1000 * t["low"], us_high=1000 * t["high"],
                               gb_per_s=moved / t["median"] / 1e6)
                torch.cuda.empty_cache()
    rows.write(row="end", complete=not budget.spent())
    return 0


if __name__ == "__main__":
    sys.exit(main())
