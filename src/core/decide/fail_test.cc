// What a failed attempt leads to: backoff, max_attempts, recovery rules, a person, the end.
#include <gtest/gtest.h>

#include "base/text.h"
#include "core/run_testing.h"

namespace pawl::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Retry, UntilMaxAttemptsHaveFailed) {
  TestRun r("tasks: {a: {action: noop, retry: {max_attempts: 3, backoff: 1s..60s}}}");
  r.start();
  for (int attempt = 1; attempt < 3; ++attempt) {
    r.claim();
    r.fail("a");
    EXPECT_EQ(r.reasons(), "a=retrying(backoff)");
    EXPECT_EQ(r.claim(), 0u);
    r.advance(minutes(1));
    EXPECT_EQ(r.reasons(), "a=queued(slot)");
  }
  r.claim();
  EXPECT_EQ(r.row("a").attempt, 3u);
  r.fail("a", {.message = "the third", .exit_code = 9});
  EXPECT_EQ(r.reasons(), "a=failed(error)");
  EXPECT_EQ(r.extra("a").exit_code, 9);
  EXPECT_EQ(r.run.error, "a: the third");
}

TEST(Retry, IsOffUnlessAskedFor) {
  TestRun r("tasks: {a: {action: noop}}");
  r.start();
  r.claim();
  r.fail("a");
  EXPECT_EQ(r.run_state(), "failed");
}

TEST(Retry, BackoffDoublesToTheLongestWithJitterBelow) {
  bool differed = false;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    TestRun r(
        "tasks: {a: {action: noop, retry: {max_attempts: 9, backoff: {first: 2s, max: 20s, "
        "factor: 2, jitter: 0.5}}}}",
        Json::object(), seed);
    r.start();
    for (int waited : {2, 4, 8, 16, 20, 20, 20, 20}) {
      r.claim();
      r.fail("a");
      auto wait = r.extra("a").wake - r.clock.now();
      EXPECT_LE(wait, seconds(waited));
      EXPECT_GE(wait, milliseconds(500) * waited);
      differed = differed || wait != seconds(waited);
      r.advance(seconds(20));
      EXPECT_EQ(r.state("a"), TaskState::queued);
    }
  }
  EXPECT_TRUE(differed);
}

TEST(Retry, AFixedBackoffWithoutJitterIsExact) {
  TestRun r(
      "tasks: {a: {action: noop, retry: {max_attempts: 3, backoff: {first: 7s, max: 7s, factor: 1,"
      " jitter: 0}}}}");
  r.start();
  for (int i = 0; i < 2; ++i) {
    r.claim();
    r.fail("a");
    EXPECT_EQ(r.extra("a").wake - r.clock.now(), seconds(7));
    r.advance(seconds(7) - milliseconds(1));
    EXPECT_EQ(r.state("a"), TaskState::retrying);
    r.advance(milliseconds(1));
    EXPECT_EQ(r.state("a"), TaskState::queued);
  }
}

TEST(Retry, ASuccessForgetsEarlierErrors) {
  TestRun r("tasks: {a: {action: noop, retry: {max_attempts: 2}}}");
  r.start();
  r.claim();
  r.fail("a", {.failure_class = FailureClass::network});
  EXPECT_EQ(r.extra("a").failure, FailureClass::network);
  r.advance(minutes(1));
  r.claim();
  r.complete("a");
  EXPECT_EQ(r.extra("a").error, "");
  EXPECT_EQ(r.extra("a").failure, FailureClass::none);
  EXPECT_EQ(r.extra("a").exit_code, 0);
  EXPECT_EQ(r.row("a").attempt, 2u);
}

TEST(Retry, ExitCode78IsNeverRetried) {
  TestRun r(R"(
tasks:
  a:
    action: train
    params: {n: 8}
    retry: {max_attempts: 5}
    recover: [{on: user, set: {n: 1}}]
)");
  r.start();
  r.claim();
  r.fail("a", {.exit_code = 78, .no_retry = true});
  EXPECT_EQ(r.reasons(), "a=failed(error)");
  EXPECT_TRUE(r.extra("a").params.is_null());
}

