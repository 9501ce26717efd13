// Workers on other machines come back one after the other when the engine starts again: what they
// run waits for them, but not for ever.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine_testing.h"

namespace pawl::engine {
namespace {

using core::TaskState;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

struct Link final : core::WorkerLink {
  void assign(std::vector<core::Assignment> batch) override {
    for (auto& a : batch)
      given.push_back(a.fence);
  }
  void cancel(const core::Fence& f) override { cancelled.push_back(f); }
  void refused(const core::Fence& f) override { refusals.push_back(f); }
  std::vector<core::Fence> given, cancelled, refusals;
};

BedOptions with_reunion() {
  BedOptions options;
  options.engine.reunion = seconds(30);
  return options;
}

struct Reunion : testing::Test {
  Bed bed{with_reunion()};
  RunId run;
  core::Fence fence;
  std::shared_ptr<Link> link = std::make_shared<Link>();

  // One task runs on a worker that does not come back by itself; another worker does.
  void SetUp() override {
    auto id = bed.define("pawl: 1\nname: w\ntasks: {a: {action: noop}}\n");
    auto& w = bed.worker(1);
    run = bed.submit(id);
    ASSERT_EQ(w.held().size(), 1u);
    fence = w.held()[0];
    bed.crash(false);
    bed.settle();
  }
  void complete_as(WorkerId worker) {
    core::Report r;
    r.fence = fence;
    r.kind = core::ReportKind::completed;
    bed.port().report(worker, {r}, 0);
    bed.settle();
  }
};

TEST_F(Reunion, ItGoesOnWithItsOwnWorkerThoughAnotherCameFirst) {
  bed.advance(seconds(29));
  EXPECT_EQ(bed.task(run, "a"), TaskState::running);
  EXPECT_THAT(bed.workers()[0]->held(), IsEmpty());
  auto id = bed.port().join({.name = "late"}, link, {fence});
  bed.settle();
  bed.advance(seconds(60));
  EXPECT_EQ(bed.task(run, "a"), TaskState::running);
  complete_as(id);
  EXPECT_EQ(bed.task(run, "a"), TaskState::completed);
  EXPECT_THAT(link->refusals, IsEmpty());
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST_F(Reunion, ItIsDoneAgainOnceItsTimeHasPassedAndTheLateOneIsRefused) {
  EXPECT_EQ(bed.task(run, "a"), TaskState::running);
  ASSERT_TRUE(bed.wake());  // the engine wakes for it by itself
  EXPECT_THAT(bed.workers()[0]->held(), ElementsAre(core::Fence{run, 0, 2, 2}));
  auto id = bed.port().join({.name = "late"}, link, {fence});
  bed.settle();
  EXPECT_THAT(link->refusals, ElementsAre(fence));
  complete_as(id);
  EXPECT_EQ(bed.task(run, "a"), TaskState::running);
  bed.workers()[0]->complete(run, "a");
  bed.settle();
  EXPECT_EQ(bed.state(run), core::RunState::completed);
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST_F(Reunion, WhoeverJoinsAfterItsTimeStillSaysFirstWhatItHolds) {
  Bed alone{with_reunion()};
  auto id = alone.define("pawl: 1\nname: w\ntasks: {a: {action: noop}}\n");
  auto& w = alone.worker(1);
  auto only = alone.submit(id);
  auto held = w.held()[0];
  w.present = false;  // nobody joins the next engine
  alone.crash(false);
  alone.advance(seconds(300));
  EXPECT_EQ(alone.task(only, "a"), TaskState::running);
  alone.port().join({.name = "late"}, link, {held});
  alone.settle();
  EXPECT_EQ(alone.task(only, "a"), TaskState::running);
  EXPECT_THAT(link->refusals, IsEmpty());
}

}  // namespace
}  // namespace pawl::engine
