"""A layer below its share fails the coverage stage, and so does one that nobody measured."""
import importlib.util
import sys
import unittest
from importlib.machinery import SourceFileLoader
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
LOADER = SourceFileLoader("coverage", str(ROOT / "tools" / "coverage"))
SPEC = importlib.util.spec_from_loader("coverage", LOADER)
coverage = importlib.util.module_from_spec(SPEC)
LOADER.exec_module(coverage)


class Least(unittest.TestCase):
    def test_ninety_five_of_a_hundred_lines_of_core_are_enough(self):
        self.assertEqual(coverage.too_little({"core": [1] * 95 + [0] * 5, "cli": [0]}), [])

    def test_less_is_not(self):
        said = coverage.too_little({"core": [1] * 94 + [0] * 6})
        self.assertEqual(said, ["core: 94 of 100 lines reached, 94.0 %; "
                                "at least 95 % are asked for"])

    def test_nothing_measured_is_not(self):
        self.assertEqual(len(coverage.too_little({})), 1)


if __name__ == "__main__":
    unittest.main()
