// The library: handlers in process, through the public API alone. A step is durable before the next
// of its run starts. CPU is the whole process's, engine and disk included, shared by the steps.
#include <sys/resource.h>

#include <condition_variable>
#include <mutex>

#include "base/text.h"
#include "bench/bench.h"
#include "library/inside.h"

namespace pawl::bench {
namespace {

constexpr int kSteps = 9;
constexpr std::size_t kInFlight = 2400;

double cpu_seconds() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  auto of = [](const timeval& t) { return double(t.tv_sec) + double(t.tv_usec) * 1e-6; };
  return of(u.ru_utime) + of(u.ru_stime);
}

std::unique_ptr<v1::Orchestrator> open(const std::string& directory, unsigned threads) {
  v1::Options options;
  options.directory = directory;
  options.threads = threads;
  auto opened = v1::Orchestrator::open(options);
  if (!opened.ok()) fail(opened.status().text());
  return *std::move(opened);
}

// Runs of nine typed steps, a number in and a number out.
struct Chain {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t ended = 0;
  std::uint64_t wrong = 0;

  v1::Workflow workflow() {
    v1::Workflow w("chain");
    for (int i = 0; i < kSteps; ++i) {
      auto& step = w.step(str("s", i), [this, i](const std::int64_t& n) {
        if (i == kSteps - 1) end(n);
        return n + 1;
      });
      if (i > 0) step.after(i - 1);
    }
    return w;
  }
  void end(std::int64_t n) {
    std::lock_guard lock(mutex);
    wrong += n != 12345678 + kSteps - 1;
    ++ended;
    if (ended % 256 == 0) changed.notify_one();
  }
};

}  // namespace

void bench_library(Report& report) {
  Scratch scratch("library");
  double duration = report.short_run() ? 2 : 10;
  Chain chain;
  std::size_t started = 0;
  double took = 0, cpu = 0;
  {
    auto pawl = open(scratch.path(), 2);
    if (auto s = pawl->define(chain.workflow()); !s.ok()) fail(s.text());
    double begin = seconds(), cpu_begin = cpu_seconds(), until = begin + duration;
    std::vector<v1::Value> inputs(256, v1::Value(12345678));
    while (seconds() < until) {
      {
        std::unique_lock lock(chain.mutex);
        chain.changed.wait(lock, [&] { return started < chain.ended + kInFlight; });
      }
      auto runs = pawl->start_many("chain", inputs);
      if (!runs.ok()) fail(runs.status().text());
      started += inputs.size();
    }
    {
      std::unique_lock lock(chain.mutex);
      chain.changed.wait(lock, [&] { return started == chain.ended; });
    }
    took = seconds() - begin;
    cpu = cpu_seconds() - cpu_begin;
  }
  auto again = open(scratch.path(), 2);
  auto open_runs = again->active();
  auto last = again->get(static_cast<v1::RunId>(started));
  if (!open_runs.ok() || !open_runs->empty() || !last.ok() || chain.wrong != 0 ||
      last->state != v1::RunState::completed || last->output.as_integer() != 12345678 + kSteps) {
    fail("library: runs completed differ from runs started");
  }
  auto steps = static_cast<double>(started * kSteps);
  report.add({"library: durable in-process steps", steps / took, "steps/s", 100e3, 200e3, false});
  report.add({"library: CPU of a step, all threads", cpu * 1e6 / steps, "us/step", 20, 8, true});

  // One run alone, for the latency of a step.
  v1::Workflow one("one");
  for (int i = 0; i < kSteps; ++i) {
    auto& step = one.step(str("s", i), [](const std::int64_t& n) { return n + 1; });
    if (i > 0) step.after(i - 1);
  }
  if (auto s = again->define(one); !s.ok()) fail(s.text());
  int runs = report.short_run() ? 50 : 300;
  double begin = seconds();
  for (int i = 0; i < runs; ++i) {
    if (!again->execute("one", 1).ok()) fail("library: a run alone failed");
  }
  report.add({"library: step alone, from commit to commit",
              (seconds() - begin) * 1e3 / runs / kSteps, "ms/step", 0, 0, true, true});
}

}  // namespace pawl::bench
