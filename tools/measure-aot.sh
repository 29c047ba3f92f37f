#!/usr/bin/env bash
# What NativeAOT brings and costs against the JIT: sizes, whole runs, and the steps alone. Needs tools/check-aot.sh to have been run,
# and a machine with nothing else to do. Pairs are interleaved; every number is the median of them.
#
#   tools/measure-aot.sh [PAIRS]      7 if not given
set -euo pipefail
cd "$(dirname "$0")/.."
python3 - "${1:-7}" << 'PYTHON'
import json, os, statistics, subprocess, sys, tempfile, time

pairs = int(sys.argv[1])
programs = {"JIT": ["dotnet", "src/Tuna2.Cli/bin/Release/net10.0/tuna2.dll"], "AOT": ["artifacts/aot/tuna2"]}
picture = os.path.join(tempfile.mkdtemp(), "picture.png")
prompt = "a large red circle on a blue background"

def run(program, *arguments):
    start = time.perf_counter()
    output = subprocess.run([*program, *arguments], check=True, capture_output=True).stdout
    return time.perf_counter() - start, output

def whole(*arguments):
    return lambda program: run(program, *arguments)[0]

def steps(side, few, many):
    """Seconds of a step: two runs that differ in nothing but their number, so that start-up cancels."""
    def measure(program):
        seconds = [json.loads(run(program, "generate", prompt, "--seed", "42", "--width", side, "--height", side, "--steps", str(n), "--threads", "2",
                                  "--json", "-o", picture)[1])["seconds"] for n in (few, many)]
        return (seconds[1] - seconds[0]) / (many - few)
    return measure

for name in sorted(os.listdir("artifacts/aot")):
    if name.startswith("tuna2") and not name.endswith(".dbg") or name.endswith(".so"):
        print(f"{os.path.getsize('artifacts/aot/' + name):>12,} bytes  {name}")

for what, measure in {
    "--version": whole("--version"),
    "--help": whole("--help"),
    "generate, the demo picture": whole("generate", prompt, "--seed", "42", "-o", picture),
    "ask": whole("ask", picture, "What color is the circle?"),
    "a step at 64x64": steps("64", 100, 500),
    "a step at 256x256": steps("256", 10, 50),
}.items():
    times = {name: [] for name in programs}
    for i in range(pairs):
        for name in list(programs) if i % 2 == 0 else list(programs)[::-1]:
            times[name].append(measure(programs[name]))
    ratio = statistics.median(j / a for j, a in zip(times["JIT"], times["AOT"]))
    print(f"{what:28}" + "".join(f"{name} {statistics.median(t) * 1000:9.2f} ms   " for name, t in times.items()) + f"AOT's speed is {ratio:.2f} of the JIT's")
PYTHON
