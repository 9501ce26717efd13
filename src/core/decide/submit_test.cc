#include <gtest/gtest.h>

#include "core/run_testing.h"

namespace pawl::core {
namespace {

Result<Run> submitted(const std::string& text, Json inputs, std::string name = "") {
  auto whole = "pawl: 1\nname: test\n" + text;
  auto parsed = parse_workflow(whole, "test.yaml");
  EXPECT_TRUE(parsed.workflow) << (parsed.findings.empty() ? "" : parsed.findings[0].message);
  Random random(1);
  Effects effects;
  Context ctx;
  ctx.random = &random;
  ctx.effects = &effects;
  SubmitOptions o;
  o.id = RunId(1);
  o.inputs = std::move(inputs);
  o.name = std::move(name);
  return submit(make_plan(WorkflowId(1), 1, parsed.workflow, "", {}), o, ctx);
}

constexpr const char* kDay = "inputs: {day: {type: string}, n: {type: integer}}\n";

Json day() { return Json::object().set("day", "monday").set("n", 3); }

TEST(Submit, ARunIsPendingAndNothingOfItMayStart) {
  TestRun r("tasks: {a: {action: noop}}");
  EXPECT_EQ(r.run_state(), "pending");
  EXPECT_EQ(r.states(), "a=pending");
  EXPECT_EQ(r.claim(), 0u);
  EXPECT_EQ(r.history.size(), 1u);
  EXPECT_EQ(r.history[0].kind, EventKind::submitted);
}

TEST(Submit, NamesTheRun) {
  std::string task = "tasks: {a: {action: noop}}\n";
  auto text = std::string(kDay) + "run_name: \"of ${{ inputs.day }}\"\n" + task;
  EXPECT_EQ(submitted(text, day())->name, "of monday");
  EXPECT_EQ(submitted(text, day(), "given")->name, "given");
  EXPECT_EQ(submitted(kDay + task, day())->name, "day=monday n=3");
  EXPECT_EQ(submitted(task, Json::object())->name, "");
}

TEST(Submit, ASecretInputIsNoPartOfTheName) {
  auto run = submitted(
      "inputs: {key: {type: string, secret: true}, n: {type: integer}}\n"
      "tasks: {a: {action: noop}}",
      Json::object().set("key", "hunter2").set("n", 3));
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->name, "n=3");
}

TEST(Submit, RendersTheConcurrencyKey) {
  std::string text = kDay;
  text +=
      "concurrency: {key: \"k-${{ inputs.day }}\", limit: 1}\n"
      "tasks: {a: {action: noop}}";
  EXPECT_EQ(submitted(text, day())->key, "k-monday");
}

TEST(Submit, RefusesANameOrKeyThatCannotBeEvaluated) {
  std::string task = "tasks: {a: {action: noop}}\n";
  auto name =
      submitted(std::string(kDay) + "run_name: \"${{ 1 / (inputs.n - 3) }}\"\n" + task, day());
  ASSERT_FALSE(name.ok());
  EXPECT_EQ(name.error().code, Errc::invalid_workflow);
  EXPECT_NE(name.error().message.find("run_name: "), std::string::npos);
  auto key = submitted(
      std::string(kDay) + "concurrency: {key: \"${{ 1 / (inputs.n - 3) }}\"}\n" + task, day());
  ASSERT_FALSE(key.ok());
  EXPECT_NE(key.error().message.find("concurrency.key: "), std::string::npos);
}

TEST(Admit, OnceAndNotAfterTheEnd) {
  TestRun r("tasks: {a: {action: noop}}");
  r.start();
  EXPECT_EQ(r.run_state(), "running");
  EXPECT_EQ(r.admit().error().code, Errc::conflict);
  TestRun ended("tasks: {a: {action: noop}}");
  EXPECT_TRUE(ended.cancel().ok());
  EXPECT_EQ(ended.admit().error().code, Errc::conflict);
}

TEST(Admit, ARunWithNothingToDoEndsAtOnce) {
  TestRun r("tasks: {a: {action: noop, if: 'false'}}");
  r.start();
  EXPECT_EQ(r.reasons(), "a=skipped(condition)");
  EXPECT_EQ(r.run_state(), "completed");
}

}  // namespace
}  // namespace pawl::core
