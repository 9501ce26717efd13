// Timers: sleeps, gates' timeouts, the queue's, children's.
#include <gtest/gtest.h>

#include "base/text.h"
#include "core/run_testing.h"

namespace pawl::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Sleep, ForADurationHoldingNoWorker) {
  TestRun r("tasks: {nap: {action: sleep, with: {for: 10m}}, b: {needs: [nap], action: noop}}");
  r.start();
  EXPECT_EQ(r.reasons(), "nap=waiting(sleep) b=pending");
  EXPECT_EQ(r.claim(), 0u);
  EXPECT_EQ(r.run.next_wake() - r.clock.now(), minutes(10));
  r.advance(minutes(9));
  r.crash();
  EXPECT_EQ(r.state("nap"), TaskState::waiting);
  r.advance(minutes(1));
  EXPECT_EQ(r.states(), "nap=completed b=queued");
}

TEST(Sleep, UntilATimeThatMayBePast) {
  auto text = str("tasks: {nap: {action: sleep, with: {until: '", "2023-11-14T23:00:00Z", "'}}}");
  TestRun r(text);
  r.start();
  EXPECT_EQ(r.state("nap"), TaskState::waiting);
  r.advance(hours(1));
  EXPECT_EQ(r.run_state(), "completed");
  TestRun past("tasks: {nap: {action: sleep, with: {until: '2001-01-01T00:00:00Z'}}}");
  past.start();
  past.advance(seconds(0));
  EXPECT_EQ(past.run_state(), "completed");
}

TEST(Sleep, TakesExpressionsAndFailsOnNonsense) {
  const char* text =
      "inputs: {how: {}}\ntasks: {nap: {action: sleep, with: {for: '${{ inputs.how }}'}}}";
  TestRun r(text, Json::object().set("how", "90s"));
  r.start();
  r.advance(seconds(90));
  EXPECT_EQ(r.run_state(), "completed");
  for (Json bad : {Json(5), Json("soon"), Json()}) {
    TestRun b(text, Json::object().set("how", bad));
    b.start();
    EXPECT_EQ(b.reasons(), "nap=failed(expression)") << bad.dump();
    EXPECT_EQ(b.run.error.substr(0, 16), "nap: with: for: ");
  }
  TestRun until(
      "inputs: {how: {}}\ntasks: {nap: {action: sleep, with: {until: '${{ inputs.how }}'}}}",
      Json::object().set("how", "tomorrow"));
  until.start();
  EXPECT_EQ(until.reasons(), "nap=failed(expression)");
  TestRun broken(text, Json::object());
  broken.start();
  EXPECT_EQ(broken.reasons(), "nap=failed(expression)");
}

TEST(Sleep, EndsWhileTheRunIsPausedButNothingFollows) {
  TestRun r("tasks: {nap: {action: sleep, with: {for: 1m}}, b: {needs: [nap], action: noop}}");
  r.start();
  EXPECT_TRUE(r.pause().ok());
  r.advance(minutes(2));
  EXPECT_EQ(r.states(), "nap=completed b=queued");
  EXPECT_EQ(r.claim(), 0u);
}

TEST(QueueTimeout, FailsWhatNobodyTook) {
  TestRun r("tasks: {a: {action: noop, timeout: {queue: 5m}, retry: {max_attempts: 3}}}");
  r.start();
  r.advance(minutes(5) - seconds(1));
  EXPECT_EQ(r.state("a"), TaskState::queued);
  r.crash();
  r.advance(seconds(1));
  EXPECT_EQ(r.reasons(), "a=failed(queue_timeout)");
  EXPECT_EQ(r.run.error, "a: no worker took it within its queue timeout of 5m");
}

TEST(QueueTimeout, IsOverWithTheClaimAndBeginsAnewWithEachQueueing) {
  TestRun r(
      "tasks: {a: {action: noop, timeout: {queue: 5m}, retry: {max_attempts: 3, backoff: 1s}}}");
  r.start();
  r.advance(minutes(4));
  r.claim();
  r.advance(hours(9));
  EXPECT_EQ(r.state("a"), TaskState::running);
  r.fail("a");
  r.advance(minutes(4));
  EXPECT_EQ(r.state("a"), TaskState::queued);
  r.claim();
  r.complete("a");
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(QueueTimeout, DoesNotPassWhileTheRunIsPaused) {
  TestRun r("tasks: {a: {action: noop, timeout: {queue: 5m}}}");
  r.start();
  EXPECT_TRUE(r.pause().ok());
  r.advance(hours(5));
  EXPECT_EQ(r.state("a"), TaskState::queued);
  EXPECT_TRUE(r.resume().ok());
  r.advance(minutes(4));
  EXPECT_EQ(r.state("a"), TaskState::queued);
  r.advance(minutes(1));
  EXPECT_EQ(r.reasons(), "a=failed(queue_timeout)");
}

std::string gate(const std::string& on_timeout) {
  return str("tasks:\n  ask: {action: gate, with: {question: Go?, timeout: 1h",
             on_timeout.empty() ? "" : str(", on_timeout: ", on_timeout),
             "}}\n  b: {needs: [ask], action: noop}\n");
}

TEST(GateTimeout, DecidesAsTheGateSays) {
  for (const char* how : {"", "reject"}) {
    TestRun r(gate(how));
    r.start();
    r.advance(hours(1) - seconds(1));
    EXPECT_EQ(r.reasons(), "ask=waiting(gate) b=pending");
    r.advance(seconds(1));
    EXPECT_EQ(r.reasons(), "ask=failed(rejected) b=skipped(upstream_failed)");
    EXPECT_EQ(r.run_state(), "failed");
    EXPECT_TRUE(r.run.rejected);
  }
  TestRun approve(gate("approve"));
  approve.start();
  approve.advance(hours(1));
  EXPECT_EQ(approve.states(), "ask=completed b=queued");
  EXPECT_EQ(approve.extra("ask").output.dump(), R"({"approved":true,"by":"timeout"})");
}

TEST(GateTimeout, ADecisionBeforeItDisarmsIt) {
  TestRun r(gate("reject"));
  r.start();
  EXPECT_TRUE(r.approve().ok());
  r.advance(hours(2));
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(Expire, ChangesNothingBeforeTheTime) {
  TestRun r("tasks: {nap: {action: sleep, with: {for: 10m}}, a: {action: noop}}");
  r.start();
  auto before = dump_run(r.run);
  r.ctx.now = r.clock.now();
  EXPECT_TRUE(decide(r.run, Expire{}, r.ctx).ok());
  EXPECT_EQ(dump_run(r.run), before);
}

TEST(Expire, ManyTimersEndInTheirOrder) {
  TestRun r(R"(
inputs: {list: {}}
tasks: {nap: {for_each: "${{ inputs.list }}", action: sleep, with: {for: "${{ item }}s"}}}
)",
            Json::object().set("list", Json::array({5, 1, 4, 2, 3})));
  r.start();
  r.advance(seconds(10));
  EXPECT_EQ(r.run_state(), "completed");
  for (auto [path, after] : {std::pair("nap[1]", 1), {"nap[3]", 2}, {"nap[4]", 3}, {"nap[2]", 4}}) {
    EXPECT_EQ(r.row(path).finished - r.run.created, seconds(after)) << path;
  }
}

}  // namespace
}  // namespace pawl::core
