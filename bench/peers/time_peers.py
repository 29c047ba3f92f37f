"""Times whole pictures and answers: peer (a), the official way, against peer (b), the best way, on hashed 7B weights.

    python3 time_peers.py --goldens DIR [--task t2i512 --task t2i1024 --task edit512 --task understand]
                          [--seconds 420] [--rounds 5] [--steps 50] [--official DIR]

Order: both peers must pass the goldens (else nothing is timed); weights by hash; then per task, A-B-A-B, at least
`rounds` rounds; a row per picture as it comes, then medians with spread, a profile of one step split into products,
attention and rest, peak memory, and the difference between the two peers' pictures. The program ends itself inside
--seconds: when 50 steps do not fit, each round runs fewer, and its row says so and gives the 50-step time computed from
them (`extrapolated` true); times of prefill and of a step are always measured.

Traps avoided: weights and noise are random; compilation and graph capture happen in the warm-up; every timed region
ends in a synchronize; host time is what is reported, because that is what a user waits; peak memory of one peer leaves
out the other's weights; clocks stand in every row.

Rows go to ${OUT:-bench/results}/peers.jsonl.
"""

import argparse
import gc
import os
import sys
import time

import torch

import goldens
import problem as problems
import sdpa
import shapes
import tuna_math as tm
import weights_hash
from best_way import BestWay
from official_way import OfficialWay
from rows import Rows
from timing import Budget, plan_steps, profile, split, summary

TASKS = ("t2i512", "t2i1024", "edit512", "understand")
SIDES = {"t2i512": 512, "t2i1024": 1024, "edit512": 512, "understand": 512}
GUIDANCE = {"t2i512": 3.0, "t2i1024": 3.0, "edit512": 2.0}
ANSWER = 128


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--goldens", required=True, help="folder of tuna2-tiny's reference outputs")
    parser.add_argument("--task", choices=TASKS, action="append")
    parser.add_argument("--seconds", type=float, default=420)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--compiler", default="inductor", help="torch.compile backend of the best way; 'none' for eager")
    parser.add_argument("--model", help="a config.json: its shape in place of the 7B one (for trying this program out)")
    parser.add_argument("--side", type=int, help="picture side in place of the task's (for trying this program out)")
    parser.add_argument("--official", help="a checkout of the released code: its own modules run as a third peer")
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args(argv)
    args.task = args.task or list(TASKS)
    args.compiler = None if args.compiler == "none" else args.compiler
    return args


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


def allocated(device, peak=False):
    if device != "cuda":
        return 0
    return torch.cuda.max_memory_allocated() if peak else torch.cuda.memory_allocated()


def noise(side, scale, seed, device):
    """torch's CPU generator, so that a seed means the same start everywhere."""
    return scale * torch.randn(3, side, side, generator=torch.Generator().manual_seed(seed)).to(device)


def picture_source(side):
    """A clean picture in -1..1 for edits and questions."""
    x = torch.linspace(-1, 1, side)
    return torch.stack([x[None].expand(side, side), x[:, None].expand(side, side), -x[None] * x[:, None]])


def make_problem(task, config, side):
    trial = side != SIDES[task]         # a small side tries the program out: no padding to wait for
    if task.startswith("t2i"):
        return problems.text_to_image(config, side, side, 0 if trial else shapes.official_sequence(side, side))
    source = picture_source(side)
    if task == "edit512":
        return problems.edit(config, side, side, 0 if trial else shapes.official_sequence(side, side, edit=True), source)
    return problems.understand(config, side, side, source)


class Contender:
    """A peer with its attention backend, the memory its weights take, and what lies beside them for others alone."""

    def __init__(self, peer, backend, weight_bytes, foreign_bytes, device):
        self.peer, self.backend, self.device, self.name = peer, backend, device, peer.name
        self.weight_bytes, self.foreign_bytes = weight_bytes, foreign_bytes

    def picture(self, problem, z, times, guidance):
        """-> (final z, prepare seconds, sampling seconds)."""
        with torch.no_grad(), sdpa.prefer(self.backend):
            synchronize(self.device)
            start = time.perf_counter()
            if self.name == "best":
                self.peer.prepare(problem, times)
            else:
                self.peer.prepare(problem)
            synchronize(self.device)
            middle = time.perf_counter()
            z = self.peer.sample(z, times, guidance)
            synchronize(self.device)
            return z, middle - start, time.perf_counter() - middle

    def answer(self, problem, count):
        with torch.no_grad(), sdpa.prefer(self.backend):
            synchronize(self.device)
            start = time.perf_counter()
            ids = self.peer.answer(problem, count)
            synchronize(self.device)
            return ids, time.perf_counter() - start


