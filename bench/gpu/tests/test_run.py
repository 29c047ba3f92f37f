"""run.sh with stand-ins for the GPU's tools: what it runs, what it writes, what stops it."""

import json
import os
import stat
import subprocess
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
RUN = os.path.join(ROOT, "bench", "gpu", "run.sh")


class RunTests(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.bin = os.path.join(self.temporary.name, "bin")
        self.out = os.path.join(self.temporary.name, "results")
        os.mkdir(self.bin)
        self.tool("nvidia-smi", "echo 'NVIDIA \"Fake\" GPU, 580.1'")

    def tool(self, name, body):
        path = os.path.join(self.bin, name)
        with open(path, "w") as file:
            file.write(f"#!/bin/sh\n{body}\n")
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        return path

    def run_stages(self, *stages, **variables):
        environment = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", "OUT": self.out, "TUNA2": os.path.join(self.bin, "tuna2"),
                       "TUNA2_KERNELS": os.path.join(self.bin, "tuna2-kernels"), **variables}
        return subprocess.run([RUN, *stages], capture_output=True, text=True, env=environment, timeout=60)

    def rows(self, stage):
        with open(os.path.join(self.out, stage + ".jsonl")) as file:
            return [json.loads(line) for line in file]

    def test_every_row_names_the_gpu_the_driver_and_the_date(self):
        self.tool("tuna2", "echo '[{\"passed\": 2}]'")
        self.assertEqual(self.run_stages("step").returncode, 0)
        row, = self.rows("step")
        self.assertEqual((row["gpu"], row["driver"], row["stage"], row["exit"], row["result"]), ('NVIDIA "Fake" GPU', "580.1", "step", 0, [{"passed": 2}]))
        self.assertRegex(row["date"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIn("bench --model", row["command"])

    def test_a_failure_is_kept_with_its_last_words_and_the_next_stage_runs(self):
        self.tool("tuna2", "echo 'tuna2: \"cuda:0\" is lost' >&2; exit 1")
        self.tool("tuna2-kernels", "echo '{\"row\":\"kernel\",\"us\":1.5}'")
        done = self.run_stages("step", "kernels")
        self.assertEqual(done.returncode, 1)
        row, = self.rows("step")
        self.assertEqual((row["exit"], row["result"], row["errors"]), (1, None, 'tuna2: "cuda:0" is lost'))
        kernel, end = self.rows("kernels")
        self.assertEqual((kernel["us"], kernel["stage"], end["row"], end["exit"]), (1.5, "kernels", "end", 0))

    def test_lines_are_kept_though_their_program_dies(self):
        self.tool("tuna2-kernels", "echo '{\"row\":\"kernel\",\"us\":1}'; kill -9 $$")
        self.assertEqual(self.run_stages("kernels").returncode, 1)
        kernel, end = self.rows("kernels")
        self.assertEqual((kernel["us"], end["exit"]), (1, 137))

    def test_a_missing_tool_is_said_and_the_rest_runs(self):
        self.tool("tuna2", "echo '[]'")
        done = self.run_stages("sanitizer", "step", PATH=f"{self.bin}:/usr/bin:/bin")
        if not os.path.exists("/usr/bin/compute-sanitizer"):
            self.assertIn("sanitizer: not run: no compute-sanitizer", done.stdout)
            self.assertEqual(self.rows("sanitizer")[0]["row"], "not run")
        self.assertEqual(self.rows("step")[0]["exit"], 0)

    def test_a_program_that_was_not_published_is_a_failure(self):
        done = self.run_stages("step")
        self.assertEqual(done.returncode, 1)
        self.assertIn("bench/gpu/publish.sh makes it", done.stdout)

    def test_without_a_gpu_every_stage_says_so(self):
        self.tool("nvidia-smi", "exit 9")
        done = self.run_stages("parity", "proof")
        self.assertEqual((done.returncode, done.stderr), (3, ""))
        self.assertEqual(done.stdout, "== parity: not run: no CUDA device\n== proof: not run: no CUDA device\n")
        self.assertFalse(os.path.exists(self.out))

    def test_two_processes_that_differ_fail_the_seed(self):
        self.tool("tuna2", "for last; do case $was in -o) date +%N > \"$last\";; esac; was=$last; done")
        self.assertEqual(self.run_stages("seed", TMPDIR=self.temporary.name).returncode, 1)
        self.assertEqual([row["exit"] for row in self.rows("seed")], [0, 0, 1])
        self.tool("tuna2", "for last; do case $was in -o) echo same > \"$last\";; esac; was=$last; done")
        self.assertEqual(self.run_stages("seed", TMPDIR=self.temporary.name).returncode, 0)

    def test_the_proof_is_of_both_precisions_and_of_a_large_shape(self):
        self.tool("tuna2", "echo '[{\"name\":\"replay\",\"status\":\"passed\"}]'")
        self.assertEqual(self.run_stages("proof", "shapes", "formats").returncode, 0)
        commands = [row["command"] for row in self.rows("proof")]
        self.assertEqual(["--dtype f32" in commands[0], "--dtype bf16" in commands[1], "--random tuna_2_pixel_2b" in commands[2], "--random tuna_2b" in commands[3]], [True] * 4)
        self.assertEqual(self.rows("proof")[0]["result"], [{"name": "replay", "status": "passed"}])
        self.assertIn("--random tuna_2b", self.rows("shapes")[1]["command"])
        self.assertIn("--random tuna_2_pixel_7b", self.rows("shapes")[2]["command"])
        self.assertEqual(["--weights int8" in self.rows("formats")[0]["command"], "--weights int4" in self.rows("formats")[1]["command"]], [True] * 2)

    def test_growth_is_of_the_largest_model(self):
        self.tool("tuna2", "echo '{\"growth\":[{\"axis\":\"tokens\"}]}'")
        self.assertEqual(self.run_stages("growth").returncode, 0)
        row, = self.rows("growth")
        self.assertIn("bench --growth --random tuna_2_pixel_7b", row["command"])
        self.assertEqual((row["row"], row["result"]["growth"][0]["axis"]), ("run", "tokens"))

    def test_a_dry_run_names_every_command_and_writes_nothing(self):
        self.tool("nvidia-smi", "exit 9")
        done = self.run_stages("--dry-run")
        self.assertEqual(done.returncode, 0)
        self.assertEqual([line[3:] for line in done.stdout.splitlines() if line.startswith("== ")], ["parity", "proof", "seed", "kernels", "hopper", "step", "shapes", "formats", "growth", "lab", "peers", "sanitizer"])
        self.assertEqual(done.stdout.count("compute-sanitizer --tool"), 4)
        self.assertFalse(os.path.exists(self.out))

    def test_an_unknown_stage_is_wrong_usage(self):
        done = self.run_stages("nothing")
        self.assertEqual((done.returncode, done.stderr), (2, "run.sh: no stage 'nothing'; there are parity proof seed kernels hopper step shapes formats growth lab peers sanitizer\n"))


if __name__ == "__main__":
    unittest.main()
