#include <gtest/gtest.h>

#include "core/run_testing.h"

namespace pawl::core {
namespace {

TEST(Cancel, BeforeTheRunBegan) {
  TestRun r(
      "tasks: {a: {action: noop}, g: {tasks: {x: {action: noop}}}}\nfinally: {t: {action: "
      "noop}}");
  EXPECT_TRUE(r.cancel("ann").ok());
  EXPECT_EQ(r.reasons(),
            "a=cancelled(cancelled) g=cancelled(cancelled) g.x=cancelled(cancelled) "
            "t=cancelled(cancelled)");
  EXPECT_EQ(r.run_state(), "cancelled");
  EXPECT_EQ(r.history.back().text, "cancelled by ann");
}

TEST(Cancel, APausedRunThatHasNotBegun) {
  TestRun r("tasks: {a: {action: noop}}");
  EXPECT_TRUE(r.pause().ok());
  EXPECT_TRUE(r.cancel().ok());
  EXPECT_EQ(r.run_state(), "cancelled");
}

constexpr const char* kMany = R"(
inputs: {list: {}}
tasks:
  first: {action: noop}
  runs: {action: train}
  queued: {action: noop, queue: other}
  nap: {action: sleep, with: {for: 1h}}
  ask: {action: gate, with: {question: q, timeout: 1h}}
  again: {action: noop, retry: {max_attempts: 5, backoff: 1h..1h}}
  each: {for_each: "${{ inputs.list }}", max_parallel: 1, action: noop}
  g:
    tasks:
      x: {action: noop}
      y: {needs: [x], action: noop}
  later: {needs: [first, runs], action: noop}
  closed: {needs: [runs], tasks: {z: {action: noop}}}
finally:
  tidy: {action: noop}
)";

// One task in each state.
TestRun busy() {
  TestRun r(kMany, Json::object().set("list", Json::array({1, 2, 3})));
  r.start();
  r.claim(1);  // first
  r.complete("first");
  while (r.holding().size() < 4)  // runs, again, each[0], g.x
    r.claim(1);
  if (r.state("queued") == TaskState::running) r.release("queued");
  r.fail("again");
  return r;
}

TEST(Cancel, EndsWhatWaitsAndTellsWhatRunsToStop) {
  TestRun r = busy();
  EXPECT_EQ(r.states(),
            "first=completed runs=running queued=queued nap=waiting ask=waiting again=retrying "
            "each=running each[0]=running each[1]=pending each[2]=pending g=running g.x=running "
            "g.y=pending later=pending closed=pending closed.z=pending tidy=pending");
  EXPECT_TRUE(r.cancel("ann").ok());
  EXPECT_EQ(r.effects.cancels.size(), 3u);
  EXPECT_EQ(r.effects.cancels[0].fence, r.held("runs").fence);
  EXPECT_EQ(r.effects.cancels[0].worker, WorkerId(1));
  EXPECT_EQ(r.states(),
            "first=completed runs=running queued=cancelled nap=cancelled ask=cancelled "
            "again=cancelled each=running each[0]=running each[1]=cancelled each[2]=cancelled "
            "g=running g.x=running g.y=cancelled later=cancelled closed=cancelled "
            "closed.z=cancelled tidy=pending");
  EXPECT_EQ(r.run_state(), "running");
  EXPECT_EQ(r.claim(), 0u);
  r.crash();
  r.stopped("runs");
  r.stopped("each[0]", true);
  r.complete("g.x");  // it was faster than the cancel
  EXPECT_EQ(r.reasons(),
            "first=completed runs=cancelled(cancelled) queued=cancelled(cancelled) "
            "nap=cancelled(cancelled) ask=cancelled(cancelled) again=cancelled(cancelled) "
            "each=cancelled(members) each[0]=cancelled(cancel_unconfirmed) "
            "each[1]=cancelled(cancelled) each[2]=cancelled(cancelled) g=cancelled(members) "
            "g.x=completed g.y=cancelled(cancelled) later=cancelled(cancelled) "
            "closed=cancelled(cancelled) closed.z=cancelled(cancelled) tidy=queued(slot)");
  r.work();
  EXPECT_EQ(r.state("tidy"), TaskState::completed);
  EXPECT_EQ(r.run_state(), "cancelled");
}

TEST(Cancel, WhileTheRunIsPaused) {
  TestRun r = busy();
  EXPECT_TRUE(r.pause().ok());
  EXPECT_TRUE(r.cancel().ok());
  for (const auto& path : r.holding())
    r.stopped(path);
  r.work();
  EXPECT_EQ(r.run_state(), "cancelled");
}

TEST(Cancel, AnAttemptThatFailsMeanwhileIsCancelledNotRetried) {
  TestRun r("tasks: {a: {action: noop, retry: {max_attempts: 5}}}");
  r.start();
  r.claim();
  EXPECT_TRUE(r.cancel().ok());
  r.fail("a", {.message = "terminated"});
  EXPECT_EQ(r.reasons(), "a=cancelled(cancelled)");
  EXPECT_EQ(r.run_state(), "cancelled");
}

TEST(Cancel, AnAttemptThatIsGivenBackIsCancelled) {
  TestRun r("tasks: {a: {action: noop}}");
  r.start();
  r.claim();
  EXPECT_TRUE(r.cancel().ok());
  r.release("a");
  EXPECT_EQ(r.reasons(), "a=cancelled(cancelled)");
}

TEST(Cancel, LateReportsChangeNothing) {
  TestRun r("tasks: {a: {action: noop}}");
  r.start();
  r.claim();
  Report late = r.report_of("a", ReportKind::completed);
  EXPECT_TRUE(r.cancel().ok());
  r.stopped("a");
  EXPECT_EQ(r.run_state(), "cancelled");
  EXPECT_EQ(r.report(late).error().code, Errc::stale_attempt);
  EXPECT_EQ(r.state("a"), TaskState::cancelled);
}

TEST(Cancel, TheFirstLeavesFinallyToTidyUpTheSecondEndsIt) {
  const char* text =
      "tasks: {a: {action: noop}}\nfinally: {one: {action: noop}, two: {needs: "
      "[one], action: noop}}";
  TestRun r(text);
  r.start();
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
  TestRun begun(text);
  begun.start();
  begun.claim();
  begun.complete("a");
  begun.claim();
  EXPECT_TRUE(begun.cancel().ok());
  EXPECT_TRUE(begun.effects.cancels.empty());
  begun.complete("one");
  begun.work();
  EXPECT_EQ(begun.states(), "a=completed one=completed two=completed");
  EXPECT_EQ(begun.run_state(), "cancelled");

  TestRun twice(text);
  twice.start();
  twice.claim();
  EXPECT_TRUE(twice.cancel().ok());
  EXPECT_EQ(twice.effects.cancels.size(), 1u);
  EXPECT_TRUE(twice.cancel().ok());
  EXPECT_TRUE(twice.effects.cancels.empty());  // it was told already
  EXPECT_EQ(twice.states(), "a=running one=cancelled two=cancelled");
  twice.stopped("a");
  EXPECT_EQ(twice.run_state(), "cancelled");
  EXPECT_EQ(twice.cancel().error().code, Errc::conflict);
}

TEST(Cancel, ASecondOneTellsRunningFinallyTasksToStop) {
  TestRun r("tasks: {a: {action: noop}}\nfinally: {g: {tasks: {x: {action: noop}}}}");
  r.start();
  EXPECT_TRUE(r.cancel().ok());
  r.claim();
  EXPECT_EQ(r.states(), "a=cancelled g=running g.x=running");
  EXPECT_TRUE(r.cancel().ok());
  ASSERT_EQ(r.effects.cancels.size(), 1u);
  r.stopped("g.x");
  EXPECT_EQ(r.reasons(), "a=cancelled(cancelled) g=cancelled(members) g.x=cancelled(cancelled)");
  EXPECT_EQ(r.run_state(), "cancelled");
}

TEST(Cancel, AFanOutInFinallyGoesOnToItsEnd) {
  TestRun r(R"(
inputs: {list: {}}
tasks: {a: {action: noop}}
finally:
  g: {tasks: {each: {for_each: "${{ inputs.list }}", max_parallel: 1, action: noop}}}
)",
            Json::object().set("list", Json::array({1, 2, 3})));
  r.start();
  EXPECT_TRUE(r.cancel().ok());
  r.work();
  EXPECT_EQ(r.states(),
            "a=cancelled g=completed g.each=completed g.each[0]=completed g.each[1]=completed "
            "g.each[2]=completed");
  EXPECT_EQ(r.run_state(), "cancelled");
}

TEST(Cancel, AReopenedFanOutThatHasNotOpenedYet) {
  TestRun r(R"(
inputs: {list: {}}
tasks:
  a: {action: noop}
  each: {needs: [a], for_each: "${{ inputs.list }}", max_parallel: 1, action: noop}
)",
            Json::object().set("list", Json::array({1, 2, 3})));
  r.start();
  r.work();
  r.run.state = RunState::failed;  // recover of a completed run makes a new one; here it is reused
  EXPECT_TRUE(r.recover("a").ok());
  EXPECT_EQ(r.states(), "a=queued each=pending each[0]=pending each[1]=pending each[2]=pending");
  EXPECT_TRUE(r.cancel().ok());
  EXPECT_EQ(r.states(),
            "a=cancelled each=cancelled each[0]=cancelled each[1]=cancelled each[2]=cancelled");
  EXPECT_EQ(r.run_state(), "cancelled");
}

}  // namespace
}  // namespace pawl::core
