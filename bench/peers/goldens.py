"""Runs a peer against tuna2-tiny's reference outputs: a peer that is not right is not worth timing.

    python3 goldens.py --goldens DIR [--peer official|best] [--device cpu|cuda]

DIR holds cases.json, config.json, model.safetensors and one safetensors file per case. Every recorded model call is
replayed from its recorded input state (so Heun cases need no Heun here), Euler cases also run end to end, answers must
give the same ids. Float32 everywhere, TF32 off; a relative Frobenius error above 1e-4 fails, and so does a NaN.
"""

import argparse
import json
import os
import sys

import torch

import safetensors_lite as st
from problem import Branch, Problem
from shapes import Config

TOLERANCE = 1e-4


def relative_error(got, want):
    got, want = got.double().cpu(), want.double().cpu()
    return float((got - want).norm() / want.norm())


def exact_float32():
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def load(folder, device):
    config = Config.from_json(os.path.join(folder, "config.json"))
    entries = st.read(os.path.join(folder, "model.safetensors"))
    return config, {k: st.to_torch(v, device, torch.float32) for k, v in entries.items()}


def rebuild(case, data):
    """The problem of a recorded case, from its own tokens and spans."""
    tokens, spans = data["text_tokens"].tolist(), data["modality_positions"].tolist()
    sources = [data["source"]] if "source" in data else []
    if case["task"] == "understand":
        return Problem(case["height"], case["width"], 0, [Branch(tokens[0], [tuple(s) for s in spans[0]], sources)])
    branches = []
    for row, row_spans in zip(tokens, spans):
        offset, span = row_spans[-1]
        clean_spans = [tuple(s) for s in row_spans[:-1]]
        branches.append(Branch(row[:offset], clean_spans, sources if clean_spans else []))
    clean = data["source"] if case["task"] == "reconstruct" else None
    return Problem(case["height"], case["width"], span, branches, padded=len(tokens[0]) + 7, clean=clean)


def run_case(peer, case, data, device):
    """-> [(tensor, relative error)]."""
    problem = rebuild(case, data)
    if case["task"] == "understand":
        ids = peer.answer(problem, len(data["output_ids"]))
        wrong = sum(a != b for a, b in zip(ids, data["output_ids"].tolist()))
        return [("output_ids", float(wrong))]
    out = []
    peer.prepare(problem)
    branches = len(problem.branches)
    calls = sum(name.endswith(".x0") for name in data)
    for i in range(calls):
        z, t, want = data[f"call{i}.z"], data[f"call{i}.t"], data[f"call{i}.x0"]
        per = len(z) // branches            # edit calls list source and target interleaved
        got = peer.predict(z[per - 1, :, 0].to(device), float(t[per - 1]))
        out.append((f"call{i}.x0", relative_error(got, want[per - 1::per, :, 0] if len(want) == len(z) else want[:, :, 0])))
    if case["sampler"] == "euler":
        times = [i / case["steps"] for i in range(case["steps"] + 1)]
        if peer.name == "best":
            peer.set_times(times)
        final = peer.sample(data["call0.z"][per - 1, :, 0].to(device), times, case["guidance"])
        out.append(("final", relative_error(final, data["final"][0, :, 0])))
    return out


def check(make_peer, folder, device="cpu", report=lambda row: None, only=None):
    """make_peer(config, weights, device, dtype) -> peer. True when every case there is (or those named) is within
    tolerance, and at least one was there."""
    exact_float32()
    config, weights = load(folder, device)
    peer = make_peer(config, weights, device, torch.float32)
    with open(os.path.join(folder, "cases.json")) as file:
        cases = [c for c in json.load(file)["cases"] if c["task"] in ("generate", "edit", "reconstruct", "understand")]
    good, ran = True, []
    with torch.no_grad():
        for case in cases:
            if only and case["name"] not in only:
                continue
            path = os.path.join(folder, case["name"] + ".safetensors")
            if not os.path.exists(path):        # a fixture may hold fewer cases; said, never silently passed
                report({"row": "golden", "peer": peer.name, "case": case["name"], "passed": None, "skipped": "no file"})
                continue
            ran.append(case["name"])
            data = {k: st.to_torch(v) for k, v in st.read(path).items()}
            for tensor, error in run_case(peer, case, data, device):
                passed = error <= TOLERANCE
                good = good and passed
                report({"row": "golden", "peer": peer.name, "case": case["name"], "tensor": tensor, "error": error,
                        "passed": passed})
    return good and bool(ran)


def main(argv=None):
    from best_way import BestWay
    from official_way import OfficialWay

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--goldens", required=True)
    parser.add_argument("--peer", choices=("official", "best"), action="append")
    parser.add_argument("--compiler", help="a torch.compile backend for the best way, such as inductor or aot_eager")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args(argv)
    kinds = {"official": OfficialWay,
             "best": lambda *model: BestWay(*model, compiler=args.compiler, graph=args.device == "cuda")}
    good = True
    for name in args.peer or kinds:
        good = check(kinds[name], args.goldens, args.device, lambda row: print(json.dumps(row), flush=True)) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
