"""What stands in for the released code's dependencies, and that it stands aside again after the import."""

import importlib.util
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

HAS_TORCH = importlib.util.find_spec("torch") is not None


@unittest.skipUnless(HAS_TORCH, "no torch")
class StandIns(unittest.TestCase):
    def test_the_cache_grows(self):
        import torch
        from official_modules import GrowingCache

        cache = GrowingCache()
        self.assertEqual(cache.get_seq_length(), 0)
        cache.update(torch.ones(1, 2, 3, 4), torch.ones(1, 2, 3, 4), 0)
        k, _ = cache.update(torch.zeros(1, 2, 1, 4), torch.zeros(1, 2, 1, 4), 0)
        self.assertEqual((cache.get_seq_length(), k.shape), (4, (1, 2, 4, 4)))
        self.assertEqual(GrowingCache.from_legacy_cache(cache.to_legacy_cache()).get_seq_length(), 4)

    def test_outputs_by_name_attribute_and_place(self):
        from official_modules import Output

        out = Output(loss=None, logits="a", hidden_states=("b", "c"))
        self.assertEqual((out[0], out["logits"], out.logits, out[1:], out.loss), ("a", "a", "a", [("b", "c")], None))

    def test_constructor_arguments_become_the_config(self):
        from official_modules import register_to_config

        class Thing:
            @register_to_config
            def __init__(self, a, b=2, **kwargs):
                self.sum = a + b

        thing = Thing(1)
        self.assertEqual((thing.config.a, thing.config.b, thing.sum), (1, 2, 3))
        self.assertNotIn("kwargs", thing.config)

    def test_stands_aside(self):
        from official_modules import standing_in

        before = {name: module for name, module in sys.modules.items() if name.startswith(("transformers", "timm"))}
        with standing_in():
            import transformers.utils
            transformers.utils.logging.get_logger("x").warning_once("nothing")
        after = {name: module for name, module in sys.modules.items() if name.startswith(("transformers", "timm"))}
        self.assertEqual(before, after)


if __name__ == "__main__":
    unittest.main()