TEST(TryLater, CostsNoAttemptAndWaitsTheLongest) {
  TestRun r("tasks: {a: {action: noop, retry: {max_attempts: 2, backoff: 1s..60s}}}");
  r.start();
  for (int i = 0; i < 10; ++i) {
    r.claim();
    r.fail("a", {.message = "not there yet", .exit_code = 75, .try_later = true});
    EXPECT_EQ(r.reasons(), "a=retrying(try_later)");
    EXPECT_GE(r.extra("a").wake - r.clock.now(), seconds(48));
    EXPECT_LE(r.extra("a").wake - r.clock.now(), seconds(60));
    r.advance(minutes(1));
  }
  EXPECT_EQ(r.row("a").failures, 0);
  EXPECT_EQ(r.row("a").attempt, 10u);
  r.claim();
  r.fail("a");
  EXPECT_EQ(r.reasons(), "a=retrying(backoff)");
}

TEST(TryLater, EndsWithTheQueueTimeout) {
  TestRun r("tasks: {a: {action: noop, timeout: {queue: 10m}, retry: {max_attempts: 1}}}");
  r.start();
  int attempts = 0;
  while (r.run_state() == "running" && attempts < 100) {
    r.claim();
    ++attempts;
    r.advance(seconds(1));
    r.fail("a", {.exit_code = 75, .try_later = true});
    r.crash();
    r.advance(minutes(1));
  }
  EXPECT_EQ(r.reasons(), "a=failed(queue_timeout)");
  EXPECT_GE(attempts, 9);
  EXPECT_LE(attempts, 13);
  EXPECT_EQ(r.extra("a").failure, FailureClass::timeout);
}

constexpr const char* kTrain = R"(
inputs: {batch_size: {type: integer, default: 10000}}
tasks:
  train:
    action: train
    params: {batch_size: "${{ inputs.batch_size }}", other: 1}
    env: {BATCH: "${{ params.batch_size }}"}
    recover:
      - {on: [oom, cuda_oom], set: {batch_size: "${{ params.batch_size / 2 }}"}, resume: checkpoint}
      - {on: diverged, resume: best_checkpoint, max: 1}
      - {on: diverged, resume: scratch, run: rm -rf cache, max: 1}
      - {on: disk_full, action: pause}
      - {on: corrupt, action: fail}
)";

Json batch(int n) { return Json::object().set("batch_size", n); }

TEST(RecoverRule, HalvesTheBatchSizeFromAttemptToAttempt) {
  TestRun r(kTrain, batch(10000));
  r.start();
  for (const char* size : {"10000", "5000", "2500", "1250"}) {
    r.claim();
    EXPECT_EQ(r.held("train").env["BATCH"].as_string(), size);
    EXPECT_EQ(r.held("train").input["params"]["other"].as_integer(), 1);
    r.fail("train", {.failure_class = FailureClass::cuda_oom});
    r.crash();
    r.advance(minutes(1));
  }
  // Three times by the rule, though no other attempt was granted; then it is over.
  EXPECT_EQ(r.reasons(), "train=failed(error)");
  EXPECT_EQ(r.extra("train").failure, FailureClass::cuda_oom);
}

TEST(RecoverRule, MaxBoundsEachRuleAndTheNextOneFollows) {
  TestRun r(kTrain, batch(1));
  r.start();
  r.claim();
  Report best = r.report_of("train", ReportKind::progress);
  best.has_checkpoint = best.best_checkpoint = true;
  best.checkpoint = "epoch 3";
  EXPECT_TRUE(r.report(best).ok());
  best.best_checkpoint = false;
  best.checkpoint = "epoch 4";
  EXPECT_TRUE(r.report(best).ok());
  r.fail("train", {.failure_class = FailureClass::diverged});
  r.advance(minutes(1));
  r.claim();
  EXPECT_EQ(r.held("train").resume, Resume::best_checkpoint);
  EXPECT_EQ(r.held("train").checkpoint, "epoch 3");
  EXPECT_EQ(r.held("train").before, "");
  r.fail("train", {.failure_class = FailureClass::diverged});
  r.crash();
  r.advance(minutes(1));
  r.claim();
  EXPECT_EQ(r.held("train").resume, Resume::scratch);
  EXPECT_EQ(r.held("train").checkpoint, "");
  EXPECT_EQ(r.held("train").before, "rm -rf cache");
  r.fail("train", {.failure_class = FailureClass::diverged});
  EXPECT_EQ(r.reasons(), "train=failed(error)");
}

