// The simulator's own promises: a seed repeats exactly, a cut cuts what it says and no more, and
// what happens at one instant has no order of the code's making.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "tests/sim/shrink.h"

namespace pawl::sim {
namespace {

class Sim : public testing::Test {
 protected:
  Sim() { set_log({.level = LogLevel::off}); }
  ~Sim() override { set_log({}); }
  static Scenario seed(std::uint64_t n) {
    Scenario s;
    s.seed = n;
    return s;
  }
};

TEST_F(Sim, TheSameSeedGivesTheSameTrace) {
  auto first = judge(seed(3)), second = judge(seed(3)), other = judge(seed(4));
  EXPECT_EQ(first.hash, second.hash);
  EXPECT_EQ(first.steps, second.steps);
  EXPECT_NE(first.hash, other.hash);
  std::vector<std::string> trace;
  EXPECT_EQ(judge(seed(3), &trace).hash, first.hash);  // being read changes nothing
  EXPECT_GT(trace.size(), 500u);
}

TEST_F(Sim, AVerdictIsTheSameThroughAPipe) {
  auto here = judge(seed(5)), apart = judge_apart(seed(5));
  EXPECT_EQ(to_line(apart), to_line(here));
}

TEST_F(Sim, EachSeedMeetsItsMinimums) {
  auto v = judge(seed(6));
  EXPECT_GE(v.transitions, kLeastTransitions);
  EXPECT_GE(v.effective, kLeastFaults);
}

TEST_F(Sim, AKindThatIsOffNeverStrikes) {
  std::set<FaultKind> struck;
  World whole(seed(7));
  whole.run();
  for (const Fault& f : whole.history().faults)
    struck.insert(f.kind);
  ASSERT_FALSE(struck.empty());
  Scenario cut = seed(7);
  cut.kinds_off = struck;
  cut.faulty_for = std::chrono::seconds(20);
  World calm(cut);
  calm.run();
  for (const Fault& f : calm.history().faults)
    EXPECT_EQ(struck.count(f.kind), 0u) << to_string(f.kind);
  EXPECT_TRUE(calm.history().rested);
}

TEST_F(Sim, AnyOneFaultCanBeLeftOut) {
  Scenario s = seed(8);
  World whole(s);
  whole.run();
  ASSERT_GT(whole.history().faults.size(), 3u);
  const Fault& third = whole.history().faults[2];
  s.faults_off.insert({third.kind, third.number});
  World cut(s);
  cut.run();
  for (const Fault& f : cut.history().faults)
    EXPECT_FALSE(f.kind == third.kind && f.number == third.number);
  // What came before it stays as it was.
  EXPECT_EQ(cut.history().faults[1].at.t, whole.history().faults[1].at.t);
}

TEST_F(Sim, ASecondEngineIsRefused) {
  Stage stage(seed(9), false);
  SimStore disk(stage, 0);
  EXPECT_TRUE(disk.open(1).ok());
  EXPECT_EQ(disk.open(2).error().code, Errc::in_use);
  disk.close();
  EXPECT_TRUE(disk.open(2).ok());
}

TEST_F(Sim, WhatIsDueAtOnceComesInADrawnOrder) {
  auto order_of = [](std::uint64_t n) {
    Queue q(n);
    std::vector<int> order;
    q.after(Duration{5}, [&] { order.push_back(99); });
    for (int i = 0; i < 20; ++i)
      q.after(Duration{1}, [&order, i] { order.push_back(i); });
    while (!q.empty())
      q.step();
    return order;
  };
  auto a = order_of(1), b = order_of(2);
  EXPECT_EQ(a, order_of(1));
  EXPECT_NE(a, b);
  EXPECT_EQ(a.back(), 99);
}

// Each message is delivered once or more, or recorded as lost.
TEST_F(Sim, TheNetworkSaysWhatItDoes) {
  Scenario s = seed(10);
  Stage stage(s, false);
  Net net(stage);
  Place a{Place::Kind::node, 0}, b{Place::Kind::agent, 1};
  std::vector<int> arrived(500);
  for (int i = 0; i < 500; ++i)
    net.send(a, b, 0, false, [&arrived, i] { ++arrived[static_cast<std::size_t>(i)]; });
  net.cut(a, b, std::chrono::seconds(1));
  net.send(a, b, 0, false, [] { FAIL() << "through a cut"; });
  while (!stage.queue.empty())
    stage.queue.step();
  int lost = 0, doubled = 0;
  for (const Fault& f : stage.history.faults) {
    lost += f.kind == FaultKind::message_lost;
    doubled += f.kind == FaultKind::message_doubled;
  }
  EXPECT_EQ(std::count(arrived.begin(), arrived.end(), 0), lost);
  EXPECT_EQ(std::count(arrived.begin(), arrived.end(), 2), doubled);
}

TEST_F(Sim, AStreamIsDeliveredInOrderAndOnce) {
  Sender<int> out;
  Receiver<int> in;
  std::vector<int> got;
  auto deliver = [&](int m) { got.push_back(m); };
  for (int i = 1; i <= 3; ++i)
    out.add(i, Duration{0});
  const auto& items = out.items();
  in.take(3, items[2].message, deliver);
  in.take(1, items[0].message, deliver);
  in.take(1, items[0].message, deliver);
  EXPECT_THAT(got, testing::ElementsAre(1));
  in.take(2, items[1].message, deliver);
  EXPECT_THAT(got, testing::ElementsAre(1, 2, 3));
  int again = 0;
  out.acknowledged(2);
  out.resend(std::chrono::seconds(1), [&](const auto&) { ++again; });
  EXPECT_EQ(again, 1);
}

// An attempt is a function of who it is: who carries it out, and when, do not matter.
TEST_F(Sim, AScriptIsAFunctionOfItsAttempt) {
  core::Assignment a;
  a.fence = {RunId(4), 2, 1, 7};
  a.path = "t1[0]";
  auto first = script_of(11, 0, a);
  a.fence.lease = 9;
  auto second = script_of(11, 0, a);
  EXPECT_EQ(first.length, second.length);
  EXPECT_EQ(first.end.kind, second.end.kind);
  EXPECT_TRUE(first.end.outputs == second.end.outputs);
  bool differs = false;
  for (a.fence.attempt = 2; a.fence.attempt < 6; ++a.fence.attempt)
    differs |= script_of(11, 0, a).length != first.length;
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace pawl::sim
