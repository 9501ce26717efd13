"""Counts tests out of what their runners leave behind: GoogleTest JSON, unittest, our own lines.

A skipped test is counted as skipped, never as passed. A binary that died without leaving results,
or failed although all its tests passed (a leak report at exit), counts as one failed test.
"""
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Tally(self.passed + other.passed, self.failed + other.failed,
                     self.skipped + other.skipped)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed"


def of_gtest(text):
    """The counts in one --gtest_output=json: file."""
    tally = Tally()
    for suite in json.loads(text)["testsuites"]:
        for test in suite["testsuite"]:
            if test.get("failures"):
                tally.failed += 1
            elif test.get("result") == "SKIPPED" or test.get("status") == "NOTRUN":
                tally.skipped += 1
            else:
                tally.passed += 1
    return tally


def of_ctest(junit, results):
    """The counts of one ctest run: its junit file, and the folder with a JSON file per binary."""
    tally = Tally()
    for case in ElementTree.fromstring(junit.read_text()).iter("testcase"):
        failed = case.get("status") == "fail"
        found = results / f"{case.get('name')}.json"
        try:
            tests = of_gtest(found.read_text())
        except (OSError, ValueError, KeyError):
            tests = Tally(failed=1)
        if failed and tests.failed == 0:
            tests.failed = 1
        tally += tests
    return tally


def of_unittest(output):
    """The counts in what `python3 -m unittest` printed, over any number of runs."""
    tally = Tally()
    for ran, rest in re.findall(r"^Ran (\d+) tests? in [^\n]*\n\n([^\n]*)", output, re.M):
        counts = {name: int(n) for name, n in re.findall(r"(\w+)=(\d+)", rest)}
        failed = counts.get("failures", 0) + counts.get("errors", 0)
        skipped = counts.get("skipped", 0)
        tally += Tally(max(0, int(ran) - failed - skipped), failed, skipped)
    return tally


def of_lines(output):
    """The sum of lines `pawl-check: P passed, F failed[, S skipped]` that a script printed."""
    tally = Tally()
    line = r"^pawl-check: (\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$"
    for passed, failed, skipped in re.findall(line, output, re.M):
        tally += Tally(int(passed), int(failed), int(skipped or 0))
    return tally
