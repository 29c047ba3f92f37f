"""Turns the JSON lines of measurements into tables; whatever is missing says 'not run'.

    python3 bench/lab/report.py [--results bench/results] [--write]

Without --write it prints; with it, the part of results/README.md between the two marker lines is replaced. Where a
measurement was made more than once, the last row of the file stands. Standard library only.
"""

import argparse
import json
import os
import sys

NOT_RUN = "not run"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"

COPY_BYTES = [1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28, 1 << 30, 1 << 32]
PRODUCTS = [(name, m) for m in (1, 1025, 2048, 2050, 4097, 8194)
            for name in ("llm qkv", "head qkv", "o", "gate+up", "down")] + [("lm_head", 1)]
LOOPS = [("loop", lq, lk) for lq, lk in ((1025, 1100), (4097, 4200))]
SQUARES = [("square", n, n) for n in (4096, 8192, 16384)]
OMNIS = [("omni", n, n) for n in (4096, 8192, 16384)]
OFFICIALS = [("official", n, n) for n in (2048, 4096, 5120)]
TASKS = ("t2i512", "t2i1024", "edit512", "understand")


def read(folder):
    """Every row of every *.jsonl in the folder, in file order. A torn last line (a program that was stopped while
    writing) is counted, not hidden."""
    rows, torn = [], 0
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not name.endswith(".jsonl"):
            continue
        with open(os.path.join(folder, name)) as file:
            for line in file:
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError:
                    torn += 1
                    continue
                row["file"] = name
                rows.append(row)
    return rows, torn


def last(rows, /, **wanted):
    """The last row whose fields have these values, or None."""
    for row in reversed(rows):
        if all(row.get(key) == value for key, value in wanted.items()):
            return row
    return None


def number(row, key, form="{:.1f}"):
    """A cell: the value, or what the row says instead of one."""
    if row is None:
        return NOT_RUN
    if row.get("unsupported"):
        return "unsupported"
    if row.get("wrong"):
        return "wrong result"
    value = row.get(key)
    if value is None:
        return row.get("choice", "-") if row.get("choice") == "none offered" else "-"
    return form.format(value)


def spread(row, key, form="{:.2f}"):
    if row is None:
        return NOT_RUN
    if row.get(key) is None:
        return "-"
    low, high = row.get(key + "_low"), row.get(key + "_high")
    text = form.format(row[key])
    return text if low is None else f"{text} ({form.format(low)} to {form.format(high)})"


def table(title, head, lines):
    out = [f"### {title}", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    out += ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]
    return "\n".join(out) + "\n"


def size(count):
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << power:
            return f"{count >> power} {unit}"
    return f"{count} B"


def ceilings(rows):
    lines = [[size(b)] + [number(last(rows, row="copy", how=how, bytes=b), "gb_per_s", "{:.0f}")
                          for how in ("memcpy", "copy16", "read16")] for b in COPY_BYTES]
    out = [table("Copy bandwidth (GB/s, read plus written)", ["size", "memcpy", "16-byte kernel", "read only"], lines)]
    lines = [[direction, memory] + [number(last(rows, row="host", direction=direction, memory=memory, bytes=b),
                                           "gb_per_s") for b in (1 << 20, 1 << 26, 1 << 30)]
             for direction in ("to device", "from device") for memory in ("pageable", "pinned")]
    out.append(table("Host memory (GB/s)", ["direction", "memory", "1 MiB", "64 MiB", "1 GiB"], lines))
    lines = [[f"plain, {argument} argument bytes", number(row, "host_us", "{:.2f}"), number(row, "total_us", "{:.2f}")]
             for argument in (0, 256) for row in [last(rows, row="launch", how="plain", argument_bytes=argument)]]
    lines += [[f"graph of {nodes}: whole launch on the host, per node on the device", number(row, "host_us", "{:.2f}"),
               number(row, "us_per_node", "{:.3f}")]
              for nodes in (1, 10, 100, 500, 2000) for row in [last(rows, row="launch", how="graph", nodes=nodes)]]
    out.append(table("Launches (microseconds)", ["what", "host", "device"], lines))
    return out


