#include <gtest/gtest.h>

#include "core/run_testing.h"

namespace pawl::core {
namespace {

using std::chrono::minutes;

constexpr const char* kChain =
    "tasks: {a: {action: noop, retry: {max_attempts: 2, backoff: 1s}}, b: {needs: [a], action: "
    "noop}}";

TEST(Pause, HandsOutNothingAndLetsWhatRunsEnd) {
  TestRun r(kChain);
  r.start();
  r.claim();
  EXPECT_TRUE(r.pause("ann").ok());
  EXPECT_EQ(r.run_state(), "paused");
  EXPECT_EQ(r.run.pause_reason, "paused by ann");
  r.complete("a");
  EXPECT_EQ(r.states(), "a=completed b=queued");
  EXPECT_EQ(r.claim(), 0u);
  r.crash();
  EXPECT_TRUE(r.resume("ann").ok());
  EXPECT_EQ(r.run.pause_reason, "");
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(Pause, ARunWhoseLastTaskEndsMeanwhileEndsWithTheResume) {
  TestRun r("tasks: {a: {action: noop}}\nfinally: {tidy: {action: noop}}");
  r.start();
  r.claim();
  EXPECT_TRUE(r.pause().ok());
  r.complete("a");
  EXPECT_EQ(r.states(), "a=completed tidy=pending");
  EXPECT_EQ(r.run_state(), "paused");
  EXPECT_TRUE(r.resume().ok());
  EXPECT_EQ(r.states(), "a=completed tidy=queued");
  EXPECT_TRUE(r.pause().ok());
  EXPECT_TRUE(r.resume().ok());
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(Pause, BeforeTheRunIsAdmitted) {
  TestRun r(kChain);
  EXPECT_TRUE(r.pause().ok());
  EXPECT_TRUE(r.resume().ok());
  EXPECT_EQ(r.run_state(), "pending");
  EXPECT_EQ(r.states(), "a=pending b=pending");
  EXPECT_TRUE(r.pause().ok());
  r.start();  // its key is free: it holds it, and stays paused
  EXPECT_EQ(r.run_state(), "paused");
  EXPECT_EQ(r.states(), "a=queued b=pending");
  EXPECT_EQ(r.claim(), 0u);
  EXPECT_TRUE(r.resume().ok());
  EXPECT_EQ(r.run_state(), "running");
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(Pause, ARetryThatFallsDueIsQueuedButNotHandedOut) {
  TestRun r(kChain);
  r.start();
  r.claim();
  EXPECT_TRUE(r.pause().ok());
  r.fail("a");
  EXPECT_EQ(r.reasons(), "a=retrying(backoff) b=pending");
  r.advance(minutes(5));
  EXPECT_EQ(r.reasons(), "a=queued(slot) b=pending");
  EXPECT_EQ(r.claim(), 0u);
  EXPECT_TRUE(r.resume().ok());
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(Pause, ATaskThatNeedsAPersonWaitsForTheResumeAlsoInARunPausedBefore) {
  TestRun r("tasks: {a: {action: noop, retry: {max_attempts: 2}}}");
  r.start();
  r.claim();
  EXPECT_TRUE(r.pause("ann").ok());
  r.fail("a", {.failure_class = FailureClass::auth});
  EXPECT_EQ(r.reasons(), "a=retrying(needs_person)");
  EXPECT_EQ(r.run.pause_reason, "paused by ann");
  EXPECT_TRUE(r.resume().ok());
  EXPECT_EQ(r.row("a").failures, 0);  // a person has seen to it: all attempts anew
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(Pause, IsRefusedWhereItMakesNoSense) {
  TestRun r(kChain);
  EXPECT_EQ(r.resume().error().code, Errc::conflict);
  r.start();
  EXPECT_EQ(r.resume().error().code, Errc::conflict);
  EXPECT_TRUE(r.pause().ok());
  EXPECT_EQ(r.pause().error().code, Errc::conflict);
  EXPECT_TRUE(r.resume().ok());
  r.claim();
  EXPECT_TRUE(r.cancel().ok());
  EXPECT_EQ(r.pause().error().code, Errc::conflict);  // a run that is being cancelled
  r.stopped("a");
  EXPECT_EQ(r.run_state(), "cancelled");
  EXPECT_EQ(r.pause().error().code, Errc::conflict);
  auto refused = r.resume();
  EXPECT_NE(refused.error().message.find("pawl retry 41"), std::string::npos);
}

TEST(Pause, ARecoveringRunGoesOnRecovering) {
  TestRun r("tasks: {a: {action: noop}}");
  r.start();
  r.claim();
  r.fail("a");
  EXPECT_TRUE(r.retry().ok());
  EXPECT_EQ(r.run_state(), "recovering");
  EXPECT_TRUE(r.pause().ok());
  EXPECT_TRUE(r.resume().ok());
  EXPECT_EQ(r.run_state(), "recovering");
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

}  // namespace
}  // namespace pawl::core
