"""One JSON line per measured fact, flushed as it comes, with what is needed to believe it: GPU, driver, torch, date,
command, clocks. Files go to ${OUT:-bench/results}."""

import datetime
import json
import os
import subprocess
import sys


def clocks():
    """What the driver's monitor says now: multiprocessor and memory clock (MHz), watts, driver; empty without one."""
    try:
        text = subprocess.run(["nvidia-smi", "--query-gpu=clocks.sm,clocks.mem,power.draw,driver_version",
                               "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=10).stdout
        sm, memory, watts, driver = [part.strip() for part in text.strip().splitlines()[0].split(",")]
        return {"sm_mhz": int(sm), "memory_mhz": int(memory), "watts": float(watts), "driver": driver}
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return {}


class Rows:
    def __init__(self, stage):
        import torch

        folder = os.environ.get("OUT") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "results")
        os.makedirs(folder, exist_ok=True)
        self.file = open(os.path.join(folder, stage + ".jsonl"), "a")
        self.common = {"stage": stage, "torch": torch.__version__, "command": " ".join(sys.argv),
                       "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
                       "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}

    def write(self, **own):
        self.file.write(json.dumps({**own, **self.common, **clocks()}) + "\n")
        self.file.flush()
        print(json.dumps(own), flush=True)
