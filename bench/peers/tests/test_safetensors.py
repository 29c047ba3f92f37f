"""The small safetensors reader: what it reads, and what it refuses."""

import json
import os
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import safetensors_lite as st


class Reader(unittest.TestCase):
    def file(self, header, body, length=None):
        text = json.dumps(header).encode()
        handle, path = tempfile.mkstemp(suffix=".safetensors")
        self.addCleanup(os.remove, path)
        with os.fdopen(handle, "wb") as file:
            file.write(struct.pack("<Q", len(text) if length is None else length) + text + body)
        return path

    def test_reads(self):
        body = struct.pack("<3f", 1, 2, 3) + struct.pack("<2q", 4, 5)
        path = self.file({"__metadata__": {"a": "b"}, "x": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]},
                          "y": {"dtype": "I64", "shape": [2, 1], "data_offsets": [12, 28]},
                          "none": {"dtype": "F32", "shape": [0, 4], "data_offsets": [28, 28]}}, body)
        out = st.read(path)
        self.assertEqual(sorted(out), ["none", "x", "y"])
        self.assertEqual(struct.unpack("<3f", out["x"].data), (1, 2, 3))
        self.assertEqual(out["y"].shape, (2, 1))

    def test_refuses(self):
        good = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
        for change, text in (({"data_offsets": [0, 8]}, "outside"), ({"shape": [2]}, "do not hold"),
                             ({"dtype": "Q9"}, "unknown"), ({"data_offsets": [4, 0]}, "outside")):
            with self.assertRaisesRegex(ValueError, text):
                st.read(self.file({"x": {**good, **change}}, b"1234"))
        with self.assertRaisesRegex(ValueError, "cut off"):
            st.read(self.file({"x": good}, b"", length=1 << 20))


if __name__ == "__main__":
    unittest.main()
