#!/usr/bin/env python3
"""What tidy_compile remembers: a pass counts until anything below the file changes."""
import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

from tidy_compile import Fingerprint, run_cached


class Remembering(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)
        self.write("src/core/spec.h", '#include "base/id.h"\n#include <vector>\n')
        self.write("src/base/id.h", '#include "core/spec.h"\n')  # a cycle must not hang it

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def print_of(self, salt="v1"):
        return Fingerprint(self.root, salt).of("src/core/spec.h")

    def test_a_fingerprint_covers_the_headers_below(self):
        before = self.print_of()
        self.assertEqual(before, self.print_of())
        self.write("src/base/id.h", "struct Id {};\n")
        self.assertNotEqual(before, self.print_of())

    def test_a_fingerprint_covers_tool_and_settings(self):
        self.assertNotEqual(self.print_of("v1"), self.print_of("v2"))

    def run_one(self, exit_code):
        command = [sys.executable, "-c", f"import sys; sys.exit({exit_code})"]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            status = run_cached(self.root, "headers", [("a.h", "key", command, None)], 1)
        return status, printed.getvalue()

    def test_only_success_is_remembered(self):
        status, printed = self.run_one(3)
        self.assertEqual(1, status)
        self.assertIn("a.h: headers:", printed)
        self.assertEqual(0, self.run_one(0)[0])
        status, printed = self.run_one(3)  # known to pass: not run again
        self.assertEqual(0, status)
        self.assertIn("1 known to pass", printed)


if __name__ == "__main__":
    unittest.main()
