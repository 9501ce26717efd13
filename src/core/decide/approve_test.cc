#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/run_testing.h"

namespace pawl::core {
namespace {

constexpr const char* kGate = R"(
inputs: {day: {type: string, default: monday}}
tasks:
  make: {action: noop}
  ask:
    needs: [make]
    action: gate
    with: {question: "Load ${{ inputs.day }}?", preview: "${{ tasks.make.outputs.sample }}"}
  load: {needs: [ask], action: noop, if: "tasks.ask.outputs.approved"}
)";

Json monday() { return Json::object().set("day", "monday"); }

TestRun at_gate() {
  TestRun r(kGate, monday());
  r.start();
  r.claim();
  r.complete("make", Json::object().set("sample", Json::array({1, 2})));
  return r;
}

TEST(Approve, OpensTheGate) {
  TestRun r = at_gate();
  EXPECT_EQ(r.reasons(), "make=completed ask=waiting(gate) load=pending");
  EXPECT_EQ(r.extra("ask").question, "Load monday?");
  EXPECT_EQ(r.extra("ask").preview.dump(), "[1,2]");
  r.crash();
  EXPECT_EQ(r.claim(), 0u);
  EXPECT_TRUE(r.approve("", "ann", Json::object().set("limit", 5)).ok());
  EXPECT_EQ(r.states(), "make=completed ask=completed load=queued");
  EXPECT_EQ(r.extra("ask").output.dump(), R"({"limit":5,"approved":true,"by":"ann"})");
  EXPECT_EQ(r.extra("ask").note, "approved by ann");
  EXPECT_EQ(r.history[r.history.size() - 3].text, "approved by ann");
}

TEST(Approve, AFormIsFilledInAndChecked) {
  TestRun r(R"(
tasks:
  ask:
    action: gate
    with:
      question: How many?
      form:
        limit: {type: integer, minimum: 1, required: true}
        note: {type: string, default: none}
)");
  r.start();
  auto refused = [&](Json data) { return r.approve("ask", "ann", std::move(data)).error(); };
  EXPECT_EQ(refused(Json()).code, Errc::invalid_workflow);
  EXPECT_EQ(refused(Json()).message,
            "gate ask of run 41: field \"limit\" is required and was not given");
  EXPECT_THAT(refused(Json::object().set("limit", 0)).message,
              testing::HasSubstr("field \"limit\": "));
  EXPECT_THAT(refused(Json::object().set("limit", 1).set("limits", 2)).message,
              testing::HasSubstr("field \"limits\" is unknown; did you mean"));
  EXPECT_EQ(r.states(), "ask=waiting");
  ASSERT_TRUE(r.approve("ask", "ann", Json::object().set("limit", 7)).ok());
  EXPECT_EQ(r.extra("ask").output.dump(),
            R"({"limit":7,"note":"none","approved":true,"by":"ann"})");
}

TEST(Approve, RefusesWhatIsNoOpenGate) {
  TestRun r(kGate, monday());
  r.start();
  EXPECT_EQ(r.approve().error().code, Errc::conflict);
  EXPECT_EQ(r.approve("ask").error().message, "gate ask of run 41 is not open: it is pending");
  EXPECT_EQ(r.approve("make").error().message, "task make of run 41 is not a gate");
  EXPECT_EQ(r.approve("nothing").error().code, Errc::not_found);
  r.claim();
  r.complete("make", Json::object().set("sample", 1));
  EXPECT_TRUE(r.approve("ask").ok());
  EXPECT_EQ(r.approve("ask").error().code, Errc::conflict);
  EXPECT_EQ(r.reject("ask").error().code, Errc::conflict);
}

TEST(Approve, OfSeveralGatesOneMustBeNamed) {
  TestRun r(
      "tasks: {a: {action: gate, with: {question: q}}, b: {action: gate, with: {question: q}}, c: "
      "{tasks: {d: {action: gate, with: {question: q}}}}}");
  r.start();
  auto refused = r.approve();
  EXPECT_EQ(refused.error().message, "run 41 has 3 open gates; name one of: a, b, c.d");
  EXPECT_TRUE(r.approve("c.d").ok());
  EXPECT_TRUE(r.approve("a").ok());
  EXPECT_TRUE(r.approve().ok());
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(Approve, AlsoWhileTheRunIsPaused) {
  TestRun r = at_gate();
  EXPECT_TRUE(r.pause().ok());
  EXPECT_TRUE(r.approve("ask").ok());
  EXPECT_EQ(r.states(), "make=completed ask=completed load=queued");
  EXPECT_EQ(r.claim(), 0u);
  EXPECT_TRUE(r.resume().ok());
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(Reject, FailsTheGateAndWhatNeedsIt) {
  TestRun r = at_gate();
  EXPECT_TRUE(r.reject("ask", "bob", "too few rows").ok());
  EXPECT_EQ(r.reasons(), "make=completed ask=failed(rejected) load=skipped(upstream_failed)");
  EXPECT_EQ(r.run_state(), "failed");
  EXPECT_TRUE(r.run.rejected);
  EXPECT_EQ(r.run.error, "ask: rejected by bob: too few rows");
}

TEST(Reject, IsTheRunsOutcomeOnlyWhereItIsWhatFailedFirst) {
  const char* two = "tasks: {ask: {action: gate, with: {question: q}}, bad: {action: noop}}";
  TestRun rejected(two);
  rejected.start();
  rejected.claim();
  EXPECT_TRUE(rejected.reject().ok());
  rejected.advance(std::chrono::seconds(1));
  rejected.fail("bad");
  EXPECT_TRUE(rejected.run.rejected);
  TestRun failed(two);
  failed.start();
  failed.claim();
  failed.fail("bad");
  failed.advance(std::chrono::seconds(1));
  EXPECT_TRUE(failed.reject().ok());
  EXPECT_FALSE(failed.run.rejected);
  EXPECT_EQ(failed.run.error, "bad: it broke");
}

TEST(Reject, MayBeAllowed) {
  TestRun r(
      "tasks: {ask: {action: gate, with: {question: q}, allow_failure: true}, b: {needs: [ask], "
      "action: noop}}");
  r.start();
  EXPECT_TRUE(r.reject().ok());
  r.work();
  EXPECT_EQ(r.states(), "ask=failed b=completed");
  EXPECT_EQ(r.run_state(), "completed/warning");
  EXPECT_FALSE(r.run.rejected);
}

TEST(Reject, OfAGateInsideAGroupIsTheRunsOutcomeToo) {
  TestRun r("tasks: {g: {tasks: {ask: {action: gate, with: {question: q}}}}}");
  r.start();
  EXPECT_TRUE(r.reject("g.ask").ok());
  EXPECT_EQ(r.reasons(), "g=failed(members) g.ask=failed(rejected)");
  EXPECT_TRUE(r.run.rejected);
}

TEST(Gate, AQuestionThatCannotBeEvaluatedFails) {
  TestRun r(
      "tasks: {a: {action: noop}, ask: {needs: [a], action: gate, with: {question: '${{ "
      "tasks.a.outputs.x.y }}'}}}");
  r.start();
  r.work();
  EXPECT_EQ(r.reasons(), "a=completed ask=failed(expression)");
}

TEST(Gate, ATimeoutThatIsNoDurationFails) {
  TestRun r(
      "inputs: {t: {}}\ntasks: {ask: {action: gate, with: {question: q, timeout: '${{ inputs.t "
      "}}'}}}",
      Json::object().set("t", 10));
  r.start();
  EXPECT_EQ(r.run.error, "ask: with: timeout: expected a duration such as \"10m\", found 10");
}

TEST(Gate, ATimeoutMayFailIt) {
  TestRun r("tasks: {ask: {action: gate, with: {question: q, timeout: 1h, on_timeout: fail}}}");
  r.start();
  r.advance(std::chrono::hours(1));
  EXPECT_EQ(r.reasons(), "ask=failed(error)");
  EXPECT_FALSE(r.run.rejected);
}

}  // namespace
}  // namespace pawl::core
