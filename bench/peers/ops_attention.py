"""Attention alone: PyTorch's SDPA backends and FlexAttention at this model's shapes, random bf16 data.

    python3 ops_attention.py [--seconds 300] [--no-flex]

Rows:
  loop      one branch's denoising step: every query sees every key. (1025 x 1100) is 512x512 with a 75-token prefix,
            (4097 x 4200) 1024x1024; batch 2 is two branches with equally long prefixes.
  square    4096, 8192, 16384, no mask: what each kernel reaches when it has room.
  omni      (L x L) prefill of text and one image span: FlexAttention with the omni mask, against SDPA with the same
            mask dense. Only visible pairs are counted as work.
  official  batch 2, padded length, dense additive mask, K and V repeated to every query head, as the released code asks.
The LLM has 28 query and 4 key heads of 128; the flow head 56 and 14 of 64.

Every answer is checked before it is timed: 64 sampled query rows against float64 softmax attention, relative error over
1e-2 or a NaN is reported as wrong and not timed. Calls rotate over buffers that together exceed the L2 several times and
are captured in one graph; median of 15 replays. Rows go to ${OUT:-bench/results}/attention.jsonl.
"""

import argparse
import sys

import torch
import torch.nn.functional as F

import sdpa
import shapes
from rows import Rows
from timing import Budget, replayed
from tuna_math import omni_mask

MODELS = {"llm": (28, 4, 128), "head": (56, 14, 64)}
L2_TIMES_FOUR = 256 << 20


def reference_rows(q, k, v, rows, seen=None):
    """float64 attention of a few query rows; seen (rows, Lk) of bool."""
    groups = q.shape[1] // k.shape[1]
    k, v = k.double().repeat_interleave(groups, 1), v.double().repeat_interleave(groups, 1)
    scores = q[:, :, rows].double() @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if seen is not None:
        scores = scores.masked_fill(~seen, float("-inf"))
    return scores.softmax(-1) @ v


def error_of(out, q, k, v, rows, seen=None):
    want = reference_rows(q, k, v, rows, seen)
    return float((out[:, :, rows].double() - want).norm() / want.norm())


def make(batch, heads, kv_heads, dim, lq, lk, sets):
    """Strided as a fused projection leaves them: (batch, L, heads, dim) viewed with heads first."""
    def one(n, length):
        return torch.randn(batch, length, n, dim, device="cuda", dtype=torch.bfloat16).transpose(1, 2)
    return [(one(heads, lq), one(kv_heads, lk), one(kv_heads, lk)) for _ in range(sets)]


def measure(rows, fields, data, attend, pairs, seen=None):
    """pairs: visible (query, key) pairs of one head and sequence."""
    q, k, v = data[0]
    try:
        out = attend(q, k, v)
        sample = torch.randperm(q.shape[2], device="cuda")[:64]
        error = error_of(out, q, k, v, sample, None if seen is None else seen[sample])
        if not error <= 1e-2:
            rows.write(row="attention", **fields, wrong=error)
            return
        del out
        t = replayed([lambda s=s: attend(*s) for s in data])
    except (RuntimeError, torch.OutOfMemoryError, NotImplementedError, TypeError) as problem:
        rows.write(row="attention", **fields, unsupported=str(problem).splitlines()[0][:160] if str(problem) else "error")
        torch.cuda.empty_cache()
        return
    flops = 4 * q.shape[0] * q.shape[1] * q.shape[3] * pairs
    rows.write(row="attention", **fields, us=1000 * t["median"], us_low=1000 * t["low"], us_high=1000 * t["high"],
               tflops=flops / t["median"] / 1e9, error=error)


def sdpa_call(backend, mask=None):
    def call(q, k, v):
        with sdpa.only(backend):
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=q.shape[1] != k.shape[1])
    return call


