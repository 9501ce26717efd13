// Workers that vanish, or give back what they hold.
#include <gtest/gtest.h>

#include "core/run_testing.h"

namespace pawl::core {
namespace {

using std::chrono::minutes;

TEST(Lost, DoesNotUseUpAnAttempt) {
  TestRun r("tasks: {a: {action: noop, retry: {max_attempts: 1}}}");
  r.start();
  r.claim();
  r.lose("a");
  EXPECT_EQ(r.reasons(), "a=queued(lost)");  // the first time at once
  EXPECT_EQ(r.row("a").failures, 0);
  r.claim();
  EXPECT_EQ(r.row("a").attempt, 2u);
  r.lose("a");
  EXPECT_EQ(r.reasons(), "a=retrying(lost)");
  EXPECT_NE(r.run.next_wake(), kNever);
  r.advance(minutes(1));
  EXPECT_EQ(r.reasons(), "a=queued(slot)");
  r.claim();
  r.complete("a");
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(Lost, SoOftenThatItMustBeTheTasksDoing) {
  TestRun r("tasks: {a: {action: noop, retry: {max_attempts: 50}}}");
  r.ctx.limits.max_losses = 4;
  r.start();
  int lost = 0;
  while (r.run_state() == "running" && lost < 100) {
    r.claim();
    r.lose("a");
    ++lost;
    r.advance(minutes(2));
  }
  EXPECT_EQ(lost, 5);
  EXPECT_EQ(r.reasons(), "a=failed(error)");
  EXPECT_EQ(r.run.error, "a: its worker vanished 5 times; given up");
  EXPECT_EQ(r.extra("a").failure, FailureClass::lost);
}

TEST(Lost, ARuleForItHolds) {
  TestRun r("tasks: {a: {action: noop, recover: [{on: lost, action: fail}]}}");
  r.start();
  r.claim();
  r.lose("a");
  EXPECT_EQ(r.reasons(), "a=failed(error)");
  EXPECT_EQ(r.extra("a").failure, FailureClass::lost);
}

// The engine is alive and hears of it from the worker: that makes no difference to the task.
TEST(Lost, ReportedByTheWorkerItIsTheSame) {
  TestRun r("tasks: {a: {action: noop, retry: {max_attempts: 1}}}");
  r.start();
  r.claim();
  EXPECT_TRUE(r.report(r.report_of("a", ReportKind::lost), WorkerId(1)).ok());
  EXPECT_EQ(r.reasons(), "a=queued(lost)");
  EXPECT_EQ(r.row("a").failures, 0);
  r.claim();
  EXPECT_EQ(r.row("a").attempt, 2u);
}

TEST(Requeue, TakesOnlyLiveAttempts) {
  TestRun r("tasks: {a: {action: noop}, b: {action: noop}}");
  r.start();
  r.claim();
  Fence a = r.held("a").fence, b = r.held("b").fence;
  r.complete("b");
  Fence wrong = a;
  ++wrong.lease;
  Fence none = a;
  none.task = 77;
  EXPECT_TRUE(r.requeue({{b, wrong, none}, true}).ok());
  EXPECT_EQ(r.states(), "a=running b=completed");
  EXPECT_TRUE(r.requeue({{a}, false}).ok());
  EXPECT_EQ(r.reasons(), "a=queued(released) b=completed");
}

TEST(Requeue, LiveAttemptsAreThoseOfAWorkerOrOfAll) {
  TestRun r("tasks: {a: {action: noop}, b: {action: noop}}");
  r.start();
  r.claim();
  EXPECT_EQ(live_attempts(r.run).size(), 2u);
  EXPECT_EQ(live_attempts(r.run, WorkerId(1)).size(), 2u);
  EXPECT_TRUE(live_attempts(r.run, WorkerId(2)).empty());
  r.complete("a");
  ASSERT_EQ(live_attempts(r.run).size(), 1u);
  EXPECT_EQ(live_attempts(r.run)[0], r.held("b").fence);
}

TEST(Requeue, OfACancelledAttemptEndsIt) {
  TestRun r("tasks: {a: {action: noop}, b: {action: noop}}");
  r.start();
  r.claim();
  EXPECT_TRUE(r.cancel().ok());
  r.lose("a");  // nobody can say whether its processes are gone
  EXPECT_TRUE(r.requeue({{r.held("b").fence}, false}).ok());
  EXPECT_EQ(r.reasons(), "a=cancelled(cancel_unconfirmed) b=cancelled(cancelled)");
}

TEST(Adopt, TheAttemptGoesOnUnderItsWorkersNextLife) {
  TestRun r("tasks: {a: {action: noop}, b: {action: noop}}");
  r.start();
  r.claim();
  EXPECT_TRUE(r.adopt({r.held("a").fence, WorkerId(2)}).ok());
  EXPECT_EQ(r.states(), "a=running b=running");
  EXPECT_EQ(r.row("a").worker, WorkerId(2));
  r.crash();
  EXPECT_EQ(live_attempts(r.run, WorkerId(2)).size(), 1u);
  Report done = r.report_of("a", ReportKind::completed);
  EXPECT_EQ(r.report(done, WorkerId(1)).error().code, Errc::stale_attempt);
  EXPECT_TRUE(r.report(done, WorkerId(2)).ok());
  EXPECT_EQ(r.states(), "a=completed b=running");
}

TEST(Adopt, OnlyWhatIsLive) {
  TestRun r("tasks: {a: {action: noop}}");
  r.start();
  r.claim();
  Fence live = r.held("a").fence;
  for (auto spoil : {+[](Fence& f) { ++f.lease; }, +[](Fence& f) { ++f.attempt; },
                     +[](Fence& f) { f.lease = 0; }, +[](Fence& f) { f.task = 9; }}) {
    Fence f = live;
    spoil(f);
    EXPECT_EQ(r.adopt({f, WorkerId(2)}).error().code, Errc::stale_attempt);
  }
  r.lose("a");
  EXPECT_EQ(r.adopt({live, WorkerId(2)}).error().code, Errc::stale_attempt);
}

TEST(Requeue, WorksWhileTheRunIsPaused) {
  TestRun r("tasks: {a: {action: noop}}");
  r.start();
  r.claim();
  EXPECT_TRUE(r.pause().ok());
  r.lose("a");
  EXPECT_EQ(r.claim(), 0u);
  EXPECT_TRUE(r.resume().ok());
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(Leases, IncreaseOverCrashesAndReopenings) {
  TestRun r("tasks: {a: {action: noop, retry: {max_attempts: 2}}}");
  r.start();
  Lease last = 0;
  for (int i = 0; i < 4; ++i) {
    r.claim();
    EXPECT_GT(r.held("a").fence.lease, last);
    last = r.held("a").fence.lease;
    r.fail("a");
    r.crash();
    if (r.run_state() == "failed") {
      EXPECT_TRUE(r.retry().ok());
    }
    r.advance(minutes(1));
  }
}

}  // namespace
}  // namespace pawl::core
