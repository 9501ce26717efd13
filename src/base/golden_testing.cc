#include "base/golden_testing.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/fs.h"
#include "base/text.h"

namespace pawl {

void expect_golden(std::string_view name, std::string_view actual) {
  // Tests run at the root of the tree.
  auto path = str("tests/golden/", name);
  if (auto* accept = std::getenv("PAWL_ACCEPT"); accept && std::string_view(accept) == "1") {
    ASSERT_TRUE(make_dirs(path.substr(0, path.find_last_of('/'))).ok());
    auto written = write_file_atomic(path, actual);
    ASSERT_TRUE(written.ok()) << written.error().message;
    return;
  }
  auto golden = read_file(path);
  ASSERT_TRUE(golden.ok()) << golden.error().message << "; PAWL_ACCEPT=1 writes it";
  if (*golden == actual) return;
  auto expected_lines = split(*golden, '\n');
  auto actual_lines = split(actual, '\n');
  std::size_t at = 0;
  while (at < expected_lines.size() && at < actual_lines.size() &&
         expected_lines[at] == actual_lines[at]) {
    at++;
  }
  auto line = [at](const std::vector<std::string_view>& lines) {
    return at < lines.size() ? lines[at] : std::string_view("(the end)");
  };
  ADD_FAILURE() << path << ':' << at + 1 << ": found\n  " << line(actual_lines) << "\nexpected\n  "
                << line(expected_lines) << "\nPAWL_ACCEPT=1 takes what was found";
}

}  // namespace pawl