def products(rows):
    lines = []
    for name, m in PRODUCTS:
        cells = [name, m]
        for kind in ("bf16", "e4m3"):
            none = last(rows, row="product", name=name, m=m, type=kind, choice="none offered")
            first = last(rows, row="product", name=name, m=m, type=kind, choice="heuristic") or none
            best = last(rows, row="product", name=name, m=m, type=kind, choice="best offered") or none
            cells += [number(first, "tflops"), number(best, "tflops"), number(best, "peak_percent"), number(best, "us"),
                      number(best, "gb_per_s", "{:.0f}")]
        lines.append(cells)
    head = ["product", "M"]
    for kind in ("bf16", "fp8"):
        head += [f"{kind} heuristic TFLOP/s", f"{kind} best", "% of peak", "us", "GB/s"]
    return [table("cuBLASLt at this model's products", head, lines)]


def fragments(rows):
    seen = {}
    for row in rows:
        if row.get("row") == "fragment":
            key = (row["instruction"], row["operand"], row.get("a_from", ""))
            layouts = seen.setdefault(key, {})
            layouts[(row.get("major"), row.get("swizzle"), row.get("rows"), row.get("k"), row.get("columns"))] = row["agrees"]
    lines = [[i, o + (f", A from {a}" if a else ""), len(v), sum(v.values())] for (i, o, a), v in sorted(seen.items())]
    return [table("Fragment layouts (dumped to fragments.jsonl)", ["instruction", "operand", "layouts", "agree with formula"],
                  lines or [["all", "all", NOT_RUN, NOT_RUN]])]


def attention(rows):
    out = []
    for title, shapes, backends, batches in (
            ("Attention, one denoising step, no mask (TFLOP/s)", LOOPS, ("flash", "cudnn", "efficient", "math", "flex"), (1, 2)),
            ("Attention, square, no mask (TFLOP/s)", SQUARES, ("flash", "cudnn", "efficient", "math"), (1,)),
            ("Attention, omni mask (TFLOP/s of visible pairs)", OMNIS,
             ("flex", "cudnn dense mask", "efficient dense mask"), (1,)),
            ("Attention, the official way: dense mask, padded (TFLOP/s of visible pairs)", OFFICIALS,
             ("efficient", "cudnn"), (2,))):
        lines = [[model, f"{lq} x {lk}", batch] + [number(last(rows, row="attention", shape=shape, model=model, lq=lq, lk=lk,
                                                                batch=batch, backend=backend), "tflops", "{:.0f}")
                                                   for backend in backends]
                 for shape, lq, lk in shapes for model in ("llm", "head") for batch in batches]
        out.append(table(title, ["model", "Lq x Lk", "batch", *backends], lines))
    return out


def norms(rows):
    lines = []
    for count in (2050, 16384):
        for op in ("gated", "plain", "norm", "swiglu"):
            compiled = last(rows, row="norm", op=op, how="compiled", rows=count)
            eager = last(rows, row="norm", op=op, how="eager", rows=count)
            lines.append([op, count, number(compiled, "us"), number(compiled, "gb_per_s", "{:.0f}"),
                          number(eager, "gb_per_s", "{:.0f}")])
    return [table("Norm, modulation and gate (torch.compile)", ["op", "rows", "us", "GB/s", "eager GB/s"], lines)]


def peers(rows):
    names = ["official", "best"] + sorted({r["peer"] for r in rows if r.get("row") == "task"} - {"official", "best"})
    lines = []
    for task in TASKS:
        for peer in names:
            row = last(rows, row="task", task=task, peer=peer)
            parts = last(rows, row="split", task=task, peer=peer)
            per = spread(row, "ms_per_step") if task != "understand" else spread(row, "ms_per_token")
            note = NOT_RUN if row is None else f"from {row['steps']} steps" if row.get("extrapolated") else "whole"
            memory = NOT_RUN if row is None else f"{row['peak_bytes'] / 2**30:.1f}" if "peak_bytes" in row else "-"
            lines.append([task, peer, spread(row, "seconds"), per, number(parts, "products_ms", "{:.2f}"),
                          number(parts, "attention_ms", "{:.2f}"), number(parts, "rest_ms", "{:.2f}"), memory, note])
    out = [table("Peers: seconds and ms per step or token, median (low to high)",
                 ["task", "peer", "seconds", "ms per step or token", "products ms", "attention ms", "rest ms", "peak GiB",
                  "how"], lines)]
    lines = []
    for task in TASKS:
        row = last(rows, row="difference", task=task, peer="best")
        if task == "understand":
            lines.append([task, NOT_RUN if row is None else f"{row['same_ids']} of {row['of']} ids equal", "-"])
        else:
            lines.append([task, number(row, "relative", "{:.4f}"), number(row, "mean_bytes", "{:.2f}")])
    out.append(table("Difference of the pictures, best against official", ["task", "relative", "mean byte difference"], lines))
    return out


