// The plain ways through the loop: who gets what, in which order, in which commit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "engine/engine_testing.h"

namespace pawl::engine {
namespace {

using core::RunState;
using core::TaskState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kChain =
    "pawl: 1\nname: chain\ntasks:\n  a: {action: noop}\n  b: {action: noop, needs: [a]}\n";
constexpr const char* kOne = "pawl: 1\nname: one\ntasks: {a: {action: noop}}\n";

TEST(Loop, SubmitClaimComplete) {
  Bed bed;
  auto id = bed.define(kChain);
  RunId run = bed.submit(id);
  EXPECT_EQ(bed.task(run, "a"), TaskState::queued);
  auto& w = bed.worker(1);
  EXPECT_THAT(w.paths(), ElementsAre("a"));
  w.complete(run, "a", Json::object().set("n", 1));
  bed.settle();
  EXPECT_THAT(w.paths(), ElementsAre("b"));
  w.complete(run, "b");
  bed.settle();
  EXPECT_EQ(bed.state(run), RunState::completed);
  EXPECT_EQ(bed.output(run, "a").dump(), "{\"n\":1}");
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST(Loop, WhoTakesItsOfferBackIsGivenNothing) {
  Bed bed;
  RunId run = bed.submit(bed.define(kOne));
  auto& w = bed.worker(3);
  ASSERT_TRUE(w.holds(run, "a"));
  w.offer(0);
  core::Report r;
  r.fence = w.held()[0];
  r.kind = core::ReportKind::released;
  w.report(std::move(r), false);
  bed.settle();
  EXPECT_EQ(bed.task(run, "a"), TaskState::queued);
  EXPECT_EQ(bed.stored(run)->rows[0].attempt, 1u);
  EXPECT_EQ(bed.stored(run)->rows[0].failures, 0u);
  w.offer(1);
  bed.settle();
  EXPECT_TRUE(w.holds(run, "a"));
}

TEST(Loop, ACompletionAndTheNextStartShareACommit) {
  Bed bed;
  RunId run = bed.submit(bed.define(kChain));
  auto& w = bed.worker(1);
  auto before = bed.store().commits();
  w.complete(run, "a");
  bed.settle();
  EXPECT_THAT(w.paths(), ElementsAre("b"));
  EXPECT_EQ(bed.store().commits(), before + 1);
}

TEST(Loop, NothingIsAnsweredOrAssignedBeforeItsCommit) {
  Bed bed;
  auto id = bed.define(kOne);
  auto& w = bed.worker(1);
  auto answer = bed.post_submit({.workflow = id});
  bed.decide();
  EXPECT_TRUE(bed.take());
  EXPECT_FALSE(answer->has_value());
  bed.commit();
  EXPECT_FALSE(answer->has_value());
  EXPECT_THAT(w.paths(), IsEmpty());
  bed.land();
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE((**answer).ok());
  EXPECT_THAT(w.paths(), ElementsAre("a"));
}

TEST(Loop, ManySubmissionsShareACommit) {
  Bed bed;
  auto id = bed.define(kOne);
  auto before = bed.store().commits();
  std::vector<Bed::Answer> answers;
  for (int i = 0; i < 100; ++i)
    answers.push_back(bed.post_submit({.workflow = id}));
  bed.settle();
  EXPECT_EQ(bed.store().commits(), before + 1);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ((***answers[i]).value, static_cast<std::int64_t>(i + 1));
  }
}

TEST(Loop, GivesOutNoMoreThanWasOffered) {
  Bed bed;
  auto id = bed.define(kOne);
  for (int i = 0; i < 50; ++i)
    bed.submit(id);
  auto& first = bed.worker(3);
  auto& second = bed.worker(0);
  EXPECT_EQ(first.held().size(), 3u);
  EXPECT_EQ(second.held().size(), 0u);
  second.offer(5);
  bed.settle();
  EXPECT_EQ(second.held().size(), 5u);
  first.complete_all();
  bed.settle();
  EXPECT_EQ(first.held().size(), 3u);
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST(Loop, WorkersServeTheirQueues) {
  Bed bed;
  RunId run = bed.submit(bed.define(
      "pawl: 1\nname: q\ntasks:\n  a: {action: noop, queue: gpu}\n  b: {action: noop}\n"));
  auto& plain = bed.worker(4, {"default"});
  EXPECT_THAT(plain.paths(), ElementsAre("b"));
  auto& gpu = bed.worker(4, {"gpu"});
  EXPECT_THAT(gpu.paths(), ElementsAre("a"));
  plain.complete_all();
  gpu.complete_all();
  bed.settle();
  EXPECT_EQ(bed.state(run), RunState::completed);
}

TEST(Loop, PrioritiesOfTasksAndRuns) {
  Bed bed;
  auto id = bed.define(
      "pawl: 1\nname: p\ntasks:\n  low: {action: noop, priority: -5}\n  high: {action: noop, "
      "priority: 5}\n");
  RunId first = bed.submit(id);
  RunId urgent = bed.submit(id, Json::object(), 10);
  auto& w = bed.worker(1);
  std::vector<std::string> order;
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(w.held().size(), 1u);
    order.push_back(str(w.held()[0].run == urgent ? "urgent " : "first ", w.paths()[0]));
    w.complete_all();
    bed.settle();
  }
  EXPECT_THAT(order, ElementsAre("urgent high", "first high", "urgent low", "first low"));
  EXPECT_EQ(bed.state(first), RunState::completed);
}

TEST(Loop, AWideRunDoesNotStarveANarrowOne) {
  Bed bed;
  auto wide = bed.define(
      "pawl: 1\nname: wide\ntasks:\n  a: {action: noop, for_each: \"${{ range(10000) }}\"}\n");
  auto narrow = bed.define("pawl: 1\nname: narrow\ntasks: {b: {action: noop}}\n");
  bed.submit(wide);
  RunId small = bed.submit(narrow);
  auto& w = bed.worker(1);
  int before = 0;
  while (!w.holds(small, "b")) {
    ASSERT_LT(++before, 100);
    w.complete_all();
    bed.settle();
  }
}

TEST(Loop, ARunOfManyQueuesListsThemAll) {
  std::string text = "pawl: 1\nname: many\ntasks:\n";
  for (int i = 0; i < 80; ++i)
    text += str("  t", i, ": {action: noop, queue: q", i, "}\n");
  Bed bed;
  bed.submit(bed.define(text));
  // Nobody serves q63; what stands behind it in the run is served all the same.
  auto& w = bed.worker(10, {"q5", "q64", "q79"});
  EXPECT_THAT(w.paths(), testing::UnorderedElementsAre("t5", "t64", "t79"));
}

TEST(Loop, AnExpressionThatFailsBringsWorkToALaneThatWasPassed) {
  Bed bed;
  RunId run = bed.submit(bed.define(R"(pawl: 1
name: passed
tasks:
  bad: {action: noop, with: {n: "${{ number('x') }}"}}
  after: {action: noop, needs: [bad], if: always(), priority: 50}
)"));
  auto& w = bed.worker(1);
  EXPECT_EQ(bed.task(run, "bad"), TaskState::failed);
  EXPECT_THAT(w.paths(), ElementsAre("after"));
}

TEST(Loop, AWorkerThatLeavesGivesBackWhatItHeld) {
  Bed bed;
  RunId run = bed.submit(bed.define(kOne));
  auto& first = bed.worker(1);
  ASSERT_TRUE(first.holds(run, "a"));
  auto& second = bed.worker(1);
  first.leave();
  bed.settle();
  ASSERT_TRUE(second.holds(run, "a"));
  EXPECT_EQ(second.held()[0].attempt, 2u);
  second.complete_all();
  bed.settle();
  EXPECT_EQ(bed.state(run), RunState::completed);
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST(Loop, AnAssignmentToAWorkerThatLeftMeanwhileReachesNobodyElse) {
  Bed bed;
  auto id = bed.define(kOne);
  auto& stays = bed.worker(1);
  auto& goes = bed.worker(1);
  bed.post_submit({.workflow = id});
  bed.post_submit({.workflow = id});
  bed.decide();
  bed.take();
  goes.leave();
  bed.decide();  // it leaves while its assignment is being committed
  bed.commit();
  bed.land();
  EXPECT_EQ(stays.held().size(), 1u);
  bed.settle();
  stays.complete_all();
  bed.settle();
  EXPECT_EQ(stays.held().size(), 1u);  // the other one came back
  stays.complete_all();
  bed.settle();
  EXPECT_EQ(bed.state(RunId(2)), RunState::completed);
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST(Loop, IdempotencyKeys) {
  Bed bed;
  auto id =
      bed.define("pawl: 1\nname: i\ninputs: {n: {type: integer}}\ntasks: {a: {action: noop}}\n");
  auto ask = [&](int n, const char* key) {
    return bed.post_submit(
        {.workflow = id, .inputs = Json::object().set("n", n), .idempotency_key = key});
  };
  auto first = ask(1, "k"), same = ask(1, "k"), other = ask(2, "k");  // in one flight
  bed.decide();
  bed.take();
  auto flying = ask(1, "k"), other_flying = ask(2, "k");  // while it is out
  bed.decide();
  bed.commit();
  bed.land();
  bed.settle();
  auto later = ask(1, "k"), other_later = ask(2, "k");
  bed.settle();
  EXPECT_EQ((***first), (***same));
  EXPECT_EQ((***first), (***flying));
  EXPECT_EQ((***first), (***later));
  for (const auto& refused : {other, other_flying, other_later}) {
    ASSERT_FALSE((**refused).ok());
    EXPECT_EQ((**refused).error().code, Errc::conflict);
  }
  EXPECT_EQ(bed.plain_store().last_run_id()->value, 1);
}

TEST(Loop, AWorkflowRegisteredTwiceAtOnceIsOneVersion) {
  Bed bed;
  auto first = bed.post_define(kOne), same = bed.post_define(kOne);
  bed.decide();
  bed.take();
  auto flying = bed.post_define(kOne);
  auto newer = bed.post_define("pawl: 1\nname: one\ntasks: {z: {action: noop}}\n");
  bed.decide();
  bed.commit();
  bed.land();
  bed.settle();
  ASSERT_TRUE((**first).ok() && (**same).ok() && (**flying).ok() && (**newer).ok());
  EXPECT_EQ(***first, ***same);
  EXPECT_EQ(***first, ***flying);
  EXPECT_NE(***first, ***newer);
  EXPECT_EQ((*bed.plain_store().load_workflow(***newer))->version, 2);
}

}  // namespace
}  // namespace pawl::engine