def choose_backend(config, device):
    """The faster of flash and cuDNN for this model's step attention at 512x512, head dims weighted by layers."""
    if device != "cuda":
        return None, {}

    def seconds(name, heads, kv_heads, dim):
        q, k, v = (torch.randn(1, h, n, dim, device=device, dtype=torch.bfloat16)
                   for h, n in ((heads, 1025), (kv_heads, 1100), (kv_heads, 1100)))
        with sdpa.only(name):
            for i in range(13):
                if i == 3:
                    torch.cuda.synchronize()
                    start = time.perf_counter()
                torch.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
            torch.cuda.synchronize()
        return (time.perf_counter() - start) / 10

    return sdpa.fastest([(config.layers, (config.heads, config.kv_heads, config.head_dim)),
                         (config.head.layers, (config.head.heads, config.head.kv_heads, config.flow_dim))], seconds)


def report_profile(rows, task, contender, work, steps, **fields):
    """One warmed run under the profiler; GPU time per step, by kind."""
    if contender.device != "cuda":
        return
    with torch.no_grad(), sdpa.prefer(contender.backend):
        parts, longest = split(profile(work))
    rows.write(row="split", task=task, peer=contender.name, **{k + "_ms": v / steps for k, v in parts.items()},
               longest_rest=longest, **fields)


def time_picture(rows, task, contenders, config, args, budget, tasks_left):
    side = args.side or SIDES[task]
    problem = make_problem(task, config, side)
    z0 = noise(side, config.noise_scale, 42, args.device)
    guidance = GUIDANCE[task]

    per_step, warm = 0.0, 3
    for c in contenders:
        c.picture(problem, z0, tm.step_times(warm), guidance)           # compiles and captures for these shapes
        _, _, seconds = c.picture(problem, z0, tm.step_times(warm), guidance)
        rows.write(row="warm", task=task, peer=c.name, ms_per_step=1000 * seconds / warm, backend=c.backend)
        per_step += seconds / warm
    share = budget.left() * 0.8 / tasks_left
    steps = plan_steps(args.steps, args.rounds + 1, per_step, share)
    if steps < warm or budget.left() < 1.2 * args.rounds * steps * per_step:
        rows.write(row="skipped", task=task, why="the time budget is spent")
        return

    times = tm.step_times(args.steps)[:steps + 1]
    results = {c.name: [] for c in contenders}
    finals, peaks = {}, {}
    for c in contenders:        # this step count's tables and graph, outside the timed rounds
        c.picture(problem, z0, times, guidance)
    for round_ in range(args.rounds):
        for c in contenders:
            if args.device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            z, prepare, sampling = c.picture(problem, z0, times, guidance)
            peaks[c.name] = allocated(args.device, peak=True) - c.foreign_bytes
            per = sampling / steps
            whole = prepare + per * args.steps
            results[c.name].append((whole, 1000 * per))
            finals[c.name] = z
            rows.write(row="picture", task=task, peer=c.name, round=round_, steps=steps, seconds=whole,
                       prepare_ms=1000 * prepare, ms_per_step=1000 * per, extrapolated=steps != args.steps)
    for c in contenders:
        whole, per = summary([r[0] for r in results[c.name]]), summary([r[1] for r in results[c.name]])
        rows.write(row="task", task=task, peer=c.name, height=side, width=side, steps=steps, seconds=whole["median"],
                   seconds_low=whole["low"], seconds_high=whole["high"], ms_per_step=per["median"],
                   ms_per_step_low=per["low"], ms_per_step_high=per["high"], rounds=args.rounds,
                   extrapolated=steps != args.steps, peak_bytes=peaks[c.name], weight_bytes=c.weight_bytes,
                   finite=bool(finals[c.name].isfinite().all()), backend=c.backend)
    first = contenders[0]
    for c in contenders[1:]:
        bytes_apart = (tm.to_bytes(finals[c.name]).int() - tm.to_bytes(finals[first.name]).int()).abs().float()
        rows.write(row="difference", task=task, peer=c.name, against=first.name, steps=steps,
                   relative=goldens.relative_error(finals[c.name], finals[first.name]),
                   mean_bytes=float(bytes_apart.mean()), largest_bytes=float(bytes_apart.max()))
    for c in contenders:
        if budget.left() > 2 * per_step * (steps + warm) + 5:
            c.picture(problem, z0, times, guidance)     # prepared for the whole schedule; only the loop is profiled
            report_profile(rows, task, c, lambda: c.peer.sample(z0, times[:warm + 1], guidance), warm)


