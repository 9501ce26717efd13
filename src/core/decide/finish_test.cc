// The end of a run: finally, state, error, outputs, verdict.
#include <gtest/gtest.h>

#include "core/run_testing.h"

namespace pawl::core {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kFinally = R"(
tasks:
  a: {action: noop}
  b: {needs: [a], action: noop}
finally:
  first: {action: noop}
  second: {needs: [first], action: noop}
  on_failure: {action: noop, if: failure()}
  on_success: {action: noop, if: success()}
)";

TEST(Finally, RunsInOrderAfterSuccess) {
  TestRun r(kFinally);
  r.start();
  r.claim();
  r.complete("a");
  EXPECT_EQ(r.states(),
            "a=completed b=queued first=pending second=pending on_failure=pending "
            "on_success=pending");
  r.claim();
  r.complete("b");
  EXPECT_EQ(r.reasons(),
            "a=completed b=completed first=queued(slot) second=pending "
            "on_failure=skipped(condition) on_success=queued(slot)");
  EXPECT_EQ(r.run_state(), "running");
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
  EXPECT_GE(r.row("second").attempt, 1u);
}

TEST(Finally, RunsAfterFailure) {
  TestRun r(kFinally);
  r.start();
  r.claim();
  r.fail("a");
  EXPECT_EQ(r.reasons(),
            "a=failed(error) b=skipped(upstream_failed) first=queued(slot) second=pending "
            "on_failure=queued(slot) on_success=skipped(condition)");
  r.crash();
  r.work();
  EXPECT_EQ(r.run_state(), "failed");
  EXPECT_EQ(r.run.error, "a: it broke");
  EXPECT_EQ(r.state("second"), TaskState::completed);
}

TEST(Finally, RunsAfterACancel) {
  TestRun r(kFinally);
  r.start();
  EXPECT_TRUE(r.cancel().ok());
  EXPECT_EQ(r.state("first"), TaskState::queued);
  r.work();
  EXPECT_EQ(r.state("second"), TaskState::completed);
  EXPECT_EQ(r.run_state(), "cancelled");
}

TEST(Finally, OneThatFailsFailsTheRunAndStopsNoOther) {
  TestRun r(kFinally);
  r.start();
  r.claim(), r.complete("a");
  r.claim(), r.complete("b");
  r.claim();
  r.fail("first");
  EXPECT_EQ(r.state("second"), TaskState::queued);
  r.complete("on_success");
  r.work();
  EXPECT_EQ(r.run_state(), "failed");
  EXPECT_EQ(r.run.error, "first: it broke");
}

TEST(Finally, WithinItsGroupsAFailureStopsWhatNeedsIt) {
  TestRun r(R"(
tasks: {a: {action: noop}}
finally:
  g: {tasks: {x: {action: noop}, y: {needs: [x], action: noop}, z: {action: noop}}}
)");
  r.start();
  r.claim();
  r.fail("a");
  r.claim();
  r.fail("g.x");
  EXPECT_EQ(r.reasons(),
            "a=failed(error) g=running g.x=failed(error) g.y=skipped(upstream_failed) g.z=running");
  r.complete("g.z");
  EXPECT_EQ(r.run_state(), "failed");
  EXPECT_EQ(r.run.error, "a: it broke");
}

TEST(Finally, MayReadWhatTheTasksMade) {
  TestRun r(R"(
tasks: {a: {action: noop}}
finally: {tidy: {action: train, with: {state: "${{ tasks.a.state }}"}}}
)");
  r.start();
  r.claim();
  r.fail("a");
  r.claim();
  EXPECT_EQ(r.held("tidy").with.dump(), R"({"state":"failed"})");
}

TEST(Finally, IsToldHowTheTasksEnded) {
  auto told = [](bool fail, bool cancel) {
    TestRun r(R"(
tasks:
  a: {action: noop}
  b: {action: noop, allow_failure: true}
finally:
  tidy:
    action: noop
    with: {f: "${{ failure() }}", s: "${{ success() }}", n: "${{ none_failed() }}",
           a: "${{ always() }}"}
)");
    r.start();
    r.claim();
    r.fail("b");
    if (cancel) {
      EXPECT_TRUE(r.cancel().ok());
      r.stopped("a");
    } else if (fail) {
      r.fail("a");
    } else {
      r.complete("a");
    }
    r.claim();
    return r.held("tidy").with.dump();
  };
  EXPECT_EQ(told(false, false), R"({"f":false,"s":true,"n":true,"a":true})");
  EXPECT_EQ(told(true, false), R"({"f":true,"s":false,"n":false,"a":true})");
  EXPECT_EQ(told(false, true), R"({"f":false,"s":false,"n":false,"a":true})");
}

