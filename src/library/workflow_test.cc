// Definitions: everything that is wrong at once, and the file that they become.
#include "pawl/workflow.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "library/library_testing.h"

namespace {

using pawl::Millis;
using pawl::Problem;
using pawl::Workflow;

std::vector<std::string> codes(const Workflow& w) {
  std::vector<std::string> all;
  for (const Problem& p : w.problems())
    all.push_back(p.step + ":" + p.code);
  std::sort(all.begin(), all.end());
  return all;
}

using Codes = std::vector<std::string>;

TEST(Workflow, SoundOnesHaveNoProblems) {
  Workflow w("fine-1_2", 3);
  w.title("Fine").max_recovery_attempts(0).output_of("b");
  w.step("a", [] { return std::vector<int>(); }).estimate(Millis(0));
  w.step("b", [](const int&) {}).after(0).for_each("a").max_parallel(2).timeout(Millis(1));
  w.step("end", [] {}).at_the_end();
  EXPECT_EQ(codes(w), Codes());
  EXPECT_TRUE(w.validate().ok());
  EXPECT_EQ(w.name(), "fine-1_2");
  EXPECT_EQ(w.version(), 3);
  EXPECT_EQ(w.steps(), Codes({"a", "b", "end"}));
}

TEST(Workflow, TellsEverythingAtOnce) {
  Workflow w("Bad Name", 0);
  w.step("a", [] {}).after("c").after("a").after("nothing").after(17).after(-1);
  w.step("a", [] {});
  w.step("b", pawl::Handler()).after("a").after(0).retries(5000).priority(101);
  w.step("c", [] {}).after("a").timeout(Millis(-5)).heartbeat(Millis(0)).estimate(Millis(-9));
  w.step("no good", [] {}).input("x", 1).input("x", 2).input_from("y", "b").max_parallel(3);
  w.step("late", [] {}).after("c").at_the_end().retry_delay(Millis(10), Millis(5));
  w.output_of("nowhere");
  EXPECT_EQ(codes(w), Codes({":bad_name",           ":bad_version",
                             ":unknown_step",       "a:cycle",
                             "a:duplicate_name",    "a:forward_reference",
                             "a:self_reference",    "a:unknown_step",
                             "a:unknown_step",      "a:unknown_step",
                             "b:bad_number",        "b:bad_number",
                             "b:duplicate_need",    "b:no_handler",
                             "c:bad_duration",      "c:bad_duration",
                             "c:bad_duration",      "late:bad_duration",
                             "late:mixed_ends",     "no good:bad_name",
                             "no good:bad_number",  "no good:duplicate_name",
                             "no good:not_upstream"}));
  auto all = w.validate();
  EXPECT_EQ(all.code(), pawl::Code::invalid);
  EXPECT_NE(all.message().find("workflow \"Bad Name\" has 23 problems:"), std::string::npos)
      << all.message();
  EXPECT_NE(all.message().find("step \"a\": a cycle: a -> c -> a (each waits for the next"),
            std::string::npos)
      << all.message();
}

TEST(Workflow, AListHasNoMember) {
  Workflow w("w");
  w.step("list", [] { return std::vector<int>{1}; });
  w.step("each", [](const int& n) { return n; }).after("list").for_each("list");
  w.step("again", [](const int& n) { return n; }).after("each").for_each("each", "rows");
  w.step("sum", [](const pawl::Value& v) { return v; })
      .after("each")
      .input_from("n", "each", "rows");
  auto problems = w.problems();
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].step + ":" + problems[0].code, "again:no_member");
  EXPECT_EQ(problems[1].step + ":" + problems[1].code, "sum:no_member");
}

TEST(Workflow, NamesTheNearest) {
  Workflow w("w");
  w.step("download", [] {});
  w.step("next", [] {}).after("downlaod");
  ASSERT_EQ(w.problems().size(), 1u);
  EXPECT_EQ(w.problems()[0].hint, "did you mean \"download\"?");
}

TEST(Workflow, ExpressionsAreCheckedToo) {
  Workflow w("w");
  w.step("a", [] {}).when("${{ inputs.nothing > }}");
  ASSERT_EQ(w.problems().size(), 1u);
  EXPECT_EQ(w.problems()[0].step, "a");
  Workflow empty("w");
  EXPECT_EQ(codes(empty), Codes({":no_steps"}));
}

TEST(Workflow, BecomesAFile) {
  Workflow w("small", 2);
  w.step("a", [] { return 1; }).type("count").estimate(Millis(1500)).retries(1);
  auto file = pawl::Value::parse(w.to_file());
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->get("name").as_string(), "small");
  EXPECT_EQ(file->get("x-library").json(),
            R"({"version":2,"max_recovery_attempts":3,"steps":{"a":{"type":"count",)"
            R"("estimate_ms":1500}}})");
  EXPECT_EQ(file->get("tasks").get("a").get("retry").get("max_attempts").as_integer(), 2);
  EXPECT_EQ(file->get("tasks").get("a").get("queue").as_string(), "small_v2");
}

TEST(Workflow, RefusesALongChainWithACycleWithoutRunningOutOfStack) {
  constexpr int kSteps = 20'000;
  Workflow w("long");
  for (int i = 0; i < kSteps; ++i) {
    auto& s = w.step("s" + std::to_string(i), [] {});
    if (i > 0) s.after(i - 1);
    if (i == 0) s.after(kSteps - 1);
  }
  EXPECT_EQ(codes(w), Codes({"s0:cycle", "s0:forward_reference"}));
}

}  // namespace
