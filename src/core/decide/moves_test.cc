// Every row of the transition tables is taken by some test of this binary, and no other is. Counted
// from the events of every TestRun; looked at when all tests have run (a filtered run looks at
// nothing). A row that no test can take does not belong into the table.
#include <gtest/gtest.h>

#include "core/run_testing.h"

namespace pawl::core {
namespace {

class MovesTaken : public testing::Environment {
 public:
  void TearDown() override {
    const auto* unit = testing::UnitTest::GetInstance();
    if (unit->test_to_run_count() != unit->total_test_count()) return;
    if (!unit->Passed()) return;  // what failed says more
    const SeenMoves& seen = seen_moves();
    for (const TaskMove& m : kTaskMoves) {
      EXPECT_TRUE(seen.tasks.count({m.from, m.to}))
          << "no test took a task from " << to_string(m.from) << " to " << to_string(m.to);
    }
    for (const RunMove& m : kRunMoves) {
      EXPECT_TRUE(seen.runs.count({m.from, m.to}))
          << "no test took a run from " << to_string(m.from) << " to " << to_string(m.to);
    }
  }
};

[[maybe_unused]] const auto* const kEnvironment = testing::AddGlobalTestEnvironment(new MovesTaken);

TEST(Moves, OnlyTheTablesRowsAreMoves) {
  EXPECT_FALSE(may_move(TaskState::completed, TaskState::pending, Cause::progress));
  EXPECT_TRUE(may_move(TaskState::completed, TaskState::pending, Cause::recover));
  for (int from = 0; from < kTaskStateCount; ++from) {
    auto s = static_cast<TaskState>(from);
    EXPECT_FALSE(may_move(s, s, Cause::progress)) << to_string(s);
    EXPECT_FALSE(may_move(s, s, Cause::recover)) << to_string(s);
    EXPECT_EQ(parse_task_state(to_string(s)), s);
  }
  for (int from = 0; from < kRunStateCount; ++from) {
    auto s = static_cast<RunState>(from);
    EXPECT_FALSE(may_move(s, s, Cause::progress)) << to_string(s);
    EXPECT_EQ(parse_run_state(to_string(s)), s);
  }
  EXPECT_FALSE(parse_task_state("done"));
  EXPECT_FALSE(parse_run_state(""));
}

TEST(Moves, NamesOfReasonsAreDistinct) {
  std::set<std::string> names;
  for (int i = 0; i < kReasonCount; ++i)
    names.insert(to_string(static_cast<Reason>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kReasonCount));
}

}  // namespace
}  // namespace pawl::core
