"""Every row a CUDA program writes must be JSON: found out here, not on the GPU machine."""

import json
import os
import re
import unittest

LAB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
LITERAL = re.compile(r'\s*"((?:[^"\\]|\\.)*)"')
FIELD = re.compile(r'%(?:\.\d+)?(zu|llu|[dusfe]|\.\de)')


def literals(text, at):
    """The adjacent string literals that begin at `at`, joined and unescaped."""
    out = ""
    while True:
        match = LITERAL.match(text, at)
        if not match:
            return out
        out += match.group(1).replace('\\"', '"').replace("\\\\", "\\")
        at = match.end()


class Formats(unittest.TestCase):
    def test_rows_are_json(self):
        seen = 0
        for name in ("ceilings.cu", "products.cu", "fragments.cu"):
            with open(os.path.join(LAB, name)) as file:
                text = file.read()
            for match in re.finditer(r"rows\.write\(", text):
                form = literals(text, match.end())
                row = json.loads("{" + FIELD.sub(lambda m: "true" if m.group(1) == "s" and m.start() and
                                                 form[m.start() - 1] == ":" else "1", form) + "}")
                self.assertIn("row", row, form)
                seen += 1
        self.assertGreaterEqual(seen, 12)


if __name__ == "__main__":
    unittest.main()
