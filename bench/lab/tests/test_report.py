"""The reader of results: nothing measured reads 'not run'; what was measured lands in its cell."""

import json
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import report

COMMON = {"gpu": "Some GPU", "driver": "1.2", "date": "2026-01-01T00:00:00Z", "command": "x"}


class Report(unittest.TestCase):
    def folder(self, **files):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, lines in files.items():
            with open(os.path.join(folder.name, name + ".jsonl"), "w") as file:
                file.write("\n".join(x if isinstance(x, str) else json.dumps({**COMMON, **x}) for x in lines) + "\n")
        return folder.name

    def line(self, text, *parts):
        found = [l for l in text.splitlines() if all(p in l for p in parts)]
        self.assertEqual(len(found), 1, f"{parts}: {found}")
        return [cell.strip() for cell in found[0].strip("|").split("|")]

    def test_nothing_measured(self):
        rows, torn = report.read(self.folder())
        text = report.render(rows, torn)
        cells = [c.strip() for l in text.splitlines() if l.startswith("| ") for c in l.strip("|").split("|")]
        self.assertGreater(cells.count("not run"), 300)
        for cell in cells:
            self.assertIsNone(__import__("re").fullmatch(r"\d+\.\d+", cell), cell)      # no number nobody measured

    def test_a_product(self):
        product = {"row": "product", "name": "down", "m": 2050, "type": "bf16"}
        rows, torn = report.read(self.folder(products=[
            {**product, "choice": "heuristic", "tflops": 600.04, "us": 9.0},
            {**product, "choice": "best offered", "tflops": 650.0, "peak_percent": 65.69, "us": 8.5, "gb_per_s": 1000.4},
            {**product, "type": "e4m3", "choice": "none offered"}]))
        cells = self.line(report.render(rows, torn), "| down | 2050 |")
        self.assertEqual(cells[2:7], ["600.0", "650.0", "65.7", "8.5", "1000"])
        self.assertEqual(cells[7], "none offered")
        self.assertEqual(self.line(report.render(rows, torn), "| down | 2048 |")[2], "not run")

    def test_the_processor(self):
        common = {"gpu": None, "cpu": "Some CPU, 2 cores", "threads": 2, "simd": "Avx2", "runtime": ".NET", "peer": "libtorch 1",
                  "ours_ms": 1.5, "peer_ms": 3, "ratio": 2, "ratio_low": 1.9, "ratio_high": 2.1, "gflops": 99.6}
        product = {**common, "row": "cpu product", "n": 8, "k": 4, "way": "mm", "gb_per_s": 10}
        rows, torn = report.read(self.folder(cpu=[
            {**product, "m": 1, "ratio": 1}, {**product, "m": 17}, {**product, "m": 1, "of_copy": 0.9},
            {**common, "row": "cpu attention", "name": "llm step", "rows": 5, "keys": 7, "way": "no mask"}]))
        text = report.render(rows, torn)
        self.assertEqual(self.line(text, "| 8 x 4 | 1 |")[2:], ["1.500", "3.000", "mm", "2.00 (1.90 to 2.10)", "100", "10.0", "0.90"])
        self.assertEqual(self.line(text, "| 8 x 4 | 17 |")[8], "-")
        self.assertEqual(self.line(text, "| llm step |")[1:], ["5 x 7", "1.500", "3.000", "no mask", "2.00 (1.90 to 2.10)", "100"])
        self.assertEqual(self.line(text, "| cpu.jsonl |")[1:3], ["Some CPU, 2 cores, 2 threads, Avx2", ".NET; libtorch 1"])

    def test_growth(self):
        def run(machine, gpu, device, *points):
            return {"row": "run", "exit": 0, "gpu": gpu, "command": "tuna2 bench --growth", "result": {"model": "7b", "compute": "bfloat16", "device": device, "machine": machine, "growth": [
                {"axis": "tokens", "tokens": t, "batch": 1, "prefix": 64, "seconds": s, "seconds_low": s, "seconds_high": 2 * s, "exponent": e} for t, s, e in points]}}
        rows, torn = report.read(self.folder(growth=[
            run("Some CPU", "Some GPU", "cuda:0", (256, 9, None)), run("Some CPU", "Some GPU", "cuda:0", (256, 0.01, None), (512, 0.02, 1.0)), run("Some CPU", None, "cpu", (256, 1, None)),
            {"row": "run", "exit": 1, "result": None}]))
        text = report.render(rows, torn)
        self.assertEqual(self.line(text, "Some GPU | tokens | 256 ")[6:], ["10.00 (10.00 to 20.00)", "-"])
        self.assertEqual(self.line(text, "Some GPU | tokens | 512 ")[6:], ["20.00 (20.00 to 40.00)", "1.00"])
        self.assertEqual(self.line(text, "| Some CPU | tokens |")[3], "256")
        self.assertIn("| not run |", report.render([]).split("### Growth")[1].split("###")[0])

    def test_the_last_row_stands(self):
        copy = {"row": "copy", "how": "memcpy", "bytes": 1 << 32}
        rows, torn = report.read(self.folder(ceilings=[{**copy, "gb_per_s": 1}, {**copy, "gb_per_s": 4321}]))
        self.assertEqual(self.line(report.render(rows, torn), "| 4 GiB |")[1], "4321")

    def test_torn_line_is_counted(self):
        rows, torn = report.read(self.folder(ceilings=[{"row": "device"}, '{"row": "co']))
        self.assertEqual((len(rows), torn), (1, 1))
        self.assertIn("1 line(s) could not be read", report.render(rows, torn))

    def test_wrong_and_unsupported_are_words(self):
        base = {"row": "attention", "shape": "loop", "model": "llm", "lq": 1025, "lk": 1100, "batch": 1}
        rows, torn = report.read(self.folder(attention=[
            {**base, "backend": "flash", "tflops": 500.4}, {**base, "backend": "cudnn", "wrong": 0.5},
            {**base, "backend": "efficient", "unsupported": "no"}]))
        cells = self.line(report.render(rows, torn), "| llm | 1025 x 1100 | 1 |")
        self.assertEqual(cells[3:8], ["500", "wrong result", "unsupported", "not run", "not run"])

    def test_norm_rows_have_a_field_named_rows(self):
        rows, torn = report.read(self.folder(norms=[{"row": "norm", "op": "gated", "how": "compiled", "rows": 2050,
                                                     "us": 15.0, "gb_per_s": 3900.0}]))
        self.assertEqual(self.line(report.render(rows, torn), "| gated | 2050 |")[2:], ["15.0", "3900", "not run"])

    def test_peers(self):
        task = {"row": "task", "task": "t2i512", "steps": 50, "extrapolated": False, "peak_bytes": 3 << 30}
        rows, torn = report.read(self.folder(peers=[
            {**task, "peer": "best", "seconds": 3.5, "seconds_low": 3.4, "seconds_high": 3.6, "ms_per_step": 70.0},
            {**task, "peer": "official", "seconds": 14.0, "ms_per_step": 280.0, "steps": 10, "extrapolated": True},
            {"row": "split", "task": "t2i512", "peer": "best", "products_ms": 60.0, "attention_ms": 5.0, "rest_ms": 4.0},
            {"row": "difference", "task": "t2i512", "peer": "best", "relative": 0.012, "mean_bytes": 1.5},
            {"row": "difference", "task": "understand", "peer": "best", "same_ids": 100, "of": 128}]))
        text = report.render(rows, torn)
        self.assertEqual(self.line(text, "| t2i512 | best |")[2:],
                         ["3.50 (3.40 to 3.60)", "70.00", "60.00", "5.00", "4.00", "3.0", "whole"])
        self.assertEqual(self.line(text, "| t2i512 | official |")[-1], "from 10 steps")
        self.assertIn("100 of 128 ids equal", text)

    def test_provenance_says_how_it_ended(self):
        rows, torn = report.read(self.folder(ceilings=[{"row": "copy"}], products=[{"row": "end", "complete": True}]))
        text = report.render(rows, torn)
        self.assertIn("stopped early", "".join(self.line(text, "| ceilings.jsonl |")))
        self.assertIn("complete", "".join(self.line(text, "| products.jsonl |")))

    def test_replaces_only_between_the_marks(self):
        text = f"head\n{report.BEGIN}\nold\n{report.END}\ntail\n"
        new = report.replace(text, "new\n")
        self.assertTrue(new.startswith("head\n") and new.endswith("tail\n"))
        self.assertIn("new", new)
        self.assertNotIn("old", new)
        with self.assertRaises(ValueError):
            report.replace("no marks", "new")

    def test_the_page_in_the_repository_is_what_its_rows_say(self):
        folder = os.path.join(HERE, "..", "..", "results")
        with open(os.path.join(folder, "README.md")) as file:
            page = file.read()
        self.assertEqual(page, report.replace(page, report.render(*report.read(folder))))


if __name__ == "__main__":
    unittest.main()