def time_answer(rows, contenders, config, args, budget):
    side = args.side or SIDES["understand"]
    problem = make_problem("understand", config, side)
    results, ids = {c.name: [] for c in contenders}, {}
    for c in contenders:
        _, seconds = c.answer(problem, ANSWER)
        rows.write(row="warm", task="understand", peer=c.name, seconds=seconds)
    for round_ in range(args.rounds):
        for c in contenders:
            if budget.spent():
                rows.write(row="skipped", task="understand", why="the time budget is spent", round=round_)
                return
            ids[c.name], seconds = c.answer(problem, ANSWER)
            results[c.name].append(seconds)
            rows.write(row="answer", peer=c.name, round=round_, tokens=ANSWER, seconds=seconds)
    for c in contenders:
        s = summary(results[c.name])
        rows.write(row="task", task="understand", peer=c.name, tokens=ANSWER, seconds=s["median"], seconds_low=s["low"],
                   seconds_high=s["high"], ms_per_token=1000 * s["median"] / ANSWER, rounds=args.rounds, backend=c.backend)
    first = contenders[0]
    for c in contenders[1:]:
        rows.write(row="difference", task="understand", peer=c.name, against=first.name,
                   same_ids=sum(a == b for a, b in zip(ids[c.name], ids[first.name])), of=ANSWER)
    for c in contenders:
        if budget.left() > 20:
            report_profile(rows, "understand", c, lambda: c.answer(problem, ANSWER), ANSWER, includes_prompt=True)


def main(argv=None):
    args = parse(argv)
    budget = Budget(args.seconds)
    rows = Rows("peers")
    makers = {"official": lambda *m: OfficialWay(*m),
              "best": lambda *m: BestWay(*m, compiler=None, graph=args.device == "cuda")}
    for name, make in makers.items():
        if not goldens.check(make, args.goldens, args.device, lambda row: row["passed"] or rows.write(**row)):
            rows.write(row="goldens", peer=name, passed=False)
            return 1
        rows.write(row="goldens", peer=name, passed=True, seconds_left=budget.left())
    compiled = lambda *m: BestWay(*m, compiler=args.compiler, graph=args.device == "cuda")
    if args.compiler:
        good = goldens.check(compiled, args.goldens, args.device, lambda row: row["passed"] or rows.write(**row),
                             only=("t2i_square",))
        rows.write(row="goldens", peer="best, compiled", passed=good, seconds_left=budget.left())
        if not good:
            return 1
        torch._dynamo.reset()

    config = shapes.Config.from_json(args.model) if args.model else shapes.TUNA2_7B
    dtype = torch.bfloat16 if args.device == "cuda" else torch.float32
    before = allocated(args.device)
    weights = {name: weights_hash.fill(name, shape, args.device).to(dtype) for name, shape in shapes.tensors(config)}
    synchronize(args.device)
    official_bytes = allocated(args.device) - before
    backend, totals = choose_backend(config, args.device)
    before = allocated(args.device)
    best = compiled(config, weights, args.device, dtype)
    fused_bytes = allocated(args.device) - before
    # Alone, either would hold one set of weights: the fused copies are as large as the parts they replace.
    contenders = [Contender(OfficialWay(config, weights, args.device, dtype), None, official_bytes, fused_bytes, args.device),
                  Contender(best, backend, official_bytes, fused_bytes, args.device)]
    rows.write(row="weights", parameters=shapes.parameters(config), bytes=official_bytes, fused_copies=fused_bytes,
               backend=backend, backend_seconds=totals, seconds_left=budget.left())
    if args.official:
        import official_modules

        official_modules.add(contenders, rows, args, config, weights, dtype, Contender)

    for at, task in enumerate(args.task):
        if budget.spent():
            rows.write(row="skipped", task=task, why="the time budget is spent")
            continue
        if task == "understand":
            time_answer(rows, contenders, config, args, budget)
        else:
            time_picture(rows, task, contenders, config, args, budget, len(args.task) - at)
        gc.collect()
        if args.device == "cuda":
            torch.cuda.empty_cache()
    rows.write(row="end", complete=not budget.spent())
    return 0


if __name__ == "__main__":
    sys.exit(main())
