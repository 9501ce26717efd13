// The test kit, used as its users would: time that passes by itself, crashes, and the templates.
#include <gtest/gtest.h>

#include <atomic>

#include "library/library_testing.h"
#include "pawl/testing.h"

namespace {

using library_testing::text;
using pawl::Millis;
using pawl::RunState;
using pawl::TaskState;
using pawl::Value;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Simulation, RetriesAfterOneTwoFourEightSeconds) {
  pawl::Simulation sim;
  std::vector<Millis> at;
  pawl::Workflow w("fails");
  w.step("only", [&] {
    at.push_back(sim.elapsed());
    return pawl::Status::failed("no");
  });
  ASSERT_EQ(text(sim->define(w)), "ok");
  auto run = sim.run_to_end("fails");
  ASSERT_TRUE(run.ok()) << run.status().text();
  EXPECT_EQ(run->state, RunState::failed);
  EXPECT_EQ(at, (std::vector<Millis>{seconds(0), seconds(1), seconds(3), seconds(7)}));
  EXPECT_EQ(run->task("only")->attempts, 4);
}

TEST(Simulation, WaitsPassByThemselves) {
  pawl::Simulation sim;
  pawl::Workflow w("waits");
  w.step("a", [](pawl::Step& s) { return s.wait_for(hours(5)); });
  w.step("b", [](pawl::Step& s) { return s.wait_for(hours(2)); });
  w.step("c", [](const Value& v) { return v; }).after("a", "b");
  ASSERT_EQ(text(sim->define(w)), "ok");
  auto run = sim.run_to_end("waits");
  EXPECT_EQ(run->output.json(), R"({"a":true,"b":true})");
  EXPECT_EQ(sim.elapsed(), hours(5));
  EXPECT_EQ(run->task("b")->actual, hours(2));
  EXPECT_EQ(run->elapsed, hours(5));
}

TEST(Simulation, TimeoutsAndHeartbeats) {
  pawl::Simulation sim;
  pawl::Workflow w("late");
  w.step("slow",
         [](pawl::Step& s) {
           return s.wait_for(hours(1)) ? pawl::Status() : pawl::Status::failed("stopped");
         })
      .timeout(minutes(1))
      .retries(0);
  ASSERT_EQ(text(sim->define(w)), "ok");
  auto run = sim.run_to_end("late");
  EXPECT_EQ(run->task("slow")->error, "timed out after 1m: stopped");
  EXPECT_EQ(sim.elapsed(), minutes(1));
}

TEST(Simulation, AdvancesStepByStep) {
  pawl::Simulation sim;
  std::atomic<int> polls{0};
  pawl::Workflow w("polls");
  pawl::templates::poll_until(
      w, "ready",
      [&]() -> std::optional<std::string> {
        if (++polls < 10) return std::nullopt;
        return "ready";
      },
      minutes(1), hours(1));
  ASSERT_EQ(text(sim->define(w)), "ok");
  auto run = sim->start("polls");
  sim.settle();
  EXPECT_EQ(polls, 1);
  EXPECT_EQ(sim->get(*run)->task("ready")->state, TaskState::retrying);
  sim.advance(seconds(150));
  EXPECT_EQ(polls, 3);
  EXPECT_EQ(sim.elapsed(), seconds(150));
  auto ended = sim.to_end(*run);
  EXPECT_EQ(ended->output.as_string(), "ready");
  EXPECT_EQ(sim.elapsed(), minutes(9));
}

TEST(Simulation, PollingGivesUp) {
  pawl::Simulation sim;
  pawl::Workflow w("polls");
  pawl::templates::poll_until(
      w, "ready", []() -> std::optional<int> { return std::nullopt; }, minutes(1), minutes(10));
  ASSERT_EQ(text(sim->define(w)), "ok");
  auto run = sim.run_to_end("polls");
  EXPECT_EQ(run->state, RunState::failed);
  EXPECT_EQ(sim.elapsed(), minutes(10));
  EXPECT_EQ(run->task("ready")->error, "no worker took it within its queue timeout of 10m");
}

