#include "cli/run_ref.h"

#include <gtest/gtest.h>

namespace pawl::cli {
namespace {

TEST(RunRef, ReadsEveryNameOfARun) {
  using Kind = RunRef::Kind;
  const std::pair<std::string_view, RunRef> kCases[] = {
      {"41", {.id = RunId(41)}},
      {"#41", {.id = RunId(41)}},
      {"9223372036854775807", {.id = RunId(INT64_MAX)}},
      {"http://127.0.0.1:7070/runs/41", {.id = RunId(41)}},
      {"https://pawl.example/x/runs/41/tasks?tab=log#end", {.id = RunId(41)}},
      {"@last", {.kind = Kind::last}},
      {"@last-failed", {.kind = Kind::last_failed}},
      {"@last-good", {.kind = Kind::last_good}},
  };
  for (const auto& [text, expected] : kCases) {
    auto read = parse_run_ref(text);
    ASSERT_TRUE(read.ok()) << text;
    EXPECT_EQ(*read, expected) << text;
  }
}

TEST(RunRef, RefusesTheRest) {
  for (const char* text : {"", "0", "-1", "41x", "x", "nightly.yaml", "4 1", "9223372036854775808",
                           "http://127.0.0.1/runs/", "/runs/41", "@first"}) {
    auto read = parse_run_ref(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code, Errc::usage);
  }
  EXPECT_EQ(
      parse_run_ref("@lst").error().message,
      "'@lst' is not a run: expected its number as `pawl ls` shows it, @last, @last-failed or "
      "@last-good\n  did you mean: @last?");
}

}  // namespace
}  // namespace pawl::cli
