// B4: from the client's submit call to the handler's entry. One at a time, then open loop at fixed rates:
// latency counts from the intended send time, so that a stall cannot hide its own victims.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/text.h"
#include "bench.h"

namespace pawl::bench {
namespace {

constexpr const char* kJob =
    "pawl: 1\nname: job\ninputs:\n  n: {type: integer}\n  payload: {type: string}\n"
    "tasks:\n  work:\n    action: noop\n    params: {n: \"${{ inputs.n }}\"}\n";

struct Starts {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<double> entered;  // by n
  std::size_t count = 0;
};

double percentile(std::vector<double> v, double p) {
  std::sort(v.begin(), v.end());
  return v[std::min(v.size() - 1, static_cast<std::size_t>(p * static_cast<double>(v.size())))];
}

void cell(Report& report, double rate, std::size_t n, Figure p50, Figure p99) {
  Scratch scratch("b4");
  Bed bed(scratch.path());
  auto workflow = bed.workflow(kJob);
  Starts starts;
  starts.entered.resize(n);
  NoopWorker worker(*bed.engine, scratch.path(), {4096, {}, [&](const core::Assignment& a) {
                      double now = seconds();
                      auto i = static_cast<std::size_t>(a.input["params"]["n"].as_integer());
                      std::lock_guard lock(starts.mutex);
                      starts.entered[i] = now;
                      ++starts.count;
                      starts.changed.notify_one();
                    }});
  std::vector<double> sent(n);
  double start = seconds();
  std::string payload(80, 'x');
  for (std::size_t i = 0; i < n; ++i) {
    sent[i] = seconds();
    if (rate > 0) {
      sent[i] = start + static_cast<double>(i) / rate;
      // A timer's sleep is the generator's pace, not a guess at when something is done.
      while (seconds() < sent[i]) std::this_thread::yield();
    }
    Json inputs = Json::object().set("n", i).set("payload", payload);
    bed.engine->submit_async({workflow, inputs, "", "", {}, 0, ""}, {});
    if (rate == 0) {
      std::unique_lock lock(starts.mutex);
      starts.changed.wait(lock, [&] { return starts.count == i + 1; });
    }
  }
  std::unique_lock lock(starts.mutex);
  starts.changed.wait(lock, [&] { return starts.count == n; });
  std::vector<double> ms;
  for (std::size_t i = n / 10; i < n; ++i) ms.push_back((starts.entered[i] - sent[i]) * 1e3);
  lock.unlock();
  worker.stop();
  p50.value = percentile(ms, 0.50);
  p99.value = percentile(ms, 0.99);
  report.add(p50);
  report.add(p99);
}

}  // namespace

void bench_start(Report& report) {
  cell(report, 0, report.scaled(20'000, 2'000),
       {"B4 submit to start, idle, p50", 0, "ms", 0.30, 0.15, true},
       {"B4 submit to start, idle, p99", 0, "ms", 1.5, 0.6, true, true});
  double duration = report.short_run() ? 2 : 10;
  cell(report, 1'000, static_cast<std::size_t>(1'000 * duration),
       {"B4 submit to start, 1,000/s, p50", 0, "ms", 0, 0, true, true},
       {"B4 submit to start, 1,000/s, p99", 0, "ms", 0, 0, true, true});
  cell(report, 10'000, static_cast<std::size_t>(10'000 * duration),
       {"B4 submit to start, 10,000/s, p50", 0, "ms", 0, 0, true, true},
       {"B4 submit to start, 10,000/s, p99", 0, "ms", 5, 5, true, true});
}

}  // namespace pawl::bench
