// Runs in and out of memory, large outputs, watchers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "engine/engine_testing.h"

namespace pawl::engine {
namespace {

using core::RunState;
using core::TaskState;
using testing::IsEmpty;

constexpr const char* kLarge = R"(pawl: 1
name: large
tasks:
  a: {action: noop}
  hold: {action: noop, needs: [a]}
  b: {action: noop, needs: [hold], with: {n: "${{ length(tasks.a.outputs.text) }}"}}
  fan:
    {action: noop, needs: [hold], for_each: "${{ tasks.a.outputs.items }}",
     with: {i: "${{ item }}"}}
outputs: {n: "${{ length(tasks.a.outputs.text) }}"}
)";

Json large() {
  Json items = Json::array();
  for (int i = 0; i < 100; ++i)
    items.push(i);
  return Json::object().set("text", std::string(200'000, 'x')).set("items", items);
}

BedOptions tight(bool sqlite = false) {
  BedOptions o;
  o.sqlite = sqlite;
  o.engine.cache_bytes = 1;
  return o;
}

class LoopPayloads : public testing::TestWithParam<bool> {};

TEST_P(LoopPayloads, OutlastEvictionRestartAndRecovery) {
  Bed bed(tight(GetParam()));
  RunId run = bed.submit(bed.define(kLarge));
  auto& w = bed.worker(2);
  w.complete(run, "a", large());
  bed.settle();
  EXPECT_TRUE(bed.output(run, "a").is_null());  // by reference
  bed.crash(true);
  bed.settle();
  w.complete(run, "hold");
  bed.settle();
  for (int i = 0; i < 200 && bed.state(run) == RunState::running; ++i) {
    if (const auto* b = w.holds(run, "b")) {
      EXPECT_EQ(b->with.dump(), "{\"n\":200000}");
    }
    w.complete_all();
    bed.settle();
  }
  ASSERT_EQ(bed.state(run), RunState::completed);
  EXPECT_EQ(bed.stored(run)->outputs.dump(), "{\"n\":200000}");
  auto again = bed.ask(RecoverRun{run, {"b", {}, ""}, {}});
  ASSERT_TRUE(again.ok());
  EXPECT_NE(*again, run);
  bed.crash(true);  // the new run has the large output for itself
  bed.settle();
  ASSERT_TRUE(w.holds(*again, "b"));
  EXPECT_EQ(w.holds(*again, "b")->with.dump(), "{\"n\":200000}");
  auto copy = bed.stored(*again);
  auto hash = copy->extra(*copy->find("a"))->output_hash;
  ASSERT_FALSE(hash.empty());
  EXPECT_TRUE((*bed.plain_store().read_payload(*again, hash)).has_value());
  w.complete_all();
  bed.settle();
  EXPECT_EQ(bed.stored(*again)->outputs.dump(), "{\"n\":200000}");
  EXPECT_THAT(bed.audit(), IsEmpty());
}

// Found by simulation: while a run is made of another its expressions are evaluated, before it has
// anything in the store.
TEST_P(LoopPayloads, AreReadWhileARunIsMadeOfAnother) {
  Bed bed(tight(GetParam()));
  RunId run = bed.submit(bed.define(kLarge));
  auto& w = bed.worker(200);
  w.complete(run, "a", large());
  bed.settle();
  while (bed.state(run) == RunState::running) {
    w.complete_all();
    bed.settle();
  }
  bed.crash();  // nothing of it is in memory
  auto again = bed.ask(RecoverRun{run, {"fan", {}, ""}, {}});
  ASSERT_TRUE(again.ok()) << again.error().message;
  bed.settle();
  ASSERT_TRUE(w.holds(*again, "fan[99]"));
  EXPECT_EQ(w.holds(*again, "fan[99]")->with.dump(), "{\"i\":99}");
  w.complete_all();
  bed.settle();
  EXPECT_EQ(bed.state(*again), RunState::completed);
  EXPECT_EQ(bed.stored(*again)->outputs.dump(), "{\"n\":200000}");
  EXPECT_THAT(bed.audit(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Stores, LoopPayloads, testing::Bool());

TEST(LoopCache, IsBoundedAndEverythingWorks) {
  BedOptions o;
  o.engine.cache_bytes = 32 << 10;
  Bed bed(o);
  auto id = bed.define(
      "pawl: 1\nname: c\ntasks:\n  a: {action: noop}\n  b: {action: noop, needs: [a]}\n");
  for (int i = 0; i < 2000; ++i)
    bed.post_submit({.workflow = id});
  for (int i = 0; i < 20; ++i)
    bed.settle();
  auto s = bed.statistics();
  EXPECT_LE(s.cache_bytes, 40u << 10);
  EXPECT_EQ(s.open_runs, 2000u);
  EXPECT_LT(s.cached_runs, 64u);
  auto& w = bed.worker(16);
  for (int i = 0; i < 400 && !w.held().empty(); ++i) {
    w.complete_all();
    bed.settle();
    ASSERT_LT(bed.statistics().cache_bytes, 4u << 20);
  }
  EXPECT_EQ(bed.statistics().open_runs, 0u);
  EXPECT_EQ(bed.statistics().cache_bytes, 0u);
  EXPECT_EQ(bed.state(RunId(2000)), RunState::completed);
  EXPECT_THAT(bed.ledger.problems, IsEmpty());
}

TEST(LoopCache, InspectReadsFinishedAndOpenRuns) {
  Bed bed(tight());
  auto id = bed.define("pawl: 1\nname: c\ntasks: {a: {action: noop}}\n");
  RunId run = bed.submit(id), open = bed.submit(id);
  auto& w = bed.worker(1);
  w.complete(run, "a");
  bed.settle();
  core::RunState seen{};
  auto look = [&](RunId r) {
    return bed.ask(InspectRun{r, [&](const core::Run& x) { seen = x.state; }});
  };
  ASSERT_TRUE(look(run).ok());
  EXPECT_EQ(seen, RunState::completed);
  ASSERT_TRUE(look(open).ok());
  EXPECT_EQ(seen, RunState::running);
  EXPECT_EQ(look(RunId(99)).error().code, Errc::not_found);
  EXPECT_EQ(bed.statistics().open_runs, 1u);
}

struct Watch final : Subscriber {
  std::map<RunId, std::vector<std::uint64_t>> seqs;
  void on_events(RunId run, const std::vector<core::Event>& events) override {
    for (const auto& e : events)
      seqs[run].push_back(e.seq);
  }
  void on_log(const core::LogBatch&) override {}
  void on_progress(RunId, TaskId, const core::Progress&) override {}
};

void expect_whole(const std::vector<std::uint64_t>& seqs, std::uint64_t last) {
  ASSERT_FALSE(seqs.empty());
  for (std::size_t i = 1; i < seqs.size(); ++i)
    ASSERT_EQ(seqs[i], seqs[i - 1] + 1);
  EXPECT_EQ(seqs.back(), last);
}

TEST(LoopWatch, EveryEventOnceInOrder) {
  Bed bed(tight());
  auto id = bed.define(R"(pawl: 1
name: watched
tasks:
  a: {action: noop, for_each: "${{ range(100) }}"}
  z: {action: sleep, needs: [a], with: {for: 5s}}
)");
  auto all = std::make_shared<Watch>(), one = std::make_shared<Watch>();
  bed.loop().subscribe({}, all);
  auto& w = bed.worker(7);
  auto answer = bed.post_submit({.workflow = id});
  bed.decide();
  bed.loop().subscribe(RunId(1), one);  // what the flight in hand holds is told to both
  bed.settle();
  RunId run = ***answer;
  for (int i = 0; i < 100 && !w.held().empty(); ++i) {
    w.complete_all();
    if (i == 3) {
      bed.store().fail_commit(1, Errc::io, FaultyStore::When::after);
      bed.settle();
      bed.wake();
    }
    if (i == 5) {
      bed.store().fail_commit(1, Errc::io, FaultyStore::When::before, 2);
      bed.settle();
      bed.wake();
      bed.wake();
    }
    bed.settle();
  }
  bed.wake();
  ASSERT_EQ(bed.state(run), RunState::completed);
  auto last = bed.events(run).back().seq;
  ASSERT_GT(last, 300u);
  EXPECT_EQ(all->seqs[run].size(), last);
  expect_whole(all->seqs[run], last);
  EXPECT_EQ(one->seqs[run], all->seqs[run]);
}

// Found by simulation: the flight that was to tell what an earlier one could not failed as well,
// and touched none of these runs.
TEST(LoopWatch, WhatTwoFlightsFailedToTellIsToldByTheThird) {
  Bed bed;
  RunId run = bed.submit(bed.define("pawl: 1\nname: c\ntasks: {a: {action: noop}}\n"));
  auto all = std::make_shared<Watch>();
  auto& w = bed.worker(1);
  bed.loop().subscribe({}, all);
  bed.store().fail_commit(1, Errc::io, FaultyStore::When::after, 2);
  w.complete(run, "a");
  bed.settle();
  while (bed.loop().stalled())
    bed.wake();
  ASSERT_EQ(bed.state(run), RunState::completed);
  expect_whole(all->seqs[run], bed.events(run).back().seq);
}

TEST(LoopWatch, AnEndIsToldWhenItIsDurable) {
  Bed bed;
  RunId run = bed.submit(bed.define("pawl: 1\nname: c\ntasks: {a: {action: noop}}\n"));
  auto& w = bed.worker(1);
  int told = 0;
  bed.loop().when_ended(run, [&] { ++told; });
  w.complete(run, "a");
  bed.store().fail_commit(1, Errc::disk_full);
  bed.decide();
  bed.take();
  bed.loop().when_ended(run, [&] { ++told; });  // it ended, in a flight that fails
  bed.commit();
  bed.land();
  EXPECT_EQ(told, 0);
  bed.wake();
  EXPECT_EQ(bed.state(run), RunState::completed);
  EXPECT_EQ(told, 2);
  bed.loop().when_ended(run, [&] { ++told; });
  bed.settle();
  EXPECT_EQ(told, 3);
}

}  // namespace
}  // namespace pawl::engine