def latest(rows, kind, *keys):
    """The last row of every combination of these fields, in the order the combinations were first measured."""
    found = {}
    for row in rows:
        if row.get("row") == kind:
            found[tuple(row.get(key) for key in keys)] = row
    return list(found.values())


def growth(rows):
    """`tuna2 bench --growth`: the last row of every size of a model on a machine."""
    found = {}
    for row in rows:
        result = row.get("result") if row.get("row") == "run" else None
        for point in result.get("growth", []) if isinstance(result, dict) else []:
            where = row.get("gpu") if result["device"] != "cpu" else result["machine"]
            found[(result["model"], result["compute"], where, point["axis"], point["tokens"], point["batch"], point["prefix"])] = point
    lines = [[f"{model}, {compute}", where, axis, tokens, batch, prefix,
              f"{1e3 * p['seconds']:.2f} ({1e3 * p['seconds_low']:.2f} to {1e3 * p['seconds_high']:.2f})",
              "-" if p["exponent"] is None else f"{p['exponent']:.2f}"]
             for (model, compute, where, axis, tokens, batch, prefix), p in found.items()]
    return [table("Growth of a step of two branches (ms, median, low to high; exponent from the size before)",
                  ["model", "machine", "axis", "tokens", "batch", "prefix", "ms", "exponent"], lines or [[NOT_RUN] * 8])]


def processor(rows):
    """The engine's CPU kernels beside libtorch's: bench/Tuna2.Bench.Cpu."""
    memory = last(rows, row="cpu bandwidth")
    out = [table("Processor: memory (GB/s)", ["threads", "copy, read plus written", "read"],
                 [[NOT_RUN if memory is None else memory["threads"], number(memory, "copy_gb_per_s"), number(memory, "read_gb_per_s")]])]
    arithmetic = last(rows, row="cpu arithmetic")
    out.append(table("Processor: arithmetic (GFLOP/s)", ["threads", "float32 multiply-adds in registers"],
                     [[NOT_RUN if arithmetic is None else arithmetic["threads"], number(arithmetic, "gflops", "{:.0f}")]]))
    lines = [[f"{r['n']} x {r['k']}", r["m"], number(r, "ours_ms", "{:.3f}"), number(r, "peer_ms", "{:.3f}"), r["way"], spread(r, "ratio"),
              number(r, "gflops", "{:.0f}"), number(r, "gb_per_s"), spread(r, "of_copy")] for r in latest(rows, "cpu product", "n", "k", "m")]
    head = ["ours ms", "libtorch ms", "libtorch's way", "libtorch by ours, median (low to high)", "GFLOP/s"]
    out.append(table("Processor: y = x W^T, ours from bfloat16 weights, libtorch from float32",
                     ["W, N x K", "M", *head, "GB/s of weights", "of the copy"], lines or [[NOT_RUN] * 9]))
    lines = [[r["name"], f"{r['rows']} x {r['keys']}", number(r, "ours_ms", "{:.3f}"), number(r, "peer_ms", "{:.3f}"), r["way"], spread(r, "ratio"),
              number(r, "gflops", "{:.0f}")] for r in latest(rows, "cpu attention", "name")]
    out.append(table("Processor: attention, float32", ["what", "rows x keys", *head], lines or [[NOT_RUN] * 7]))
    lines = [[r["size"], number(r, "ours_ms", "{:.0f}"), number(r, "peer_ms", "{:.0f}"), r["way"], spread(r, "ratio"), number(r, "gflops", "{:.0f}"),
              f"{r['bytes'] / 2**20:.0f}"] for r in latest(rows, "cpu vae picture", "size")]
    out.append(table("Processor: decoding a picture with the Wan 2.2 VAE in its true shapes, float32",
                     ["picture", *head, "states and activations MiB"], lines or [[NOT_RUN] * 7]))
    lines = [[r["size"], r["frames"], f"{r['seconds']:.1f}", f"{r['bytes'] / 2**20:.0f}", f"{r['peak_bytes'] / 2**20:.0f}"]
             for r in latest(rows, "cpu vae clip", "size", "frames")]
    out.append(table("Processor: decoding a clip with it",
                     ["clip", "frames", "seconds", "states and activations MiB", "peak of the process MiB"], lines or [[NOT_RUN] * 5]))
    return out


