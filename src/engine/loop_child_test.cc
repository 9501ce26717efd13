// Runs that start runs: together in one commit, and tied to each other until both have ended.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "engine/engine_testing.h"

namespace pawl::engine {
namespace {

using core::RunState;
using core::TaskState;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kChild = R"(pawl: 1
name: child
inputs: {n: {type: integer, default: 1, maximum: 9}}
tasks: {x: {action: noop}}
outputs: {n: "${{ inputs.n }}"}
)";

std::string parent(const char* with = "{workflow: child, inputs: {n: 3}}", const char* more = "") {
  return str("pawl: 1\nname: parent\ntasks:\n  sub: {action: workflow, with: ", with, more, "}\n",
             "  then: {action: noop, needs: [sub], with: {n: \"${{ tasks.sub.outputs.n }}\"}}\n");
}

std::string error_of(Bed& bed, RunId run) { return bed.stored(run)->error; }

TEST(LoopChild, StartsInTheSameCommitAndHandsItsOutputsOn) {
  Bed bed;
  bed.define(kChild);
  auto id = bed.define(parent());
  auto& w = bed.worker(1);
  auto before = bed.store().commits();
  RunId run = bed.submit(id);
  EXPECT_EQ(bed.store().commits(), before + 1);
  RunId child(run.value + 1);
  EXPECT_EQ(bed.stored(child)->parent, run);
  ASSERT_TRUE(w.holds(child, "x"));
  w.complete(child, "x");
  bed.settle();
  EXPECT_EQ(bed.store().commits(), before + 2);  // its end and the parent's next start
  ASSERT_TRUE(w.holds(run, "then"));
  EXPECT_EQ(w.holds(run, "then")->with.dump(), "{\"n\":3}");
  w.complete_all();
  bed.settle();
  EXPECT_EQ(bed.state(run), RunState::completed);
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST(LoopChild, AFailureIsTheTasksAndIsRetriedAsANewRun) {
  Bed bed;
  bed.define(kChild);
  auto& w = bed.worker(1);
  RunId run = bed.submit(
      bed.define(parent("{workflow: child}", ", retry: {max_attempts: 2, backoff: 1s..1s}")));
  w.fail(RunId(2), "x");
  bed.settle();
  EXPECT_EQ(bed.state(RunId(2)), RunState::failed);
  EXPECT_EQ(bed.task(run, "sub"), TaskState::retrying);
  bed.crash();
  bed.settle();
  bed.wake();
  ASSERT_TRUE(w.holds(RunId(3), "x"));
  w.fail(RunId(3), "x");
  bed.settle();
  EXPECT_EQ(bed.state(run), RunState::failed);
  EXPECT_THAT(error_of(bed, run), HasSubstr("run 3 failed"));
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST(LoopChild, CancelOfTheParentReachesIt) {
  Bed bed;
  bed.define(kChild);
  auto& w = bed.worker(1);
  RunId run = bed.submit(bed.define(parent()));
  ASSERT_TRUE(bed.command(run, core::Cancel{"me"}).ok());
  ASSERT_EQ(w.cancelled.size(), 1u);
  EXPECT_EQ(bed.state(run), RunState::running);
  bed.crash(true);  // and is sent again
  bed.settle();
  ASSERT_EQ(w.cancelled.size(), 2u);
  w.confirm_cancel(RunId(2), "x");
  bed.settle();
  EXPECT_EQ(bed.state(RunId(2)), RunState::cancelled);
  EXPECT_EQ(bed.state(run), RunState::cancelled);
}

TEST(LoopChild, CancelledByAPersonItFailsTheTask) {
  Bed bed;
  bed.define(kChild);
  auto& w = bed.worker(1);
  RunId run = bed.submit(bed.define(parent()));
  ASSERT_TRUE(bed.command(RunId(2), core::Cancel{"me"}).ok());
  w.confirm_cancel(RunId(2), "x");
  bed.settle();
  EXPECT_EQ(bed.state(run), RunState::failed);
  EXPECT_THAT(error_of(bed, run), HasSubstr("run 2 cancelled"));
}

TEST(LoopChild, UnknownNamesAndWrongInputsFailTheTask) {
  Bed bed;
  RunId unknown = bed.submit(bed.define(parent("{workflow: nobody}")));
  EXPECT_EQ(bed.state(unknown), RunState::failed);
  EXPECT_THAT(error_of(bed, unknown), HasSubstr("nobody"));
  bed.define(kChild);
  RunId wrong = bed.submit(bed.define(parent("{workflow: child, inputs: {n: 10}}")));
  EXPECT_EQ(bed.state(wrong), RunState::failed);
  EXPECT_THAT(error_of(bed, wrong), HasSubstr("n"));
}

TEST(LoopChild, AWorkflowThatStartsItselfEnds) {
  Bed bed;
  RunId run = bed.submit(bed.define(
      "pawl: 1\nname: self\ntasks: {again: {action: workflow, with: {workflow: self}}}\n"));
  EXPECT_EQ(bed.state(run), RunState::failed);
  EXPECT_LE(bed.plain_store().last_run_id()->value, 17);
  EXPECT_GE(bed.plain_store().last_run_id()->value, 10);
}

// -- Timers

TEST(LoopTimers, RetrySleepGateAndQueueTimeout) {
  Bed bed;
  RunId run = bed.submit(bed.define(R"(pawl: 1
name: timers
tasks:
  nap: {action: sleep, with: {for: 10s}}
  gate: {action: gate, with: {question: ok?, timeout: 20s, on_timeout: approve}}
  late: {action: noop, queue: nobody, timeout: {queue: 30s}, allow_failure: true}
)"));
  EXPECT_EQ(bed.task(run, "nap"), TaskState::waiting);
  bed.advance(std::chrono::seconds(9));
  EXPECT_EQ(bed.task(run, "nap"), TaskState::waiting);
  bed.advance(std::chrono::seconds(1));
  EXPECT_EQ(bed.task(run, "nap"), TaskState::completed);
  bed.crash();
  bed.settle();
  bed.advance(std::chrono::seconds(10));
  EXPECT_EQ(bed.task(run, "gate"), TaskState::completed);
  bed.clock.jump_wall(-std::chrono::hours(1));
  bed.settle();
  EXPECT_EQ(bed.task(run, "late"), TaskState::queued);
  bed.clock.jump_wall(std::chrono::hours(2));
  bed.settle();
  EXPECT_EQ(bed.task(run, "late"), TaskState::failed);
  EXPECT_EQ(bed.state(run), RunState::completed);
}

TEST(LoopTimers, ManyFireInTheOrderOfTheirTimes) {
  BedOptions o;
  o.engine.cache_bytes = 64 << 10;  // most runs are not in memory when their time comes
  Bed bed(o);
  auto id = bed.define(R"(pawl: 1
name: nap
inputs: {s: {type: integer}}
tasks: {z: {action: sleep, with: {for: "${{ format('{0}s', inputs.s) }}"}}}
)");
  constexpr int kRuns = 10'000;
  for (int i = 0; i < kRuns; ++i) {
    bed.post_submit({.workflow = id, .inputs = Json::object().set("s", 1 + (i * 7919) % kRuns)});
  }
  bed.settle();
  for (int i = 0; i < 20; ++i)
    bed.settle();  // memory is given back a step at a time
  EXPECT_LT(bed.statistics().cache_bytes, 128u << 10);
  int ended = 0;
  Time last = kNoTime;
  bed.store().on_commit([&](const store::Batch& batch) {
    EXPECT_GE(bed.clock.now(), last);
    last = bed.clock.now();
    ended += static_cast<int>(batch.runs.size());
  });
  for (int i = 1; i <= kRuns; i += 1000) {
    bed.advance(std::chrono::seconds(1000));
    EXPECT_EQ(ended, i + 999);
  }
  EXPECT_FALSE(bed.wake());
  EXPECT_EQ(bed.statistics().open_runs, 0u);
}

TEST(LoopChild, ARefusedRecoverStartsNothing) {
  Bed bed;
  bed.define(kChild);
  auto id = bed.define(
      "pawl: 1\nname: one\nconcurrency: {key: all}\n"
      "tasks: {sub: {action: workflow, with: {workflow: child}}}\n");
  auto& w = bed.worker(1);
  RunId old = bed.submit(id);
  w.complete_all();
  bed.settle();
  ASSERT_EQ(bed.state(old), RunState::completed);
  bed.submit(id);  // holds the key
  RunId other = bed.submit(
      bed.define("pawl: 1\nname: g\ntasks: {ask: {action: gate, with: {question: q}}}\n"));
  auto refused = bed.post(RecoverRun{old, {"sub", {}, ""}, {}});
  EXPECT_TRUE(bed.command(other, core::Pause{}).ok());  // the next run that is decided
  EXPECT_EQ((**refused).error().code, Errc::conflict);
  EXPECT_EQ(bed.task(other, "ask"), TaskState::waiting);
  EXPECT_EQ(*bed.plain_store().last_run_id(), other);
}

}  // namespace
}  // namespace pawl::engine