def set_count(batch, heads, kv_heads, dim, lq, lk):
    size = 2 * batch * dim * (2 * heads * lq + 2 * kv_heads * lk)
    return max(2, min(24, L2_TIMES_FOUR // size + 1))


def math_bytes(batch, heads, lq, lk):
    return 10 * batch * heads * lq * lk      # scores in float32, their softmax, and a bf16 copy


def dense(rows, budget, name, batch, lq, lk, row):
    heads, kv_heads, dim = MODELS[name]
    data = make(batch, heads, kv_heads, dim, lq, lk, set_count(batch, heads, kv_heads, dim, lq, lk))
    for backend in ("flash", "cudnn", "efficient", "math"):
        if budget.spent() or backend == "math" and math_bytes(batch, heads, lq, lk) > 40 << 30:
            continue
        fields = dict(shape=row, model=name, backend=backend, batch=batch, lq=lq, lk=lk, heads=heads, kv_heads=kv_heads,
                      dim=dim, kv="grouped")
        use = data
        if backend == "efficient":      # has no GQA of its own: K and V repeated beforehand, not timed
            use = [(q, k.repeat_interleave(heads // kv_heads, 1), v.repeat_interleave(heads // kv_heads, 1))
                   for q, k, v in data]
            fields["kv"] = "repeated"
        measure(rows, fields, use, sdpa_call(backend), lq * lk)


def omni(rows, budget, name, length, span, flex):
    """Text, then an image span to the end: the omni mask of a prefill."""
    heads, kv_heads, dim = MODELS[name]
    data = make(1, heads, kv_heads, dim, length, length, set_count(1, heads, kv_heads, dim, length, length))
    text = length - span
    seen = omni_mask(length, [(text, span)], "cuda")
    pairs = text * (text + 1) // 2 + span * length
    fields = dict(shape="omni", model=name, batch=1, lq=length, lk=length, heads=heads, kv_heads=kv_heads, dim=dim)
    if flex:
        flex_rows(rows, fields, data, pairs, seen)
    for backend in ("cudnn", "efficient"):
        if not budget.spent():
            use = [(q, k.repeat_interleave(heads // kv_heads, 1), v.repeat_interleave(heads // kv_heads, 1))
                   for q, k, v in data] if backend == "efficient" else data
            measure(rows, dict(fields, backend=backend + " dense mask"), use, sdpa_call(backend, seen[None, None]), pairs, seen)


def flex_rows(rows, fields, data, pairs, seen):
    """seen (Lq, Lk): a prefix length per query, which is what the mask function compares with."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    end = seen.sum(-1).to(torch.int32)
    block = create_block_mask(lambda b, h, q, k: k < end[q], None, None, seen.shape[0], seen.shape[1], device="cuda")
    torch._dynamo.reset()       # a few shapes more and it would stop compiling, and say so only in a log
    compiled = torch.compile(flex_attention, dynamic=False)
    measure(rows, dict(fields, backend="flex"), data,
            lambda q, k, v: compiled(q, k, v, block_mask=block, enable_gqa=True), pairs, seen)


def official(rows, budget, name, length):
    heads, _, dim = MODELS[name]
    data = make(2, heads, heads, dim, length, length, 2)
    seen = omni_mask(length, [(75, min(length - 80, 4097 if length > 4500 else 1025))], "cuda")
    mask = torch.zeros(2, 1, length, length, device="cuda", dtype=torch.bfloat16).masked_fill_(~seen, -9.2e18)
    pairs = int(seen.sum())
    for backend in ("efficient", "cudnn"):
        if not budget.spent():
            measure(rows, dict(shape="official", model=name, backend=backend, batch=2, lq=length, lk=length, heads=heads,
                               kv_heads=heads, dim=dim, kv="repeated"), data, sdpa_call(backend, mask), pairs, seen)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--no-flex", action="store_true")
    args = parser.parse_args(argv)
    budget, rows = Budget(args.seconds), Rows("attention")
    torch.manual_seed(1)
    with torch.no_grad():
        for lq, lk in ((1025, 1100), (4097, 4200)):
            for name in MODELS:
                for batch in (1, 2):
                    if not budget.spent():
                        dense(rows, budget, name, batch, lq, lk, "loop")
        if not args.no_flex:
            for lq, lk in ((1025, 1100), (4097, 4200)):
                for name, (heads, kv_heads, dim) in MODELS.items():
                    if not budget.spent():
                        seen = torch.ones(lq, lk, dtype=torch.bool, device="cuda")
                        data = make(1, heads, kv_heads, dim, lq, lk, set_count(1, heads, kv_heads, dim, lq, lk))
                        flex_rows(rows, dict(shape="loop", model=name, batch=1, lq=lq, lk=lk, heads=heads,
                                             kv_heads=kv_heads, dim=dim), data, lq * lk, seen)
        for length in (2048, 4096, 5120):
            for name in MODELS:
                if not budget.spent():
                    official(rows, budget, name, length)
                torch.cuda.empty_cache()
        for length in (4096, 8192, 16384):
            for name in MODELS:
                if not budget.spent():
                    dense(rows, budget, name, 1, length, length, "square")
                if not budget.spent():
                    omni(rows, budget, name, length, 4097 if length > 4500 else 1025, not args.no_flex)
                torch.cuda.empty_cache()
    rows.write(row="end", complete=not budget.spent())
    return 0


if __name__ == "__main__":
    sys.exit(main())
