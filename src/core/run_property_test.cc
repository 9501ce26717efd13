// Random workflows driven to their ends, with failures, pauses, cancels, crashes and recoveries on
// the way. TestRun checks after each step what must hold of every run; this adds what must hold at
// the end of one.
#include <gtest/gtest.h>

#include "base/text.h"
#include "core/flow_testing.h"

namespace pawl::core {
namespace {

void check_ended(RandomStory& story) {
  const Run& run = story.run().run;
  const Workflow& w = run.workflow();
  ASSERT_TRUE(is_final(run.state));
  Time last = kNoTime;
  bool failed = false, cancelled = run.cancelling;
  auto look = [&](TaskId t) {
    failed = failed || (run.rows[t].state == TaskState::failed && !run.def(t).allow_failure);
    cancelled = cancelled || run.rows[t].state == TaskState::cancelled;
  };
  for (TaskId t : w.roots()) {
    last = std::max(last, run.rows[t].finished);
    look(t);
  }
  for (TaskId t : w.finals()) {
    const TaskRow& r = run.rows[t];
    look(t);
    if (!run.admitted || story.ended_twice()) continue;
    // Whatever happened: it ran, after all others.
    if (!run.def(t).condition) {
      bool may_skip = run.is_fan_out(t) || run.def(t).executor == Executor::group;
      EXPECT_TRUE(r.state == TaskState::completed || r.state == TaskState::failed ||
                  (may_skip && r.state == TaskState::skipped))
          << run.path(t) << " is " << to_string(r.state);
    }
    if (r.started != kNoTime) {
      EXPECT_GE(r.started, last) << run.path(t);
    }
  }
  RunState want = cancelled ? RunState::cancelled : failed ? RunState::failed : RunState::completed;
  EXPECT_EQ(run.state, want);
  EXPECT_EQ(run.error.empty(), run.state != RunState::failed);
  if (run.state == RunState::completed) {
    EXPECT_EQ(run.verdict == Verdict::warning, run.warned);
  }
  EXPECT_TRUE(run.timers.empty());
}

class RandomRuns : public testing::TestWithParam<int> {};

TEST_P(RandomRuns, HoldWhatMustHold) {
  constexpr std::uint64_t kEach = 60;
  auto first = static_cast<std::uint64_t>(GetParam()) * kEach;
  for (std::uint64_t seed = first; seed < first + kEach && !HasFailure(); ++seed) {
    RandomStory story(seed);
    SCOPED_TRACE(str("seed ", seed, "\n", story.flow()));
    for (int life = 0; life < 4 && !HasFailure(); ++life) {
      if (life > 0) story.reopen();
      for (int i = 0; i < 40 && !HasFailure(); ++i)
        story.step();
      story.finish();
      check_ended(story);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomRuns, testing::Range(0, 8));

}  // namespace
}  // namespace pawl::core
