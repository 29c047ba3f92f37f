"""The hashed weights: the plain-Python definition, its vectors, the C twin and the torch fill must all agree."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import shapes
import weights_hash as wh

HAS_TORCH = importlib.util.find_spec("torch") is not None

TWIN = r"""
#include "weights_hash.cuh"
#include <cstdio>
#include <cstdlib>
int main(int argc, char** argv)
{
    for (int i = 1; i + 3 < argc; i += 4)
        std::printf("%u\n", (unsigned)hash_bfloat16(tensor_id(argv[i]), (uint32_t)std::strtoul(argv[i + 1], nullptr, 10),
                                                    std::strtof(argv[i + 2], nullptr), std::strtof(argv[i + 3], nullptr)));
}
"""


class Hash(unittest.TestCase):
    def test_name_hash_is_fnv1a(self):
        self.assertEqual(wh.tensor_id(""), 0x811C9DC5)
        self.assertEqual(wh.tensor_id("a"), 0xE40C292C)
        self.assertEqual(wh.tensor_id("foobar"), 0xBF9CF968)

    def test_vectors(self):
        for name, shape, index, bits in wh.VECTORS + wh.TUNA_VECTORS:
            self.assertEqual(wh.value_bits(name, shape, index), bits, f"{name}[{index}]")

    def test_vectors_name_real_tensors(self):
        real = dict(shapes.tensors(shapes.TUNA2_7B))
        for name, shape, index, _ in wh.VECTORS:
            self.assertEqual(real[name], shape)
            count = 1
            for d in shape:
                count *= d
            self.assertLess(index, count)

    def test_no_two_tensors_share_an_id(self):
        names = [name for name, _ in shapes.tensors(shapes.TUNA2_7B)]
        self.assertEqual(len({wh.tensor_id(n) for n in names}), len(names))

    def test_values_are_spread_evenly(self):
        id_ = wh.tensor_id("tuna.lm_head.weight")
        values = [wh.unit(id_, i) for i in range(20000)]
        self.assertTrue(all(-1 <= v < 1 for v in values))
        self.assertAlmostEqual(sum(values) / len(values), 0, delta=0.02)
        self.assertAlmostEqual(sum(v * v for v in values) / len(values), 1 / 3, delta=0.01)
        self.assertAlmostEqual(sum(a * b for a, b in zip(values, values[1:])) / len(values), 0, delta=0.02)

    def test_rounding_to_bfloat16(self):
        for x, bits in ((1.0, 0x3F80), (1.00390625, 0x3F80), (1.01171875, 0x3F82), (-2.0, 0xC000), (0.0, 0)):
            self.assertEqual(wh.to_bfloat16_bits(x), bits)

    @unittest.skipUnless(shutil.which("g++"), "no C++ compiler")
    def test_c_twin(self):
        with tempfile.TemporaryDirectory() as folder:
            source, program = os.path.join(folder, "twin.cpp"), os.path.join(folder, "twin")
            with open(source, "w") as file:
                file.write(TWIN)
            subprocess.run(["g++", "-std=c++17", "-I", os.path.dirname(HERE), source, "-o", program], check=True)
            arguments = []
            for name, shape, index, _ in wh.VECTORS:
                base, scale = wh.base_and_scale(name, shape)
                arguments += [name, str(index), repr(base), repr(scale)]
            out = subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout.split()
            self.assertEqual([int(x) for x in out], [bits for *_, bits in wh.VECTORS])

    @unittest.skipUnless(HAS_TORCH, "no torch")
    def test_torch_fill(self):
        import torch

        for name, shape in (("tuna.model.norm.weight", (300,)), ("tuna.model.layers.0.self_attn.q_proj.weight", (40, 50)),
                            ("vision_encoder.patch_embedding.bias", (77,))):
            got = wh.fill(name, shape, "cpu", chunk=64).flatten().view(torch.int16).tolist()
            self.assertEqual([x & 0xFFFF for x in got], [wh.value_bits(name, shape, i) for i in range(len(got))])

    @unittest.skipUnless(HAS_TORCH, "no torch")
    def test_large_indices_do_not_overflow(self):
        import torch

        name, shape, index, bits = wh.VECTORS[1]
        base, scale = wh.base_and_scale(name, shape)
        x = torch.tensor([index], dtype=torch.int64)
        x = (x * 0x9E3779B1 + (wh.tensor_id(name) * 0x85EBCA77 & wh.MASK)) & wh.MASK
        x ^= x >> 16
        x = (x * 0x7FEB352D) & wh.MASK
        x ^= x >> 15
        x = (x * 0x846CA68B) & wh.MASK
        x ^= x >> 16
        self.assertEqual(int(x), wh.hash32(wh.tensor_id(name), index))


if __name__ == "__main__":
    unittest.main()
