// What runs hold against each other: resources and concurrency keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "engine/engine_testing.h"

namespace pawl::engine {
namespace {

using core::RunState;
using core::TaskState;
using testing::ElementsAre;
using testing::IsEmpty;

Json day(const char* d) { return Json::object().set("day", d); }

std::string keyed(const char* conflict, int limit = 1) {
  return str("pawl: 1\nname: keyed\ninputs: {day: {type: string}}\n",
             "concurrency: {key: \"${{ inputs.day }}\", limit: ", limit,
             ", on_conflict: ", conflict, "}\ntasks: {a: {action: noop}}\n");
}

std::string needs_gpu(int amount) {
  return str("pawl: 1\nname: g", amount, "\ntasks:\n  a: {action: noop, resources: {gpu: ", amount,
             "}, retry: {max_attempts: 2, backoff: 1s..1s}}\n");
}

void finish(Bed& bed, ScriptedWorker& w, RunId run) {
  w.complete(run, "a");
  bed.settle();
}

TEST(LoopResources, OneSlotUnlessToldOtherwise) {
  Bed bed;
  auto id = bed.define(needs_gpu(1));
  RunId first = bed.submit(id), second = bed.submit(id);
  auto& w = bed.worker(4);
  EXPECT_TRUE(w.holds(first, "a"));
  EXPECT_FALSE(w.holds(second, "a"));
  auto use = bed.loop().situation(second).resources;
  ASSERT_EQ(use.size(), 1u);
  EXPECT_EQ(use[0].capacity, 1u);
  EXPECT_EQ(use[0].used, 1u);
  EXPECT_THAT(use[0].holders, ElementsAre(first));
  finish(bed, w, first);
  EXPECT_TRUE(w.holds(second, "a"));
}

TEST(LoopResources, MoreThanThereIsNeverStarts) {
  BedOptions o;
  o.engine.resources = {{"gpu", 2}};
  Bed bed(o);
  RunId big = bed.submit(bed.define(needs_gpu(3))), small = bed.submit(bed.define(needs_gpu(2)));
  auto& w = bed.worker(4);
  EXPECT_FALSE(w.holds(big, "a"));
  EXPECT_TRUE(w.holds(small, "a"));
  EXPECT_EQ(bed.loop().situation(big).resources[0].capacity, 2u);
}

TEST(LoopResources, ALargeWishIsNotPassedForEver) {
  BedOptions o;
  o.engine.resources = {{"gpu", 2}};
  Bed bed(o);
  auto small = bed.define(needs_gpu(1)), large = bed.define(needs_gpu(2));
  auto& w = bed.worker(8);
  for (int i = 0; i < 2; ++i)
    bed.submit(small);
  RunId big = bed.submit(large);
  auto& elsewhere = bed.worker(0, {"elsewhere"});
  int ended = 0;
  for (; ended < 100 && !w.holds(big, "a"); ++ended) {
    bed.submit(small);  // there is always one that would fit
    finish(bed, w, w.held()[0].run);
  }
  EXPECT_GT(ended, 10);  // the others had their turns
  ASSERT_TRUE(w.holds(big, "a"));
  finish(bed, w, big);
  EXPECT_EQ(w.held().size(), 2u);  // and go on
  EXPECT_EQ(elsewhere.held().size(), 0u);
}

TEST(LoopResources, AWishThatNoWorkerServesHoldsNobodyUp) {
  BedOptions o;
  o.engine.resources = {{"gpu", 2}};
  Bed bed(o);
  auto small = bed.define(needs_gpu(1));
  auto far = bed.define(
      "pawl: 1\nname: far\ntasks: {a: {action: noop, queue: far, resources: {gpu: 2}}}\n");
  auto& w = bed.worker(8, {"default"});
  bed.submit(small);
  bed.submit(far);
  for (int i = 0; i < 50; ++i) {
    RunId next = bed.submit(small);
    finish(bed, w, w.held()[0].run);
    ASSERT_TRUE(w.holds(next, "a"));
  }
}

TEST(LoopResources, EveryKindOfEndReleases) {
  Bed bed;
  auto id = bed.define(needs_gpu(1));
  auto& w = bed.worker(2);
  auto used = [&](RunId r) { return bed.loop().situation(r).resources[0].used; };
  RunId run = bed.submit(id);
  EXPECT_EQ(used(run), 1u);
  w.fail(run, "a");
  bed.settle();
  EXPECT_EQ(used(run), 0u);
  bed.wake();  // its second attempt
  ASSERT_EQ(used(run), 1u);
  w.release(run, "a");
  bed.settle();
  ASSERT_EQ(used(run), 1u);  // taken again at once
  w.fail(run, "a", core::FailureClass::user, true);
  bed.settle();
  EXPECT_EQ(bed.state(run), RunState::failed);
  EXPECT_EQ(used(run), 0u);
  RunId other = bed.submit(id);
  ASSERT_TRUE(bed.command(other, core::Cancel{"me"}).ok());
  EXPECT_EQ(used(other), 1u);
  w.confirm_cancel(other, "a");
  bed.settle();
  EXPECT_EQ(used(other), 0u);
  RunId third = bed.submit(id);
  w.leave();
  bed.settle();
  EXPECT_EQ(used(third), 0u);
}

TEST(LoopResources, HeldAcrossARestartBeforeAnythingIsGivenOut) {
  Bed bed;
  auto id = bed.define(needs_gpu(1));
  auto& w = bed.worker(1);
  RunId first = bed.submit(id);
  RunId second = bed.submit(id);
  bed.crash(true);
  w.offer(3);
  bed.settle();
  EXPECT_THAT(w.paths(), ElementsAre("a"));
  finish(bed, w, first);
  EXPECT_EQ(bed.state(first), RunState::completed);
  EXPECT_EQ(w.held()[0].run, second);
  EXPECT_EQ(w.refusals.size(), 0u);
}

TEST(LoopKeys, WaitInOrder) {
  Bed bed;
  auto id = bed.define(keyed("queue"));
  auto& w = bed.worker(9);
  RunId a = bed.submit(id, day("mon")), b = bed.submit(id, day("mon")),
        c = bed.submit(id, day("mon"));
  RunId other = bed.submit(id, day("tue"));
  EXPECT_EQ(bed.state(a), RunState::running);
  EXPECT_EQ(bed.state(b), RunState::pending);
  EXPECT_EQ(bed.state(other), RunState::running);
  EXPECT_THAT(bed.loop().situation(b).key_holders, ElementsAre(a));
  finish(bed, w, a);
  EXPECT_EQ(bed.state(b), RunState::running);
  EXPECT_EQ(bed.state(c), RunState::pending);
  finish(bed, w, b);
  EXPECT_EQ(bed.state(c), RunState::running);
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST(LoopKeys, LimitsAboveOneAndRaisedLimits) {
  Bed bed;
  auto id = bed.define(keyed("queue", 2));
  auto& w = bed.worker(9);
  std::vector<RunId> runs;
  for (int i = 0; i < 5; ++i)
    runs.push_back(bed.submit(id, day("mon")));
  EXPECT_EQ(w.held().size(), 2u);
  w.complete_all();  // two places at once
  bed.settle();
  EXPECT_EQ(bed.state(runs[3]), RunState::running);
  EXPECT_EQ(bed.state(runs[4]), RunState::pending);
  RunId wide = bed.submit(bed.define(keyed("queue", 4)), day("mon"));
  EXPECT_EQ(bed.state(runs[4]), RunState::running);
  EXPECT_EQ(bed.state(wide), RunState::running);
}

TEST(LoopKeys, Reject) {
  Bed bed;
  auto id = bed.define(keyed("reject"));
  auto& w = bed.worker(1);
  RunId a = bed.submit(id, day("mon"));
  auto refused = bed.post_submit({.workflow = id, .inputs = day("mon")});
  bed.settle();
  EXPECT_EQ((**refused).error().code, Errc::conflict);
  finish(bed, w, a);
  EXPECT_EQ(bed.state(bed.submit(id, day("mon"))), RunState::running);
}

TEST(LoopKeys, CancelOlder) {
  Bed bed;
  auto id = bed.define(keyed("cancel_older"));
  auto& w = bed.worker(1);
  RunId a = bed.submit(id, day("mon")), b = bed.submit(id, day("mon"));
  RunId c = bed.submit(id, day("mon"));
  EXPECT_EQ(bed.state(b), RunState::cancelled);
  EXPECT_EQ(bed.state(c), RunState::pending);
  ASSERT_EQ(w.cancelled.size(), 1u);
  w.confirm_cancel(a, "a");
  bed.settle();
  EXPECT_EQ(bed.state(a), RunState::cancelled);
  EXPECT_TRUE(w.holds(c, "a"));
}

TEST(LoopKeys, CancelOlderLeavesAsManyAsTheLimit) {
  Bed bed;
  auto id = bed.define(keyed("cancel_older", 2));
  auto& w = bed.worker(9);
  RunId a = bed.submit(id, day("mon")), b = bed.submit(id, day("mon"));
  EXPECT_EQ(bed.state(a), RunState::running);
  RunId c = bed.submit(id, day("mon"));
  w.confirm_cancel(a, "a");
  bed.settle();
  EXPECT_EQ(bed.state(a), RunState::cancelled);
  EXPECT_EQ(bed.state(b), RunState::running);
  EXPECT_TRUE(w.holds(c, "a"));
}

TEST(LoopKeys, CancelAndPauseWhileWaiting) {
  Bed bed;
  auto id = bed.define(keyed("queue"));
  auto& w = bed.worker(9);
  RunId a = bed.submit(id, day("mon")), b = bed.submit(id, day("mon")),
        c = bed.submit(id, day("mon"));
  ASSERT_TRUE(bed.command(b, core::Cancel{"me"}).ok());
  EXPECT_EQ(bed.state(b), RunState::cancelled);
  ASSERT_TRUE(bed.command(c, core::Pause{"me"}).ok());
  bed.crash(true);
  bed.settle();
  finish(bed, w, a);
  EXPECT_EQ(bed.state(c), RunState::paused);
  ASSERT_TRUE(bed.command(c, core::Resume_{"me"}).ok());
  EXPECT_TRUE(w.holds(c, "a"));
  finish(bed, w, c);
  EXPECT_EQ(bed.state(c), RunState::completed);
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST(LoopKeys, ARestartKeepsHoldersAndTheOrderOfWaiters) {
  BedOptions o;
  o.engine.cache_bytes = 1;
  Bed bed(o);
  auto id = bed.define(keyed("queue"));
  auto& w = bed.worker(9);
  std::vector<RunId> runs;
  for (int i = 0; i < 6; ++i)
    runs.push_back(bed.submit(id, day("mon")));
  for (RunId run : runs) {
    bed.crash(true);
    bed.settle();
    ASSERT_THAT(w.held().size(), 1u);
    ASSERT_EQ(w.held()[0].run, run);
    finish(bed, w, run);
  }
  EXPECT_EQ(bed.state(runs.back()), RunState::completed);
}

TEST(LoopKeys, RetryAndRecoverTakeItAgain) {
  Bed bed;
  auto id = bed.define(keyed("queue"));
  auto& w = bed.worker(9);
  RunId a = bed.submit(id, day("mon"));
  w.fail(a, "a");
  bed.settle();
  ASSERT_EQ(bed.state(a), RunState::failed);
  RunId b = bed.submit(id, day("mon"));
  EXPECT_EQ(bed.command(a, core::Retry{}).error().code, Errc::conflict);
  EXPECT_EQ(bed.ask(RecoverRun{a, {"a", {}, ""}, {}}).error().code, Errc::conflict);
  finish(bed, w, b);
  ASSERT_TRUE(bed.command(a, core::Retry{}).ok());
  RunId c = bed.submit(id, day("mon"));
  EXPECT_EQ(bed.state(c), RunState::pending);
  EXPECT_EQ(bed.ask(RecoverRun{b, {"a", {}, ""}, {}}).error().code, Errc::conflict);
  auto elsewhere = bed.ask(RecoverRun{b, {"a", {}, ""}, day("tue")});  // another key: free
  ASSERT_TRUE(elsewhere.ok());
  EXPECT_TRUE(w.holds(*elsewhere, "a"));
  finish(bed, w, a);
  EXPECT_EQ(bed.state(c), RunState::running);
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST(LoopHolds, WorkersThatJoinTogetherKeepWhatTheyHold) {
  Bed bed;
  // Resources are read before anybody may join, so that the attempts are known by then.
  auto id = bed.define(R"(pawl: 1
name: w
tasks:
  a: {action: noop, resources: {x: 1}}
  b: {action: noop, resources: {y: 1}}
)");
  auto& one = bed.worker(1);
  auto& two = bed.worker(1);
  RunId run = bed.submit(id);
  ASSERT_EQ(one.held().size(), 1u);
  ASSERT_EQ(two.held().size(), 1u);
  bed.crash(true);
  bed.settle();
  EXPECT_EQ(bed.ledger.refusals, 0u);
  one.complete_all();
  two.complete_all();
  bed.settle();
  EXPECT_EQ(bed.state(run), core::RunState::completed);
  for (TaskId t : {0u, 1u})
    EXPECT_EQ(bed.stored(run)->rows[t].attempt, 1u);
}

// Found by simulation: runs are read again one by one. The holder, which was being cancelled and
// whose worker is gone, ends as it is read, before the one that waits is known again.
TEST(LoopKeys, IsGivenOnByAHolderThatEndsWhileOthersAreReadAgain) {
  Bed bed;
  auto id = bed.define(keyed("queue"));
  auto& w = bed.worker(1);
  RunId first = bed.submit(id, day("mon")), second = bed.submit(id, day("mon"));
  ASSERT_TRUE(w.holds(first, "a"));
  ASSERT_TRUE(bed.command(first, core::Cancel{"me"}).ok());
  bed.store().fail_commit(1, Errc::unavailable);  // the one in which the new life's worker joins
  bed.crash();
  bed.settle();
  while (bed.loop().stalled())
    bed.wake();
  EXPECT_EQ(bed.state(first), RunState::cancelled);
  EXPECT_EQ(bed.state(second), RunState::running);
  EXPECT_TRUE(w.holds(second, "a"));
}

// Found by simulation: the same, but another holder is read after the one that ends. The key has
// two places, and one of them is still taken.
TEST(LoopKeys, IsNotGivenOnWhileAHolderIsNotReadYet) {
  Bed bed;
  auto id = bed.define(keyed("queue", 2));
  auto& w = bed.worker(2);
  RunId first = bed.submit(id, day("mon")), second = bed.submit(id, day("mon"));
  RunId third = bed.submit(id, day("mon")), fourth = bed.submit(id, day("mon"));
  ASSERT_TRUE(w.holds(second, "a"));
  ASSERT_TRUE(bed.command(first, core::Cancel{"me"}).ok());
  bed.store().fail_commit(1, Errc::unavailable);  // the one in which the new life's worker joins
  bed.crash();
  bed.settle();
  while (bed.loop().stalled())
    bed.wake();
  EXPECT_EQ(bed.state(first), RunState::cancelled);
  EXPECT_EQ(bed.state(second), RunState::running);
  EXPECT_EQ(bed.state(third), RunState::running);
  EXPECT_EQ(bed.state(fourth), RunState::pending);
}

}  // namespace
}  // namespace pawl::engine
