// Worker without processes: inline and pool actions, batching, cancel, drain, credit.

#include "worker/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

#include "base/text.h"
#include "worker/worker_testing.h"

namespace pawl::worker {
namespace {

using core::FailureClass;
using core::Report;
using core::ReportKind;
using core::Stream;
using ::testing::HasSubstr;

class WorkerTest : public ::testing::Test {
 protected:
  void start(WorkerOptions options = {}) {
    options.data_dir = dir / "data";
    auto started = Worker::start(port, registry, std::move(options));
    ASSERT_TRUE(started.ok()) << started.error().message;
    worker = std::move(*started);
  }
  TempDir dir;
  RecordingPort port;
  actions::Registry registry = actions::Registry::built_in();
  std::unique_ptr<Worker> worker;
};

TEST_F(WorkerTest, NoopPassesItsWithOn) {
  start();
  port.submit(task_with(fence_of(1), "noop", *Json::parse(R"({"a": 1})")));
  EXPECT_EQ(port.wait_for_end(fence_of(1)).last.outputs.dump(), R"({"a":1})");
  EXPECT_EQ(port.seen(fence_of(1)).last.kind, ReportKind::completed);
}

TEST_F(WorkerTest, UnknownActionNamesThoseThereAre) {
  start();
  port.submit(task_with(fence_of(1), "fly"));
  const auto& last = port.wait_for_end(fence_of(1)).last;
  EXPECT_THAT(last.message, HasSubstr("no action 'fly'. It has: http, noop, shell"));
  EXPECT_TRUE(last.no_retry);
}

TEST_F(WorkerTest, PoolFunctionsReport) {
  registry.add("count", [](const core::Assignment& a, actions::Control& control) {
    control.log(Stream::out, "counting for topsecret");
    control.progress({.current = 1, .total = 2});
    control.metric("speed", 2.5);
    control.warning("slow");
    Report report;
    report.kind = ReportKind::completed;
    report.outputs.set("run", a.fence.run.value);
    return report;
  });
  start();
  auto a = task_with(fence_of(9), "count");
  a.secrets = {{"s", "topsecret"}};
  port.submit(std::move(a));
  const auto& seen = port.wait_for_end(fence_of(9));
  EXPECT_EQ(seen.last.outputs.dump(), R"({"run":9})");
  EXPECT_EQ(seen.text(Stream::out), "counting for ***\n");
  ASSERT_EQ(seen.reports.size(), 1u);
  EXPECT_EQ(seen.reports[0].progress.total, 2);
  EXPECT_EQ(seen.reports[0].warnings, std::vector<std::string>{"slow"});
  EXPECT_EQ(seen.reports[0].metrics[0].second, 2.5);
}

Report wait_until_stopped(const core::Assignment&, actions::Control& control) {
  control.log(Stream::out, "waiting");
  pollfd one{control.stop_fd(), POLLIN, 0};
  ::poll(&one, 1, 60'000);
  Report report;
  report.kind = control.stopped() ? ReportKind::cancelled : ReportKind::completed;
  return report;
}

TEST_F(WorkerTest, CancelAndTimeoutReachPoolFunctions) {
  registry.add("wait", wait_until_stopped);
  start();
  port.submit(task_with(fence_of(1), "wait"));
  port.wait_for_line(fence_of(1), "waiting");
  port.cancel(fence_of(1));
  EXPECT_EQ(port.wait_for_end(fence_of(1)).last.kind, ReportKind::cancelled);
  port.submit(task_with(fence_of(2), "wait", {}, [](core::TaskDef& def) {
    def.timeout.attempt = std::chrono::milliseconds(50);
  }));
  const auto& last = port.wait_for_end(fence_of(2)).last;
  EXPECT_EQ(last.failure_class, FailureClass::timeout);
  EXPECT_THAT(last.message, HasSubstr("timeout.attempt: it was still running after 50ms"));
}

TEST_F(WorkerTest, StartTimeoutOfOneThatWaitsForItsTurn) {
  start({.processes = 1});
  port.submit(shell_task(fence_of(1), "echo on; exec sleep 60"));
  port.wait_for_line(fence_of(1), "on");
  port.submit(shell_task(fence_of(2), "true", [](core::TaskDef& def) {
    def.timeout.start = std::chrono::milliseconds(50);
  }));
  const auto& last = port.wait_for_end(fence_of(2)).last;
  EXPECT_EQ(last.message, "timeout.start: it had not started after 50ms");
  // Cancelled before its turn: nothing runs, the turn is not used up.
  port.submit(shell_task(fence_of(3), "true"));
  port.cancel(fence_of(3));
  EXPECT_EQ(port.wait_for_end(fence_of(3)).last.kind, ReportKind::cancelled);
  port.submit(shell_task(fence_of(4), "true"));
  port.cancel(fence_of(1));
  EXPECT_EQ(port.wait_for_end(fence_of(4)).last.kind, ReportKind::completed);
  worker->drain(Duration(0));
}

TEST_F(WorkerTest, CreditComesBack) {
  start({.slots = 3});
  std::vector<core::Assignment> many;
  for (int i = 0; i < 500; ++i) {
    many.push_back(i % 50 == 0 ? shell_task(fence_of(i + 1), "true")
                               : task_with(fence_of(i + 1), "noop"));
  }
  port.submit(std::move(many));
  port.wait([&] { return port.ended() == 500 && port.credit == 3; });
  worker->drain(Duration(0));
}

TEST_F(WorkerTest, DrainWaitsThenReleases) {
  start({.processes = 2});
  port.submit(shell_task(fence_of(1), "echo on; read x < fifo; echo fine",
                         [](auto& def) { def.kill_after = Duration(0); }));
  port.submit(shell_task(fence_of(2), "echo on; mkfifo fifo2; read x < fifo2",
                         [](auto& def) { def.kill_after = Duration(0); }));
  port.submit(shell_task(fence_of(3), "true"));
  port.wait_for_line(fence_of(2), "on");
  worker->drain(std::chrono::milliseconds(100));
  EXPECT_TRUE(port.left);
  EXPECT_EQ(port.seen(fence_of(2)).last.kind, ReportKind::released);
  // In the order they came: the third may have had its turn after the first's early end.
  EXPECT_TRUE(port.seen(fence_of(3)).ended);
}

TEST_F(WorkerTest, ALinkOutlivesItsWorker) {
  start();
  worker->drain(Duration(0));
  worker.reset();
  port.cancel(fence_of(1));
}

// Many engine threads against one worker; run under the thread sanitizer too.
TEST_F(WorkerTest, ManyThreadsAssignAndCancel) {
  registry.add("wait", wait_until_stopped);
  registry.add("quick", [](const core::Assignment&, actions::Control&) {
    Report report;
    report.kind = ReportKind::completed;
    return report;
  });
  start({.slots = 100'000, .processes = 16, .pool_threads = 16});
  constexpr int kThreads = 6, kEach = 60;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const auto fence = fence_of(t * 1000 + i + 1);
        switch (i % 4) {
          case 0:
            port.submit(task_with(fence, "noop"));
            break;
          case 1:
            port.submit(task_with(fence, "quick"));
            break;
          case 2:
            port.submit(shell_task(fence, i % 8 == 2 ? "sleep 60" : "echo hi",
                                   [](auto& def) { def.kill_after = std::chrono::seconds(1); }));
            break;
          default:
            port.submit(task_with(fence, "wait"));
            break;
        }
        if (i % 8 == 2 || i % 4 == 3) port.cancel(fence);
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  port.wait([&] { return port.ended() == kThreads * kEach; });
  worker->drain(std::chrono::seconds(1));
}

}  // namespace
}  // namespace pawl::worker