TEST(RecoverRule, HoldsForOneAttemptOnly) {
  TestRun r(R"(
tasks:
  a:
    action: train
    retry: {max_attempts: 9}
    recover: [{on: diverged, resume: scratch, run: clean}]
)");
  r.start();
  r.claim();
  Report kept = r.report_of("a", ReportKind::progress);
  kept.has_checkpoint = true;
  kept.checkpoint = "bytes";
  EXPECT_TRUE(r.report(kept).ok());
  r.fail("a", {.failure_class = FailureClass::diverged});
  r.advance(minutes(1));
  r.claim();
  EXPECT_EQ(r.held("a").before, "clean");
  r.lose("a");  // the attempt is made again: what it needs first, it needs still
  r.claim();
  EXPECT_EQ(r.held("a").before, "clean");
  r.fail("a");
  r.advance(minutes(1));
  r.claim();
  EXPECT_EQ(r.held("a").before, "");
  EXPECT_EQ(r.held("a").resume, Resume::checkpoint);
  EXPECT_EQ(r.held("a").checkpoint, "bytes");
}

TEST(RecoverRule, PausesTheRunForAPersonAsOftenAsNeeded) {
  TestRun r(kTrain, batch(1));
  r.start();
  for (int i = 0; i < 5; ++i) {
    r.claim();
    r.fail("train", {.failure_class = FailureClass::disk_full, .message = "/data is full"});
    EXPECT_EQ(r.reasons(), "train=retrying(needs_person)");
    EXPECT_EQ(r.run_state(), "paused");
    EXPECT_EQ(r.run.pause_reason, "train: disk_full: /data is full");
    r.advance(std::chrono::hours(100));
    EXPECT_EQ(r.state("train"), TaskState::retrying);
    r.crash();
    EXPECT_TRUE(r.resume("ann").ok());
    EXPECT_EQ(r.reasons(), "train=queued(slot)");
  }
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(RecoverRule, FailsAtOnceWhereItSaysSo) {
  TestRun r(kTrain, batch(1));
  r.start();
  r.claim();
  r.fail("train", {.failure_class = FailureClass::corrupt});
  EXPECT_EQ(r.reasons(), "train=failed(error)");
}

TEST(RecoverRule, ASetThatCannotBeEvaluatedFailsTheTask) {
  TestRun r(R"(
tasks:
  a:
    action: train
    params: {n: 0}
    recover: [{on: oom, set: {n: "${{ 1 / params.n }}"}}]
)");
  r.start();
  r.claim();
  r.fail("a", {.failure_class = FailureClass::oom});
  EXPECT_EQ(r.reasons(), "a=failed(expression)");
  EXPECT_NE(r.run.error.find("recover.set: "), std::string::npos);
  EXPECT_NE(r.run.error.find("it broke"), std::string::npos);
}

TEST(RecoverRule, CredentialsAndHostKeysCallAPersonByDefault) {
  for (auto c : {FailureClass::auth, FailureClass::host_key}) {
    TestRun r("tasks: {a: {action: noop, retry: {max_attempts: 5}}, b: {action: noop}}");
    r.start();
    r.claim();
    r.fail("a", {.failure_class = c});
    EXPECT_EQ(r.run_state(), "paused");
    r.complete("b");
    EXPECT_TRUE(r.resume().ok());
    r.work();
    EXPECT_EQ(r.run_state(), "completed");
  }
}

TEST(RecoverRule, ARunThatIsBeingCancelledCallsNobody) {
  TestRun r("tasks: {a: {action: noop}}\nfinally: {tidy: {action: noop}}");
  r.start();
  EXPECT_TRUE(r.cancel().ok());
  r.claim();
  r.fail("tidy", {.failure_class = FailureClass::auth});
  EXPECT_EQ(r.states(), "a=cancelled tidy=failed");
  EXPECT_EQ(r.run_state(), "cancelled");
}

}  // namespace
}  // namespace pawl::core
