"""What the checker of pages and examples reads, and what it calls equal."""
import re
import unittest

from doc_blocks import Block, blocks_of, commands_of, pattern_of
from example_case import Mismatch, differences


class Blocks(unittest.TestCase):
    def test_language_line_and_text(self):
        page = "text\n```yaml\na: 1\n```\n\n```console\n$ true\n```\n```\nplain\n```\n"
        self.assertEqual(blocks_of(page), [Block("yaml", 3, "a: 1"), Block("console", 7, "$ true"),
                                           Block("text", 10, "plain")])

    def test_a_fence_inside_a_block_ends_it(self):
        self.assertEqual(len(blocks_of("```sh\na\n```\nb\n```sh\nc\n```")), 2)


class Commands(unittest.TestCase):
    def commands(self, text):
        return commands_of(Block("console", 1, text))

    def test_output_belongs_to_the_command_above(self):
        first, second = self.commands("$ a\nx\ny\n$ b")
        self.assertEqual((first.text, first.expected, first.line), ("a", ["x", "y"], 1))
        self.assertEqual((second.text, second.expected, second.line), ("b", [], 4))

    def test_a_backslash_continues(self):
        self.assertEqual(self.commands("$ a \\\n  b\nout")[0].text, "a \\\n  b")
        self.assertEqual(self.commands("$ a \\\n  b\nout")[0].expected, ["out"])

    def test_exit_code(self):
        self.assertEqual(self.commands("$ false   # exits 1")[0][1:3], ("false", 1))
        self.assertEqual(self.commands("$ true # exits")[0].exit_code, 0)

    def test_output_without_a_command(self):
        with self.assertRaises(Mismatch):
            self.commands("out")


class Patterns(unittest.TestCase):
    def matches(self, expected, printed):
        return bool(re.fullmatch(pattern_of(expected), printed))

    def test_exact(self):
        self.assertTrue(self.matches(["a.b"], "a.b\n"))
        self.assertFalse(self.matches(["a.b"], "axb\n"))
        self.assertTrue(self.matches([], ""))
        self.assertFalse(self.matches([], "said\n"))

    def test_dots_in_a_line_stay_in_it(self):
        self.assertTrue(self.matches(["run in ...s"], "run in 1.2s\n"))
        self.assertFalse(self.matches(["run ... end"], "run\nend\n"))

    def test_a_line_of_dots_is_any_lines(self):
        for printed in ("a\nb\n", "a\nx\ny\nb\n"):
            self.assertTrue(self.matches(["a", "...", "b"], printed))
        self.assertFalse(self.matches(["a", "...", "b"], "a\nx\n"))


class Differences(unittest.TestCase):
    def test_named_members_count(self):
        self.assertEqual(differences({"a": 1}, {"a": 1, "b": 2}, ""), [])
        self.assertEqual(differences({"a": 1}, {"b": 2}, "t"),
                         ['t.a: expected 1, found "(absent)"'])

    def test_types_count(self):
        self.assertTrue(differences(1, 1.0, ""))
        self.assertTrue(differences(0, False, ""))
        self.assertTrue(differences(None, "", ""))

    def test_lists_are_whole(self):
        self.assertEqual(differences([1, {"a": 1}], [1, {"a": 1, "b": 2}], ""), [])
        self.assertTrue(differences([1], [1, 2], ""))

    def test_patterns(self):
        self.assertEqual(differences("~^r.n$", "run", ""), [])
        self.assertTrue(differences("~^r.n$", "rerun", ""))


if __name__ == "__main__":
    unittest.main()