TEST(Outputs, OfTheRunAndItsVerdict) {
  const char* text = R"(
tasks: {a: {action: noop}}
outputs: {rows: "${{ tasks.a.outputs.rows }}"}
verdict: "${{ tasks.a.outputs.bad > 5 ? 'fail' : tasks.a.outputs.bad > 0 ? 'warning' : 'pass' }}"
)";
  for (auto [bad, verdict] :
       {std::pair(0, "completed/pass"), {1, "completed/warning"}, {9, "completed/fail"}}) {
    TestRun r(text);
    r.start();
    r.claim();
    r.complete("a", Json::object().set("rows", 7).set("bad", bad));
    EXPECT_EQ(r.run_state(), verdict);
    EXPECT_EQ(r.run.outputs.dump(), R"({"rows":7})");
  }
  TestRun missing(text);
  missing.start();
  missing.work();
  EXPECT_EQ(missing.run_state(), "failed");
  EXPECT_EQ(missing.run.error.substr(0, 9), "outputs: ");
  EXPECT_TRUE(missing.run.outputs.is_null());
  TestRun half(text);
  half.start();
  half.claim();
  half.complete("a", Json::object().set("rows", 7));
  EXPECT_EQ(half.run_state(), "failed");
  EXPECT_EQ(half.run.error.substr(0, 9), "verdict: ");
  EXPECT_TRUE(half.run.outputs.is_null());
}

TEST(Outputs, AVerdictIsOneOfThree) {
  TestRun r("inputs: {v: {}}\ntasks: {a: {action: noop}}\nverdict: '${{ inputs.v }}'",
            Json::object().set("v", "maybe"));
  r.start();
  r.work();
  EXPECT_EQ(r.run.error, "verdict: expected pass, warning or fail, found \"maybe\"");
  TestRun number("inputs: {v: {}}\ntasks: {a: {action: noop}}\nverdict: '${{ inputs.v }}'",
                 Json::object().set("v", 1));
  number.start();
  number.work();
  EXPECT_EQ(number.run.error, "verdict: expected pass, warning or fail, found 1");
}

TEST(Verdict, AWarningIsNotHiddenByAPass) {
  TestRun r("tasks: {a: {action: noop}}\nverdict: \"${{ 'pass' }}\"");
  r.start();
  r.claim();
  Report warned = r.report_of("a", ReportKind::completed);
  warned.warnings = {"few rows"};
  EXPECT_TRUE(r.report(warned).ok());
  EXPECT_EQ(r.run_state(), "completed/warning");
}

TEST(Verdict, TasksHaveOneInExpressions) {
  TestRun r(R"(
tasks:
  good: {action: noop}
  warned: {action: noop}
  bad: {action: noop, allow_failure: true}
  skipped: {action: noop, if: 'false'}
outputs:
  all: "${{ tasks.good.verdict + ',' + tasks.warned.verdict + ',' + tasks.bad.verdict }}"
  none: "${{ tasks.skipped.verdict }}"
  attempts: "${{ tasks.good.attempts }}"
)");
  r.start();
  r.claim();
  Report warned = r.report_of("warned", ReportKind::completed);
  warned.warnings = {"hm"};
  EXPECT_TRUE(r.report(warned).ok());
  r.complete("good");
  r.fail("bad");
  EXPECT_EQ(r.run.outputs.dump(), R"({"all":"pass,warning,fail","none":null,"attempts":1})");
}

TEST(Error, NamesTheTaskThatFailedFirst) {
  TestRun r(R"(
tasks:
  allowed: {allow_failure: true, tasks: {x: {action: noop}}}
  late: {action: noop}
  group: {tasks: {y: {action: noop}, z: {action: noop}}}
)");
  r.start();
  r.claim();
  r.fail("allowed.x", {.message = "allowed"});
  r.advance(seconds(1));
  r.fail("group.z", {.message = "first"});
  r.advance(seconds(1));
  r.fail("late", {.message = "second"});
  r.fail("group.y", {.message = "third"});
  EXPECT_EQ(r.run.error, "group.z: first");
}

TEST(Times, OfRunAndTasks) {
  TestRun r("tasks: {a: {action: noop, retry: {max_attempts: 2, backoff: 1m..1m}}}");
  auto t0 = r.clock.now();
  r.advance(seconds(1));
  r.start();
  r.advance(seconds(1));
  r.claim();
  EXPECT_EQ(r.run.started - t0, seconds(1));
  EXPECT_EQ(r.row("a").queued - t0, seconds(1));
  EXPECT_EQ(r.row("a").started - t0, seconds(2));
  EXPECT_EQ(r.row("a").finished, kNoTime);
  r.advance(seconds(1));
  r.complete("a");
  EXPECT_EQ(r.row("a").finished - t0, seconds(3));
  EXPECT_EQ(r.run.finished - t0, seconds(3));
}

}  // namespace
}  // namespace pawl::core
