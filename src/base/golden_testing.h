#pragma once
// Golden files: what a test printed, kept under tests/golden/ and compared byte by byte. With
// PAWL_ACCEPT=1 in the environment the file is written instead; the diff then shows what changed.

#include <string_view>

namespace pawl {

// Fails the test, naming the first line that differs. `name` is a path below tests/golden/.
void expect_golden(std::string_view name, std::string_view actual);

}  // namespace pawl
