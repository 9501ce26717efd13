// Tasks that are runs of another workflow.
#include <gtest/gtest.h>

#include "core/run_testing.h"

namespace pawl::core {
namespace {

using std::chrono::minutes;

constexpr const char* kChild = R"(
inputs: {n: {type: integer, default: 1}}
tasks:
  sub:
    action: workflow
    with: {workflow: other, inputs: {n: "${{ inputs.n + 1 }}"}}
    retry: {max_attempts: 2, backoff: 1s}
  after: {needs: [sub], action: train, with: {got: "${{ tasks.sub.outputs.rows }}"}}
)";

Json one() { return Json::object().set("n", 1); }

TEST(ChildRun, IsStartedAndItsOutputsBecomeTheTasks) {
  TestRun r(kChild, one());
  r.start();
  EXPECT_EQ(r.reasons(), "sub=waiting(child_run) after=pending");
  ASSERT_EQ(r.children.size(), 1u);
  EXPECT_EQ(r.children[0].workflow, "other");
  EXPECT_EQ(r.children[0].inputs.dump(), R"({"n":2})");
  EXPECT_EQ(r.extra("sub").child, RunId(1000));
  EXPECT_EQ(r.row("sub").attempt, 1u);
  r.crash();
  EXPECT_TRUE(r.end_child("sub", RunState::completed, Json::object().set("rows", 9)).ok());
  r.claim();
  EXPECT_EQ(r.held("after").with.dump(), R"({"got":9})");
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(ChildRun, ThatFailsIsRetriedAsANewRun) {
  TestRun r(kChild, one());
  r.start();
  EXPECT_TRUE(r.end_child("sub", RunState::failed, {}, "x: it broke").ok());
  EXPECT_EQ(r.reasons(), "sub=retrying(backoff) after=pending");
  EXPECT_EQ(r.extra("sub").error, "run 1000 failed: x: it broke");
  r.advance(minutes(1));
  EXPECT_EQ(r.reasons(), "sub=waiting(child_run) after=pending");
  EXPECT_EQ(r.children.size(), 2u);
  EXPECT_EQ(r.extra("sub").child, RunId(1001));
  EXPECT_EQ(r.row("sub").attempt, 2u);
  // The end of the first one again: nothing waits for it any more.
  ChildEnded old{r.id("sub"), RunId(1000), RunState::completed, Verdict::none, {}, ""};
  EXPECT_EQ(decide(r.run, old, r.ctx).error().code, Errc::stale_attempt);
  EXPECT_TRUE(r.end_child("sub", RunState::completed, Json::object().set("rows", 9)).ok());
  EXPECT_EQ(r.extra("sub").error, "");
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(ChildRun, ThatFailsForGoodFailsTheTask) {
  TestRun r(kChild, one());
  r.start();
  EXPECT_TRUE(r.end_child("sub", RunState::failed).ok());
  r.advance(minutes(1));
  EXPECT_TRUE(r.end_child("sub", RunState::cancelled).ok());
  EXPECT_EQ(r.reasons(), "sub=failed(error) after=skipped(upstream_failed)");
  EXPECT_EQ(r.run.error, "sub: run 1001 cancelled");
}

TEST(ChildRun, ThatCannotBeStartedFailsTheTask) {
  TestRun r(kChild, one());
  r.refuse_children = true;
  r.start();
  EXPECT_EQ(r.reasons(), "sub=failed(error) after=skipped(upstream_failed)");
  EXPECT_EQ(r.run.error, "sub: there is no such workflow");
}

TEST(ChildRun, AWarningOfItIsAWarningOfThis) {
  for (auto verdict : {Verdict::warning, Verdict::fail}) {
    TestRun r("tasks: {sub: {action: workflow, with: {workflow: other}}}");
    r.start();
    EXPECT_TRUE(r.end_child("sub", RunState::completed, {}, "", verdict).ok());
    EXPECT_EQ(r.run_state(), "completed/warning");
  }
  TestRun r("tasks: {sub: {action: workflow, with: {workflow: other}}}");
  r.start();
  EXPECT_TRUE(r.end_child("sub", RunState::completed, {}, "", Verdict::pass).ok());
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(ChildRun, IsCancelledWithItsParent) {
  TestRun r(kChild, one());
  r.start();
  EXPECT_TRUE(r.cancel().ok());
  EXPECT_EQ(r.effects.cancel_children, std::vector<RunId>{RunId(1000)});
  EXPECT_EQ(r.reasons(), "sub=waiting(child_run) after=cancelled(cancelled)");
  EXPECT_TRUE(r.row("sub").cancel_asked);
  r.crash();
  EXPECT_TRUE(r.end_child("sub", RunState::cancelled).ok());
  EXPECT_EQ(r.reasons(), "sub=cancelled(cancelled) after=cancelled(cancelled)");
  EXPECT_EQ(r.run_state(), "cancelled");
}

TEST(ChildRun, ThatFailsWhileItIsCancelledIsNotRetried) {
  TestRun r(kChild, one());
  r.start();
  EXPECT_TRUE(r.cancel().ok());
  EXPECT_TRUE(r.end_child("sub", RunState::failed).ok());
  EXPECT_EQ(r.state("sub"), TaskState::cancelled);
  EXPECT_EQ(r.run_state(), "cancelled");
}

TEST(ChildRun, ThatTakesTooLongIsCancelledAndRetried) {
  TestRun r(R"(
tasks:
  sub:
    action: workflow
    with: {workflow: other}
    timeout: 1h
    retry: {max_attempts: 2, backoff: 1s}
)");
  r.start();
  r.crash();
  r.advance(std::chrono::hours(1));
  EXPECT_EQ(r.reasons(), "sub=retrying(backoff)");
  EXPECT_EQ(r.extra("sub").failure, FailureClass::timeout);
  EXPECT_EQ(r.effects.cancel_children, std::vector<RunId>{RunId(1000)});
  EXPECT_EQ(r.end_child("sub", RunState::cancelled).error().code, Errc::stale_attempt);
  r.advance(std::chrono::hours(2));
  EXPECT_EQ(r.reasons(), "sub=failed(error)");
  EXPECT_EQ(r.run.error, "sub: run 1001 took longer than 1h");
}

TEST(ChildRun, NoneIsStartedWhileTheRunIsPaused) {
  TestRun r(kChild, one());
  EXPECT_TRUE(r.pause().ok());
  r.start();
  EXPECT_EQ(r.states(), "sub=pending after=pending");
  r.crash();
  EXPECT_TRUE(r.resume().ok());
  EXPECT_EQ(r.reasons(), "sub=waiting(child_run) after=pending");
  EXPECT_TRUE(r.pause().ok());
  EXPECT_TRUE(r.end_child("sub", RunState::failed).ok());
  r.advance(minutes(1));
  EXPECT_EQ(r.reasons(), "sub=retrying(backoff) after=pending");
  r.crash();
  EXPECT_TRUE(r.resume().ok());
  EXPECT_EQ(r.reasons(), "sub=waiting(child_run) after=pending");
  EXPECT_EQ(r.children.size(), 2u);
}

TEST(ChildRun, AFanOutOfThemKeepsItsLimitOverAPause) {
  TestRun r(R"(
inputs: {list: {}}
tasks:
  each:
    for_each: "${{ inputs.list }}"
    max_parallel: 2
    action: workflow
    with: {workflow: other, inputs: {item: "${{ item }}"}}
)",
            Json::object().set("list", Json::array({1, 2, 3, 4, 5})));
  r.start();
  EXPECT_EQ(r.children.size(), 2u);
  EXPECT_TRUE(r.pause().ok());
  EXPECT_TRUE(r.end_child("each[0]", RunState::completed).ok());
  EXPECT_EQ(r.children.size(), 2u);
  r.crash();
  EXPECT_TRUE(r.resume().ok());
  EXPECT_EQ(r.children.size(), 3u);
  EXPECT_EQ(r.states(),
            "each=running each[0]=completed each[1]=waiting each[2]=waiting each[3]=pending "
            "each[4]=pending");
  for (const char* path : {"each[1]", "each[2]", "each[3]", "each[4]"}) {
    EXPECT_TRUE(r.end_child(path, RunState::completed).ok());
  }
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(ChildRun, WhoseInputsCannotBeEvaluatedIsNotStarted) {
  TestRun r(R"(
tasks:
  a: {action: noop}
  sub: {needs: [a], action: workflow, with: {workflow: o, inputs: {n: "${{ tasks.a.outputs.n }}"}}}
)");
  r.start();
  r.work();
  EXPECT_EQ(r.reasons(), "a=completed sub=failed(expression)");
  EXPECT_TRUE(r.children.empty());
}

}  // namespace
}  // namespace pawl::core
