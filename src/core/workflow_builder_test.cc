#include "core/workflow_builder.h"

#include <gtest/gtest.h>

namespace pawl::core {
namespace {

TEST(WorkflowBuilder, BuildsWithoutAFile) {
  WorkflowBuilder b;
  b.workflow().name = "x";
  TaskId a = b.add_task("a", kNoTask, false, 0), g = b.add_task("g", kNoTask, false, 0);
  b.mark_group(g);
  TaskId m = b.add_task("a", g, false, 0), z = b.add_task("z", kNoTask, true, 0);
  EXPECT_EQ(b.add_task("a", kNoTask, false, 0), kNoTask);
  EXPECT_EQ(b.add_task("z", kNoTask, false, 0), kNoTask);
  b.set_needs(g, std::vector<TaskId>{a});
  TaskDef def;
  def.action = "noop";
  std::uint32_t d = b.add_def(def);
  for (TaskId t : {a, g, m, z})
    b.set_def(t, d);
  auto w = b.finish();
  ASSERT_TRUE(w.ok());
  EXPECT_EQ((*w)->find("g.a"), m);
  EXPECT_EQ((*w)->needs(g)[0], a);
  EXPECT_EQ((*w)->dependents(a)[0], g);
  EXPECT_TRUE((*w)->needs(z).empty());
  EXPECT_EQ((*w)->finals()[0], z);
}

TEST(WorkflowBuilder, FindsEveryDisjointCycleByItsPath) {
  WorkflowBuilder b;
  std::uint32_t d = b.add_def(TaskDef{});
  for (const char* n : {"a", "b", "c", "d", "e", "f"})
    b.set_def(b.add_task(n, kNoTask, false, 0), d);
  b.set_needs(0, std::vector<TaskId>{1});
  b.set_needs(1, std::vector<TaskId>{2});
  b.set_needs(2, std::vector<TaskId>{1, 5});
  b.set_needs(3, std::vector<TaskId>{4});
  b.set_needs(4, std::vector<TaskId>{3});
  auto cycles = b.find_cycles(10);
  ASSERT_EQ(cycles.size(), 2u);
  EXPECT_EQ(cycles[0], (std::vector<TaskId>{1, 2}));
  EXPECT_EQ(cycles[1], (std::vector<TaskId>{3, 4}));
}

TEST(WorkflowBuilder, FinishRefusesACycle) {
  WorkflowBuilder b;
  std::uint32_t d = b.add_def(TaskDef{});
  for (const char* n : {"a", "b"})
    b.set_def(b.add_task(n, kNoTask, false, 0), d);
  b.set_needs(0, std::vector<TaskId>{1});
  b.set_needs(1, std::vector<TaskId>{0});
  auto w = b.finish();
  ASSERT_FALSE(w.ok());
  EXPECT_EQ(w.error().message, "tasks need each other in a circle: a -> b -> a");
}

TEST(WorkflowBuilder, RanksFollowTheNeeds) {
  WorkflowBuilder b;
  std::uint32_t d = b.add_def(TaskDef{});
  for (int i = 0; i < 200; ++i)
    b.set_def(b.add_task("t" + std::to_string(i), kNoTask, false, 0), d);
  for (TaskId t = 0; t + 1 < 200; ++t)
    b.set_needs(t, std::vector<TaskId>{t + 1});
  EXPECT_TRUE(b.find_cycles(1).empty());
  for (TaskId t = 0; t + 1 < 200; ++t)
    EXPECT_GT(b.ranks()[t], b.ranks()[t + 1]);
  EXPECT_EQ(b.find(kNoTask, "t77"), 77u);
}

}  // namespace
}  // namespace pawl::core
