// Sixteen handler threads; runs are started, paused, resumed, cancelled, recovered and looked at by
// others at random moments. In the end every run is at its end, and no output is wrong. What the
// thread sanitizer is for.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "library/library_testing.h"

namespace {

using library_testing::Folder;
using library_testing::text;
using pawl::RunState;

constexpr int kClients = 4, kMoves = 120, kWidth = 6;

pawl::Workflow workload() {
  pawl::Workflow w("load");
  w.max_recovery_attempts(1000);
  w.step("first", [](const int& n, pawl::Step& s) {
    s.log("first");
    return std::vector<int>(kWidth, n);
  });
  w.step("each",
         [](const int& n, pawl::Step& s) -> pawl::Result<int> {
           s.percent(50);
           (void)s.save(n);
           if (!s.wait_for(pawl::Millis(n % 3))) return pawl::Status::failed("stopped");
           if ((s.run() + s.index() + s.attempt()) % 7 == 0) return pawl::Status::failed("unlucky");
           return n + s.index();
         })
      .after("first")
      .for_each("first")
      .retry_delay(pawl::Millis(1), pawl::Millis(2));
  w.step("sum", [](const std::vector<int>& all) {
     int sum = 0;
     for (int n : all)
       sum += n;
     return sum;
   }).after("each");
  return w;
}

int right_sum(int n) { return n * kWidth + kWidth * (kWidth - 1) / 2; }

class Client {
 public:
  Client(pawl::Orchestrator& pawl, unsigned seed) : pawl_(pawl), random_(seed) {}

  void move() {
    switch (random_() % 8) {
      case 0:
      case 1: {
        auto run = pawl_.start("load", static_cast<int>(random_() % 100));
        if (run.ok()) runs_.push_back(*run);
        return;
      }
      case 2:
        return (void)pawl_.pause(any());
      case 3:
        return (void)pawl_.resume(any());
      case 4:
        return (void)pawl_.cancel(any());
      case 5:
        return (void)pawl_.recover(any(),
                                   {.from = random_() % 2 ? "each" : "", .input = {}, .by = ""});
      case 6:
        return (void)pawl_.get(any());
      default: {
        auto run = pawl_.create("load", static_cast<int>(random_() % 100));
        if (run.ok() && random_() % 2) (void)pawl_.start(*run);
        if (run.ok()) runs_.push_back(*run);
      }
    }
  }

 private:
  pawl::RunId any() { return runs_.empty() ? 1 : runs_[random_() % runs_.size()]; }
  pawl::Orchestrator& pawl_;
  std::minstd_rand random_;
  std::vector<pawl::RunId> runs_;
};

// Lets everything that stands still go on.
void release_all(pawl::Orchestrator& pawl) {
  auto left = pawl.active({.workflow = "", .job = "", .limit = 10'000});
  ASSERT_TRUE(left.ok());
  for (const auto& run : *left) {
    if (run.state == RunState::pending) (void)pawl.start(run.id);
    if (run.state == RunState::paused) (void)pawl.resume(run.id);
  }
  for (const auto& run : *left) {
    auto ended = pawl.wait(run.id, std::chrono::seconds(60));
    ASSERT_TRUE(ended.ok()) << ended.status().text();
  }
}

TEST(Stress, SixteenThreadsUnderRandomMoves) {
  Folder folder;
  pawl::Options options;
  options.threads = 16;
  auto pawl = open(folder, options);
  ASSERT_EQ(text(pawl->define(workload())), "ok");
  std::atomic<std::uint64_t> told{0};
  auto subscription = pawl->subscribe(0, [&](const pawl::Event&) { ++told; });
  std::vector<std::thread> threads;
  for (unsigned c = 0; c < kClients; ++c) {
    threads.emplace_back([&, c] {
      Client client(*pawl, c + 1);
      for (int i = 0; i < kMoves; ++i)
        client.move();
    });
  }
  for (auto& t : threads)
    t.join();
  release_all(*pawl);
  auto all = pawl->list({.workflow = "load", .job = "", .limit = 10'000});
  ASSERT_TRUE(all.ok());
  EXPECT_GT(all->size(), 50u);
  int completed = 0;
  for (const auto& run : *all) {
    EXPECT_TRUE(is_final(run.state)) << run.id << " is " << to_string(run.state);
    if (run.state != RunState::completed) continue;
    ++completed;
    EXPECT_EQ(run.output.as_integer(), right_sum(static_cast<int>(run.input.as_integer())));
  }
  EXPECT_GT(completed, 10);
  subscription->stop();
  EXPECT_GT(told, 100u);
  EXPECT_EQ(text(pawl->close()), "ok");
}

}  // namespace
