// What the worker itself costs: a no-op attempt, a process against the bare posix_spawn, memory
// under a burst. Figures are printed; the bounds asserted are far below them, for busy machines.

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/fs.h"
#include "base/text.h"
#include "worker/worker_testing.h"

namespace pawl::worker {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)  // as GCC says it
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

double seconds_of(Duration d) { return static_cast<double>(d.count()) / 1e6; }

// CPU time of a process and of the children it has waited for.
double cpu_seconds(long pid) {
  auto text = read_file(str("/proc/", pid, "/stat"));
  if (!text.ok()) return 0;
  const auto fields = split(std::string_view(*text).substr(text->rfind(')') + 2), ' ');
  long ticks = 0;
  for (std::size_t i = 11; i < 15; ++i)
    ticks += number(fields[i]);
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// What a rate was reached with: wall time misleads on a busy machine, CPU time does less.
struct Cost {
  double rate = 0;
  double cpu_us = 0;  // an attempt, its process included
};

Cost bare_rate(int count, int in_flight) {
  const Mono before = system_clock().mono();
  const double cpu = cpu_seconds(::getpid());
  int running = 0;
  for (int i = 0; i < count; ++i) {
    char name[] = "/bin/true";
    char* argv[] = {name, nullptr};
    pid_t pid;
    PAWL_ASSERT(::posix_spawn(&pid, name, nullptr, nullptr, argv, environ) == 0);
    if (++running == in_flight) {
      ::waitpid(-1, nullptr, 0);
      --running;
    }
  }
  while (running-- > 0)
    ::waitpid(-1, nullptr, 0);
  return {count / seconds_of(system_clock().mono() - before),
          (cpu_seconds(::getpid()) - cpu) * 1e6 / count};
}

// Answers every final report with as many new attempts, as an engine would, and counts.
class EndlessPort : public core::WorkerPort {
 public:
  EndlessPort(core::Assignment model, std::uint64_t total, bool receipts)
      : model_(std::move(model)), total_(total), receipts_(receipts) {}
  WorkerId join(core::WorkerInfo, std::shared_ptr<core::WorkerLink> link,
                std::vector<core::Fence>) override {
    link_ = std::move(link);
    return WorkerId(1);
  }
  void offer(WorkerId, std::uint32_t slots) override { give(slots); }
  void report(WorkerId, std::vector<core::Report> reports, std::uint32_t slots) override {
    std::uint64_t ended = 0;
    std::vector<core::Fence> recorded;
    for (const auto& one : reports) {
      ended += one.kind == core::ReportKind::completed;
      if (receipts_ && one.receipt) recorded.push_back(one.fence);
    }
    if (!recorded.empty()) link_->recorded(std::move(recorded));
    give(slots);
    ended_.fetch_add(ended);
    ended_.notify_all();
  }
  void log(WorkerId, core::LogBatch) override {}
  void leave(WorkerId) override {}
  void wait() {
    for (auto n = ended_.load(); n < total_; n = ended_.load())
      ended_.wait(n);
  }

 private:
  void give(std::uint32_t slots) {
    std::vector<core::Assignment> batch;
    for (; slots > 0 && given_ < total_; --slots) {
      auto& a = batch.emplace_back(model_);
      a.fence.task = static_cast<TaskId>(given_++);
    }
    if (!batch.empty()) link_->assign(std::move(batch));
  }
  const core::Assignment model_;
  const std::uint64_t total_;
  const bool receipts_;
  std::shared_ptr<core::WorkerLink> link_;
  std::uint64_t given_ = 0;
  std::atomic<std::uint64_t> ended_{0};
};

Cost rate_of(core::Assignment model, std::uint64_t total, WorkerOptions options) {
  TempDir dir;
  options.data_dir = dir / "data";
  auto registry = actions::Registry::built_in();
  EndlessPort port(std::move(model), total, true);
  const Mono before = system_clock().mono();
  double cpu = -cpu_seconds(::getpid());
  auto worker = Worker::start(port, registry, std::move(options));
  PAWL_ASSERT(worker.ok());
  port.wait();
  const double seconds = seconds_of(system_clock().mono() - before);
  cpu += cpu_seconds(::getpid());
  for (long pid : spawners_of(dir / "data"))
    cpu += cpu_seconds(pid);
  (*worker)->drain(Duration(0));
  return {static_cast<double>(total) / seconds, cpu * 1e6 / static_cast<double>(total)};
}

TEST(Rate, NoopAttempts) {
  const std::uint64_t total = kSanitized ? 50'000 : 2'000'000;
  for (std::uint32_t slots : {1u, 64u, 4096u}) {
    const auto count = slots == 1 ? total / 20 : total;
    const double rate = rate_of(task_with(fence_of(1), "noop"), count, {.slots = slots}).rate;
    std::printf("[ figure   ] noop, %u in flight: %.0f attempts/s\n", slots, rate);
    if (slots == 4096 && !kSanitized) {
      EXPECT_GT(rate, 200'000);
    }
  }
}

TEST(Rate, ProcessesAgainstBareSpawn) {
  const int total = kSanitized ? 200 : 2'500;
  auto model = task_with(fence_of(1), "shell");
  model.args = Json::array({Json("/bin/true")});
  double best = 0;
  for (int round = 0; round < 4; ++round) {
    // Credit for four: each start waits for the engine. More credit: the next ones are at hand.
    const auto slots = round % 2 == 0 ? 64u : 4u;
    const Cost bare = bare_rate(total, 4);
    const Cost ours =
        rate_of(model, static_cast<std::uint64_t>(total), {.slots = slots, .processes = 4});
    best = std::max(best, bare.cpu_us / ours.cpu_us);
    std::printf(
        "[ figure   ] /bin/true, 4 at a time, credit %u: bare %.0f/s (%.0f us of CPU each), "
        "worker %.0f/s (%.0f us), ratio %.2f of the rate, %.2f of the CPU\n",
        slots, bare.rate, bare.cpu_us, ours.rate, ours.cpu_us, ours.rate / bare.rate,
        bare.cpu_us / ours.cpu_us);
  }
  if (!kSanitized) {
    EXPECT_GT(best, 0.5);
  }
}

long resident_kib(long pid) {
  auto text = read_file(str("/proc/", pid, "/statm"));
  if (!text.ok()) return 0;
  const auto fields = split(*text, ' ');
  return std::strtol(std::string(fields[1]).c_str(), nullptr, 10) *
         (::sysconf(_SC_PAGESIZE) / 1024);
}

TEST(Rate, ABurstDoesNotGrowMemory) {
  TempDir dir;
  RecordingPort port;
  port.keep_logs = false;
  auto registry = actions::Registry::built_in();
  auto worker = Worker::start(port, registry, {.data_dir = dir / "data"});
  ASSERT_TRUE(worker.ok());
  const std::size_t bytes = (kSanitized ? 64u : 1024u) << 20;
  const long before = resident_kib(::getpid());
  const Mono start = system_clock().mono();
  port.submit(
      shell_task(fence_of(7), str("yes 'a line of some forty bytes, to be counted' | head -c ",
                                  bytes, "; echo; sleep 300")));
  port.wait([&] { return port.log_bytes >= bytes; });
  const double seconds = seconds_of(system_clock().mono() - start);
  const auto spawners = spawners_of(dir / "data");
  ASSERT_EQ(spawners.size(), 1u);
  const long spawner = resident_kib(spawners[0]), grown = resident_kib(::getpid()) - before;
  std::printf("[ figure   ] burst of %zu MiB: %.0f MiB/s, worker grew %ld KiB, spawner %ld KiB\n",
              bytes >> 20, static_cast<double>(bytes >> 20) / seconds, grown, spawner);
  if (!kSanitized) {
    EXPECT_LT(grown, 64 << 10);
    EXPECT_LT(spawner, 64 << 10);
  }
  port.cancel(fence_of(7));
  port.wait_for_end(fence_of(7));
  (*worker)->drain(Duration(0));
}

}  // namespace
}  // namespace pawl::worker
