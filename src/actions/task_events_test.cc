#include "actions/task_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pawl::actions {
namespace {

using ::testing::HasSubstr;

TaskEvents read(std::string_view line) {
  TaskEvents events;
  read_event_line(line, 7, events);
  return events;
}

TEST(TaskEvents, WhatALineMaySay) {
  EXPECT_EQ(read(R"({"progress": {"current": 3, "total": 10, "unit": "epoch"}})").progress->total,
            10);
  EXPECT_EQ(read(R"({"progress": {"current": 3}})").progress->total, 0);
  const auto metrics = read(R"({"metric": {"loss": 0.5, "step": 3}})").metrics;
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_EQ(metrics[1].second, 3.0);
  EXPECT_EQ(read(R"({"warning": "x"})").warnings[0], "x");
  EXPECT_EQ(read(R"({"failure_class": "oom"})").failure_class, core::FailureClass::oom);
  EXPECT_TRUE(read(R"({"checkpoint": "best"})").best_checkpoint);
  EXPECT_FALSE(read("  ").any());
}

TEST(TaskEvents, BadLinesAreNamed) {
  for (auto line : {"{", "[1]", "3", R"({"progress": 3})", R"({"progress": {"current": "x"}})",
                    R"({"metric": {"a": "b"}})", R"({"metric": 3})", R"({"warning": 1})",
                    R"({"failure_class": "none"})", R"({"failure_class": "bad"})",
                    R"({"checkpoint": "worst"})", R"({"unknown": 1})", "\xff\xfe"}) {
    const auto events = read(line);
    ASSERT_EQ(events.problems.size(), 1u) << line;
    EXPECT_THAT(events.problems[0], HasSubstr("PAWL_EVENTS line 7: "));
  }
}

}  // namespace
}  // namespace pawl::actions
