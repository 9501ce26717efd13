#!/usr/bin/env python3
"""Tests of the counting: what a runner prints or leaves becomes the right numbers."""
import json
import tempfile
import unittest
from pathlib import Path

from tally import Tally, of_ctest, of_gtest, of_lines, of_unittest


def gtest_json(*results):
    tests = []
    for result in results:
        test = {"name": "t", "status": "RUN", "result": "COMPLETED"}
        if result == "fail":
            test["failures"] = [{"failure": "no"}]
        elif result == "skip":
            test["result"] = "SKIPPED"
        elif result == "disabled":
            test.update(status="NOTRUN", result="SUPPRESSED")
        tests.append(test)
    return json.dumps({"tests": len(tests), "testsuites": [{"name": "s", "testsuite": tests}]})


class TallyTest(unittest.TestCase):
    def test_gtest(self):
        text = gtest_json("pass", "pass", "fail", "skip", "disabled")
        self.assertEqual(Tally(2, 1, 2), of_gtest(text))

    def test_ctest(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "good.json").write_text(gtest_json("pass", "pass"))
            (folder / "leaks.json").write_text(gtest_json("pass"))
            (folder / "torn.json").write_text("{")
            cases = [("good", "run"), ("leaks", "fail"), ("torn", "fail"), ("died", "fail")]
            body = "".join(f'<testcase name="{n}" status="{s}"/>' for n, s in cases)
            (folder / "junit.xml").write_text(f"<testsuite>{body}</testsuite>")
            self.assertEqual(Tally(3, 3), of_ctest(folder / "junit.xml", folder))

    def test_unittest(self):
        self.assertEqual(Tally(3), of_unittest("Ran 3 tests in 0.1s\n\nOK\n"))
        text = "Ran 1 test in 0.1s\n\nOK (skipped=1)\n"
        text += "Ran 9 tests in 1s\n\nFAILED (failures=2, errors=1, skipped=1)\n"
        self.assertEqual(Tally(5, 3, 2), of_unittest(text))

    def test_lines(self):
        text = "pawl-check: 3 passed, 1 failed\nnoise\npawl-check: 2 passed, 0 failed, 4 skipped\n"
        self.assertEqual(Tally(5, 1, 4), of_lines(text + " pawl-check: 9 passed, 9 failed\n"))


if __name__ == "__main__":
    unittest.main()
