// B2: nine sequential no-op steps, an 8-byte result each, durable before the next starts.
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "base/text.h"
#include "bench.h"

namespace pawl::bench {
namespace {

constexpr int kSteps = 9;

std::string chain() {
  std::string text = "pawl: 1\nname: chain\ntasks:\n";
  for (int i = 0; i < kSteps; ++i) {
    text += str("  s", i, ":\n    action: noop\n");
    if (i > 0) text += str("    needs: [s", i - 1, "]\n");
  }
  return text;
}

struct Ended : engine::Subscriber {
  std::function<void(RunId)> ended;
  void on_events(RunId run, const std::vector<core::Event>& events) override {
    for (const auto& e : events) {
      if (e.kind == core::EventKind::run_state && is_final(e.run_state)) ended(run);
    }
  }
  void on_log(const core::LogBatch&) override {}
  void on_progress(RunId, TaskId, const core::Progress&) override {}
};

// Closed loop: `in_flight` runs at any time, for `duration` seconds. Returns steps/s.
double cell(std::uint32_t in_flight, double duration, double* per_step_ms) {
  Scratch scratch(str("b2-", in_flight));
  Bed bed(scratch.path());
  auto workflow = bed.workflow(chain());
  NoopWorker worker(*bed.engine, scratch.path(),
                    {std::max(in_flight, 4u), Json::object().set("r", 12345678), {}});
  std::mutex mutex;
  std::condition_variable idle;
  std::uint64_t submitted = 0, ended = 0;
  double end = seconds() + duration, start = seconds();
  auto subscriber = std::make_shared<Ended>();
  auto submit = [&] { bed.engine->submit_async({workflow, {}, "", "", {}, 0, ""}, {}); };
  subscriber->ended = [&](RunId) {
    std::unique_lock lock(mutex);
    ++ended;
    bool more = seconds() < end;
    submitted += more;
    if (ended == submitted) idle.notify_one();
    lock.unlock();
    if (more) submit();
  };
  auto number = bed.engine->subscribe({}, subscriber);
  {
    std::lock_guard lock(mutex);
    submitted = in_flight;
  }
  for (std::uint32_t i = 0; i < in_flight; ++i) submit();
  std::unique_lock lock(mutex);
  idle.wait(lock, [&] { return ended == submitted; });
  double took = seconds() - start;
  lock.unlock();
  bed.engine->unsubscribe(number);
  if (worker.entered() != ended * kSteps) fail("b2: steps completed differ from steps submitted");
  worker.stop();
  *per_step_ms = took * 1e3 / static_cast<double>(ended * kSteps) * in_flight;
  return static_cast<double>(ended * kSteps) / took;
}

}  // namespace

void bench_steps(Report& report) {
  double duration = report.short_run() ? 2 : 10, per_step = 0;
  cell(1, duration, &per_step);
  report.add({"B2 step alone (1 run in flight)", per_step, "ms/step", 0.30, 0.15, true});
  for (std::uint32_t n : {64u, 256u, 1200u}) {
    double rate = cell(n, duration, &per_step);
    bool counts = n == 1200;
    report.add({str("B2 steps, ", n, " runs in flight"), rate, "steps/s", counts ? 100e3 : 0,
                counts ? 300e3 : 0, false, !counts});
  }
}

}  // namespace pawl::bench