def quantized(rows):
    """Weights in eight and four bits and in eight-bit floats, on the processor: bench/Tuna2.Quality."""
    decibels = ["psnr_worst_db", "psnr_mean_db", "psnr_best_db"]
    lines = [[r["weights"], f"{r['bytes'] / 2**20:.1f}", *(number(r, key) for key in decibels), r["seeds"]] for r in latest(rows, "quality pictures", "weights")]
    out = [table("Quantized weights: the demo model's pictures beside those of its stored weights, PSNR in dB",
                 ["weights", "MiB", "worst", "mean", "best", "seeds"], lines or [[NOT_RUN] * 6])]
    lines = [[r["weights"], f"{r['bytes'] / 2**20:.1f}", number(r, "weights_relative", "{:.4f}"), *(number(r, key) for key in decibels), r["seeds"]]
             for r in latest(rows, "quality choices", "weights")]
    out.append(table("Quantized weights: what the format might have been", ["layers; AdaLN", "MiB", "the layers' weights off by", "worst", "mean", "best", "seeds"],
                     lines or [[NOT_RUN] * 7]))
    lines = [[r["product"], f"({r['out']}, {r['in']})", number(r, "int8_relative", "{:.4f}"), number(r, "int4_relative", "{:.4f}"), number(r, "fp8_relative", "{:.4f}")]
             for r in latest(rows, "quality product", "product")]
    out.append(table("Quantized weights: a product's own output off by, relative, with only its weight quantized (of fp8 its input too)", ["product", "(out, in)", "int8", "int4", "fp8"],
                     lines or [[NOT_RUN] * 5]))
    lines = [[f"{r['n']} x {r['k']}", r["m"], number(r, "bf16_ms", "{:.2f}"), number(r, "int8_ms", "{:.2f}"), number(r, "int4_ms", "{:.2f}"), spread(r, "int8_ratio"), spread(r, "int4_ratio")]
             for r in latest(rows, "quality speed", "n", "k", "m")]
    out.append(table("Quantized weights: a product on the processor", ["W, N x K", "M", "bf16 ms", "int8 ms", "int4 ms", "bf16 by int8, median (low to high)", "bf16 by int4"],
                     lines or [[NOT_RUN] * 7]))
    return out


def provenance(rows):
    lines, seen = [], {}
    for row in rows:
        if "command" in row:
            seen[(row["file"], row.get("command"), row.get("date"))] = row
    for (file, command, date), row in seen.items():
        end = last([r for r in rows if r["file"] == file and r.get("date") == date], row="end")
        done = "no end row: stopped early" if end is None else "complete" if end.get("complete") else "time budget spent"
        if "cpu" in row:
            machine, software, done = ", ".join([row["cpu"], f"{row['threads']} threads", *([row["simd"]] if "simd" in row else [])]), "; ".join([row["runtime"], *([row["peer"]] if "peer" in row else [])]), "-"
        else:
            result = row.get("result") if isinstance(row.get("result"), dict) else {}
            machine, software = row.get("gpu") or result.get("machine", "-"), row.get("driver", "-")
            done = "-" if row.get("row") == "run" and row.get("exit") == 0 else done
        lines.append([file, machine, software, date, f"`{command}`", done])
    return [table("Where the numbers come from", ["file", "machine", "driver, or runtime and peer", "date", "command", "state"],
                  lines or [[NOT_RUN] * 6])]


def render(rows, torn=0):
    parts = []
    for section in (ceilings, products, fragments, attention, norms, peers, growth, processor, quantized, provenance):
        parts += section(rows)
    if torn:
        parts.append(f"{torn} line(s) could not be read.\n")
    return "\n".join(parts)


def replace(text, tables):
    """The text with everything between the markers replaced."""
    head, found, rest = text.partition(BEGIN)
    _, closed, tail = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"no '{BEGIN}' ... '{END}' in the text")
    return f"{head}{BEGIN}\n\n{tables}\n{END}{tail}"


def main(argv=None):
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", default=os.path.join(here, "..", "results"))
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args(argv)
    rows, torn = read(args.results)
    tables = render(rows, torn)
    if not args.write:
        print(tables)
        return 0
    path = os.path.join(args.results, "README.md")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(replace(text, tables))
    return 0


if __name__ == "__main__":
    sys.exit(main())
