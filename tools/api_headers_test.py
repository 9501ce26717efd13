#!/usr/bin/env python3
"""What the reader of the public headers finds, and what it calls undocumented."""
import unittest

import api_headers

HEADER = """#pragma once
// The essay, first
// and second line.

#include <string>

namespace pawl::PAWL_V1 {

// A thing.
class PAWL_API Thing {
 public:
  // Makes one.
  explicit Thing(std::string name) : name_(std::move(name)) {}
  Thing(Thing&&) noexcept;
  // Its name.
  const std::string& name() const { return name_; }
  int size() const;

  void bare();

 private:
  void hidden();
  std::string name_;
};

// Kinds of things.
enum class Kind { one, two, /* none */ };

struct Plain {
  int a = 0;
  Millis t{3};  // how long
};

int loose(int a, std::string b = {});

}  // namespace pawl::PAWL_V1
"""


class Reading(unittest.TestCase):
    def setUp(self):
        self.essay, self.symbols = api_headers.read(HEADER, "thing.h")

    def test_essay_and_types(self):
        self.assertEqual("The essay, first\nand second line.", self.essay)
        self.assertEqual(["class PAWL_API Thing", "enum class Kind", "struct Plain",
                          "int loose(int a, std::string b = {})"],
                         [s.text for s in self.symbols])

    def test_members_without_bodies_or_private_parts(self):
        members = [m.text for m in self.symbols[0].members]
        self.assertIn("explicit Thing(std::string name)", members)
        self.assertIn("const std::string& name() const", members)
        self.assertNotIn("void hidden()", members)

    def test_what_is_undocumented(self):
        found = [text for _, text in api_headers.undocumented(self.symbols)]
        # size() stands right below a documented one; a move needs no word; a() leans on nothing.
        self.assertEqual(["void bare()", "struct Plain", "int a = 0",
                          "int loose(int a, std::string b = {})"], found)

    def test_lines_are_those_of_the_file(self):
        line = next(line for line, text in api_headers.undocumented(self.symbols)
                    if text == "void bare()")
        self.assertEqual("  void bare();", HEADER.split("\n")[line - 1])


if __name__ == "__main__":
    unittest.main()