TEST(Simulation, SaysWhereNothingCanHappen) {
  pawl::Simulation sim;
  pawl::Workflow w("w");
  w.step("a", [] {});
  ASSERT_EQ(text(sim->define(w)), "ok");
  auto run = sim->create("w");
  auto stands = sim.to_end(*run);
  EXPECT_EQ(stands->state, RunState::pending);
  EXPECT_EQ(sim.elapsed(), Millis(0));
  ASSERT_EQ(text(sim->start(*run)), "ok");
  EXPECT_EQ(sim.to_end(*run)->state, RunState::completed);
  pawl::Workflow slow("slow");
  slow.step("a", [](pawl::Step& s) { return s.wait_for(hours(2)); });
  ASSERT_EQ(text(sim->define(slow)), "ok");
  EXPECT_EQ(sim.run_to_end("slow", {}, {}, hours(1)).status().code(), pawl::Code::timeout);
}

TEST(Simulation, CrashesKeepWhatWasAcknowledged) {
  pawl::Simulation sim;
  std::atomic<int> firsts{0};
  auto define = [&] {
    pawl::Workflow w("long");
    w.step("first", [&] { return ++firsts; });
    w.step("second", [](const int& n, pawl::Step& s) -> pawl::Result<int> {
       int done = s.checkpoint_as<int>();
       (void)s.save(done + 1);
       if (!s.wait_for(hours(1))) return pawl::Status::failed("cut off");
       return 100 * done + n;
     }).after("first");
    return sim->define(w);
  };
  ASSERT_EQ(text(define()), "ok");
  auto run = sim->start("long");
  for (int life = 0; life < 3; ++life) {
    sim.advance(minutes(30));
    EXPECT_EQ(sim->get(*run)->task("second")->state, TaskState::running);
    sim.crash();
    ASSERT_EQ(text(define()), "ok");
  }
  auto ended = sim.to_end(*run);
  EXPECT_EQ(ended->state, RunState::completed) << ended->error;
  EXPECT_EQ(ended->output.as_integer(), 301);
  EXPECT_EQ(ended->task("second")->attempts, 4);
  EXPECT_EQ(firsts, 1);
}

TEST(Templates, ChainFanOutAndRetry) {
  pawl::Simulation sim;
  pawl::Workflow w("shapes");
  using pawl::templates::Named;
  std::atomic<int> tries{0};
  pawl::templates::chain(w, {Named("one", [](const int& n) { return n + 1; }),
                             Named("two", [](const int& n) { return n * 2; })});
  pawl::templates::fan_out_fan_in(w,
                                  {Named("left", [](const int& n) { return n - 1; }),
                                   Named("right", [](const int& n) { return n + 1; })},
                                  Named("join", [](const Value& both) { return both; }), "two");
  pawl::templates::retry_until(
      w, "stubborn",
      [&](const Value& both) -> std::optional<Value> {
        if (++tries < 3) return std::nullopt;
        return both;
      },
      5, seconds(10), seconds(10))
      .after("join");
  ASSERT_EQ(text(sim->define(w)), "ok");
  auto run = sim.run_to_end("shapes", 4);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->output.json(), R"({"left":9,"right":11})") << run->error;
  EXPECT_EQ(sim.elapsed(), seconds(20));
  EXPECT_EQ(run->task("stubborn")->attempts, 3);
}

TEST(Progress, IsWeighedByEstimates) {
  pawl::Simulation sim;
  pawl::Workflow w("weighed");
  w.step("long", [](pawl::Step& s) {
     s.progress(1, 4, "files");
     return s.wait_for(hours(3));
   }).estimate(hours(3));
  w.step("short", [](pawl::Step& s) { return s.wait_for(hours(1)); })
      .after("long")
      .estimate(hours(1));
  ASSERT_EQ(text(sim->define(w)), "ok");
  auto run = sim->start("weighed");
  sim.advance(minutes(90));
  auto half = sim->get(*run);
  EXPECT_DOUBLE_EQ(half->percent, 18.75);  // a quarter of three quarters
  EXPECT_EQ(half->task("long")->percent, 25);
  EXPECT_EQ(half->task("long")->actual, minutes(90));
  EXPECT_EQ(half->remaining, minutes(195));
  sim.advance(hours(2));
  EXPECT_DOUBLE_EQ(sim->get(*run)->percent, 75);
  EXPECT_EQ(sim.to_end(*run)->percent, 100);
}

}  // namespace
