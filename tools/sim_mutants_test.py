"""The table of planted bugs is whole: every mutant is planted, and every planted one is listed."""
import importlib.util
import re
import sys
import unittest
from importlib.machinery import SourceFileLoader
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
LOADER = SourceFileLoader("sim_mutants", str(ROOT / "tools" / "sim_mutants"))
SPEC = importlib.util.spec_from_loader("sim_mutants", LOADER)
sim_mutants = importlib.util.module_from_spec(SPEC)
LOADER.exec_module(sim_mutants)


class Table(unittest.TestCase):
    def test_every_mutant_is_planted_and_listed(self):
        planted = set()
        for path in sorted((ROOT / "src").rglob("*.cc")):
            if path.stem not in ("mutant", "mutant_test"):
                planted.update(re.findall(r"PAWL_MUTANT\(\s*(\w+)\s*\)", path.read_text()))
        listed = sim_mutants.table()
        self.assertEqual(planted - set(listed), set())
        self.assertEqual(set(listed) - planted, set())
        self.assertGreaterEqual(len(listed), 44)

    def test_a_hunt_reads_what_a_checker_said(self):
        lines = ["seed 3", "seed 4"]
        self.assertEqual(sim_mutants.last_seed(lines), 4)
        self.assertEqual(sim_mutants.last_seed([]), 0)


if __name__ == "__main__":
    unittest.main()
