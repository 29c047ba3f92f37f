"""Shapes, costs, time budgets, kernel kinds and problems: all that is arithmetic."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import problem
import shapes
import timing

C = shapes.TUNA2_7B


class Shapes(unittest.TestCase):
    def test_parameters_and_products(self):
        self.assertAlmostEqual(shapes.macs_per_token(C) / 1e9, 10.3, delta=0.05)
        self.assertEqual({name: (n, k, times) for name, n, k, times in shapes.products(C)},
                         {"llm qkv": (4608, 3584, 28), "head qkv": (5376, 3584, 16), "o": (3584, 3584, 44),
                          "gate+up": (37888, 3584, 44), "down": (3584, 18944, 44)})
        self.assertAlmostEqual(shapes.parameters(C) / 1e9, 12.66, delta=0.01)

    def test_step_costs(self):
        self.assertAlmostEqual(shapes.step_flops(C, 512, 512, (75, 202)) / 1e12, 44, delta=0.5)
        self.assertAlmostEqual(shapes.step_flops(C, 1024, 1024, (75, 202)) / 1e12, 190, delta=1)
        self.assertAlmostEqual(shapes.decode_bytes(C, 0) / 1e9, 14.1, delta=0.05)
        self.assertEqual(shapes.decode_bytes(C, 1) - shapes.decode_bytes(C, 0), 57344)

    def test_padded_lengths(self):
        self.assertEqual(shapes.official_sequence(512, 512), 2048)
        self.assertEqual(shapes.official_sequence(1024, 1024), 5120)
        self.assertEqual(shapes.official_sequence(512, 512, edit=True), 4096)
        self.assertGreater(shapes.official_step_flops(C, 2048), 2 * shapes.step_flops(C, 512, 512, (75, 202)))

    def test_every_tensor_once(self):
        names = [name for name, _ in shapes.tensors(C)]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(C.span(512, 512), 1025)
        self.assertEqual((C.head_dim, C.flow_dim, C.patch_values), (128, 64, 768))

    def test_product_bytes(self):
        self.assertEqual(shapes.product_bytes(1, 2, 3), 2 * (3 + 6 + 2))


class Time(unittest.TestCase):
    def test_budget(self):
        now = [0.0]
        budget = timing.Budget(10, clock=lambda: now[0])
        self.assertFalse(budget.spent())
        now[0] = 4
        self.assertEqual(budget.left(), 6)
        now[0] = 10
        self.assertTrue(budget.spent())

    def test_steps_fit_the_budget(self):
        self.assertEqual(timing.plan_steps(50, 5, 0.1, 1000), 50)
        self.assertEqual(timing.plan_steps(50, 5, 1.0, 100), 20)
        self.assertEqual(timing.plan_steps(50, 5, 1.0, 1), 3)
        self.assertEqual(timing.plan_steps(50, 5, 0.0, 1), 50)

    def test_summary(self):
        self.assertEqual(timing.summary([3.0, 1.0, 2.0]), {"median": 2.0, "low": 1.0, "high": 3.0, "count": 3})

    def test_kernel_kinds(self):
        for name, kind in (("nvjet_tst_128x256_64x4_2x1_v_bz_coopA_NTN", "products"),
                           ("void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm>", "products"),
                           ("void pytorch_flash::flash_fwd_kernel<Flash_fwd_kernel_traits>", "attention"),
                           ("cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16", "attention"),
                           ("fmha_cutlassF_bf16_aligned_64x128_rf_sm80", "attention"),
                           ("triton_red_fused__to_copy_add_mul_rsqrt_0", "rest"),
                           ("Memcpy DtoD (Device -> Device)", "rest")):
            self.assertEqual(timing.kind(name), kind, name)

    def test_split(self):
        parts, longest = timing.split([("gemm_a", 1000), ("flash", 500), ("triton_x", 250), ("triton_x", 250)])
        self.assertEqual(parts, {"products": 1.0, "attention": 0.5, "rest": 0.5})
        self.assertEqual(longest, [("triton_x", 0.5)])


class Problems(unittest.TestCase):
    def test_text_to_image(self):
        p = problem.text_to_image(C, 512, 512, 2048)
        self.assertEqual([len(b.tokens) for b in p.branches], [75, 202])
        self.assertEqual(p.span, 1025)
        self.assertTrue(all(0 <= t < C.vocab for b in p.branches for t in b.tokens))

    def test_edit_spans_stand_on_placeholders(self):
        p = problem.edit(C, 512, 512, 4096, None)
        for branch in p.branches:
            (offset, length), = branch.spans
            self.assertEqual(branch.tokens[offset:offset + length], [151655] * length)
            self.assertEqual((branch.tokens[offset - 1], branch.tokens[offset + length]), (151652, 151653))
            self.assertEqual(branch.tokens[-1], 151652)
        self.assertLessEqual(max(len(b.tokens) for b in p.branches) + p.span, 4096)

    def test_understand(self):
        branch, = problem.understand(C, 512, 512, None).branches
        (offset, length), = branch.spans
        self.assertEqual(branch.tokens[offset - 1:offset + length + 1], [151652] + [151655] * length + [151653])

    def test_words_are_the_same_for_ever(self):
        self.assertEqual(problem.words(3, 1), [78556, 20614, 58362])


if __name__ == "__main__":
    unittest.main()
