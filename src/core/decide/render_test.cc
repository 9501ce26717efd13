// What a worker is given of an attempt.
#include <gtest/gtest.h>

#include "core/run_testing.h"

namespace pawl::core {
namespace {

TEST(Assignment, CarriesEverythingEvaluated) {
  TestRun r(R"(
inputs: {epochs: {type: integer}}
tasks:
  list: {action: noop}
  train:
    needs: [list]
    run: ./train --epochs "$EPOCHS"
    env:
      EPOCHS: "${{ inputs.epochs }}"
      LR: "${{ params.lr }}"
      TOKEN: "${{ secrets.token }}"
      OFF: "${{ tasks.list.outputs.none }}"
    params: {lr: 0.5}
    cwd: "day-${{ inputs.epochs }}"
    retry: {max_attempts: 2}
)",
            Json::object().set("epochs", 12));
  r.start();
  r.claim();
  r.complete("list", Json::object().set("files", Json::array({"a"})).set("none", Json()));
  r.claim();
  const Assignment& a = r.held("train");
  EXPECT_EQ(a.path, "train");
  EXPECT_EQ(a.def->run, "./train --epochs \"$EPOCHS\"");
  EXPECT_EQ(a.env.dump(), R"({"EPOCHS":"12","LR":"0.5","TOKEN":"s3cret"})");
  EXPECT_EQ(a.cwd, "day-12");
  EXPECT_EQ(a.base_dir, "/flows");
  EXPECT_EQ(a.input.dump(),
            R"({"inputs":{"epochs":12},"params":{"lr":0.5},"tasks":{"list":{"state":"completed",)"
            R"("outputs":{"files":["a"],"none":null}}}})");
  EXPECT_EQ(a.secrets, (std::vector<std::pair<std::string, std::string>>{{"token", "s3cret"}}));
  EXPECT_EQ(r.store.state.find("s3cret"), std::string::npos) << "secrets are never stored";
}

TEST(Assignment, WhatCannotBeEvaluatedFailsTheTaskForGood) {
  struct Case {
    const char* field;
    const char* error;
  };
  for (Case c : {Case{"env: {X: \"${{ inputs.j.missing }}\"}", "a: env: "},
                 Case{"env: {X: \"${{ secrets.none }}\"}", "a: env: "},
                 Case{"cwd: \"${{ inputs.j.missing }}\"", "a: cwd: "},
                 Case{"params: {p: \"${{ inputs.j.missing }}\"}", "a: params: "}}) {
    TestRun r(std::string("inputs: {j: {}}\ntasks: {a: {run: x, retry: {max_attempts: 5}, ") +
                  c.field + "}, b: {needs: [a], action: noop}}",
              Json::object().set("j", Json::object()));
    r.start();
    EXPECT_EQ(r.claim(), 0u);
    EXPECT_EQ(r.reasons(), "a=failed(expression) b=skipped(upstream_failed)") << c.field;
    EXPECT_EQ(r.run.error.substr(0, std::string(c.error).size()), c.error) << r.run.error;
  }
}

TEST(Assignment, PrioritiesMakeLanes) {
  TestRun r(R"(
tasks:
  low: {action: noop, priority: -5}
  normal: {action: noop}
  high: {action: noop, priority: 9}
  normal2: {action: noop}
)");
  r.start();
  EXPECT_EQ(r.run.lanes.size(), 3u);
  r.claim(1);
  EXPECT_EQ(r.holding(), std::vector<std::string>{"high"});
  r.claim(2);
  EXPECT_EQ(r.holding(), (std::vector<std::string>{"normal", "high", "normal2"}));
  r.claim(9);
  EXPECT_EQ(r.holding().size(), 4u);
}

TEST(Assignment, OldestFirstWithinALane) {
  TestRun r("tasks: {a: {action: noop}, b: {action: noop}, c: {action: noop}}");
  r.start();
  r.claim(1);
  r.release("a");  // now the youngest
  r.claim(1);
  EXPECT_EQ(r.holding(), std::vector<std::string>{"b"});
  r.claim(1);
  r.claim(1);
  EXPECT_EQ(r.held("a").fence.attempt, 2u);
}

TEST(Assignment, AttemptsAndLeasesNameIt) {
  TestRun r("tasks: {a: {action: noop}}");
  r.start();
  r.claim();
  Fence first = r.held("a").fence;
  EXPECT_EQ(first.run, RunId(41));
  EXPECT_EQ(first.attempt, 1u);
  r.release("a");
  r.claim();
  EXPECT_EQ(r.held("a").fence.attempt, 2u);
  EXPECT_GT(r.held("a").fence.lease, first.lease);
}

}  // namespace
}  // namespace pawl::core
