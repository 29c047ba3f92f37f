"""The peers themselves, on the CPU, where torch and the reference outputs are at hand; skipped by name where not.

GOLDENS names the folder of tuna2-tiny's reference outputs; without it the repository's fixture is looked for.
"""

import importlib.util
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

HAS_TORCH = importlib.util.find_spec("torch") is not None
FOLDER = os.environ.get("GOLDENS") or os.path.join(HERE, "..", "..", "..", "tests", "fixtures", "tuna2-tiny")
HAS_GOLDENS = os.path.exists(os.path.join(FOLDER, "model.safetensors"))


@unittest.skipUnless(HAS_TORCH, "no torch")
class Math(unittest.TestCase):
    def test_raster_is_not_blocks(self):
        import torch
        import tuna_math as tm

        values = torch.arange(4 * 768).view(1, 4, 768)
        picture = tm.raster(values, 32, 32)
        for flat in (0, 255, 256, 700, 1023):
            for channel in range(3):
                token, q = flat // 256, flat % 256
                self.assertEqual(int(picture[0, channel, flat // 32, flat % 32]), token * 768 + 3 * q + channel)

    def test_patches_are_a_strided_convolution(self):
        import torch
        import tuna_math as tm

        x, w = torch.randn(2, 3, 32, 48), torch.randn(5, 3, 16, 16)
        want = torch.nn.functional.conv2d(x, w, stride=16).flatten(2).transpose(1, 2)
        self.assertTrue(torch.allclose(tm.patches(x, 16) @ w.flatten(1).T, want, atol=1e-3))

    def test_pairs_turn_by_the_negative_angle(self):
        import math
        import torch
        import tuna_math as tm

        angle = torch.tensor([0.3, 0.3])
        a, b = tm.rotate_pairs(torch.tensor([1.0, 0.0]), angle.cos(), angle.sin()).tolist()
        self.assertAlmostEqual(a, math.cos(0.3), places=6)
        self.assertAlmostEqual(b, -math.sin(0.3), places=6)

    def test_image_angles(self):
        import torch
        import shapes
        import tuna_math as tm

        cos, sin = tm.image_table(shapes.TUNA2_7B, 32, 48, "cpu")      # 2 x 3 patches, 16 + 24 + 24 dims
        row, column = 1, 2
        angle = torch.atan2(sin, cos)[row * 3 + column]
        self.assertTrue(torch.equal(angle[:16], torch.zeros(16)))       # t = 0
        self.assertAlmostEqual(float(angle[16]), row, places=5)
        self.assertAlmostEqual(float(angle[18]), row * 10000 ** (-2 / 24), places=5)
        self.assertAlmostEqual(float(angle[40]), column, places=5)
        self.assertTrue(torch.equal(angle[0::2], angle[1::2]))

    def test_mask_is_a_prefix_per_query(self):
        import tuna_math as tm

        seen = tm.omni_mask(6, [(2, 3)], "cpu").int().tolist()
        self.assertEqual([sum(r) for r in seen], [1, 2, 5, 5, 5, 6])
        self.assertEqual(seen[2], [1, 1, 1, 1, 1, 0])

    def test_long_wavelengths_are_slowed(self):
        import shapes
        import tuna_math as tm

        head = shapes.HeadConfig()
        plain, scaled = tm.inverse_frequencies(64, head.text_theta, "cpu"), tm.llama3_frequencies(64, head, "cpu")
        self.assertEqual(float(scaled[0]), float(plain[0]))
        self.assertAlmostEqual(float(scaled[-1] / plain[-1]), 1 / 32, places=6)

    def test_the_last_step_divides_by_a_twentieth(self):
        import torch
        import tuna_math as tm

        z, x0 = torch.zeros(1), torch.ones(1)
        self.assertAlmostEqual(float(tm.euler(z, x0, 0.98, 1.0)), 0.02 / 0.05, places=6)

    def test_arguments(self):
        import time_peers

        args = time_peers.parse(["--goldens", "x"])
        self.assertEqual((args.task, args.rounds, args.steps, args.compiler), (list(time_peers.TASKS), 5, 50, "inductor"))
        args = time_peers.parse(["--goldens", "x", "--task", "edit512", "--compiler", "none"])
        self.assertEqual((args.task, args.compiler), (["edit512"], None))

    def test_attention_reference(self):
        import torch
        import ops_attention
        import tuna_math as tm

        q, k, v = torch.randn(2, 6, 9, 8), torch.randn(2, 2, 11, 8), torch.randn(2, 2, 11, 8)
        rows = torch.tensor([0, 4, 8])
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
        self.assertLess(ops_attention.error_of(out, q, k, v, rows), 1e-6)
        self.assertGreater(ops_attention.error_of(out * 1.1, q, k, v, rows), 0.05)
        seen = tm.omni_mask(11, [(2, 5)], "cpu")[:9]
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, enable_gqa=True)
        self.assertLess(ops_attention.error_of(out, q, k, v, rows, seen[rows]), 1e-6)

    def test_traffic(self):
        import ops_norm

        self.assertEqual(ops_norm.traffic(2050, 3584, 4), 58777600)


@unittest.skipUnless(HAS_TORCH, "no torch")
@unittest.skipUnless(HAS_GOLDENS, "no reference outputs (set GOLDENS)")
class Goldens(unittest.TestCase):
    def check(self, make):
        import goldens

        failures = []
        good = goldens.check(make, FOLDER, "cpu", lambda row: row["passed"] or failures.append(row))
        self.assertTrue(good, failures)

    def test_official_way(self):
        from official_way import OfficialWay

        self.check(OfficialWay)

    def test_best_way(self):
        from best_way import BestWay

        self.check(BestWay)

    def test_a_wrong_weight_fails(self):
        import goldens
        from best_way import BestWay

        def spoiled(config, weights, device, dtype):
            weights = dict(weights, **{"diffusion_head_b.norm_final.weight": weights["diffusion_head_b.norm_final.weight"] * 1.01})
            return BestWay(config, weights, device, dtype)

        self.assertFalse(goldens.check(spoiled, FOLDER, "cpu", only=("t2i_guidance1",)))

    def test_no_case_is_no_pass(self):
        import goldens
        from best_way import BestWay

        self.assertFalse(goldens.check(BestWay, FOLDER, "cpu", only=("no such case",)))

    def test_nan_is_no_agreement(self):
        import torch
        import goldens

        error = goldens.relative_error(torch.tensor([float("nan"), 1.0]), torch.ones(2))
        self.assertFalse(error <= goldens.TOLERANCE)


if __name__ == "__main__":
    unittest.main()
