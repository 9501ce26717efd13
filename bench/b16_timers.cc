// B16: durable timers over a window: how fast they are armed, how late they fire.
#include <algorithm>
#include <mutex>

#include "base/text.h"
#include "bench/bench.h"

namespace pawl::bench {
namespace {

// 1,000 sleeps a run: a fan-out whose elements each wait until a time of their own.
constexpr std::size_t kPerRun = 1'000;

}  // namespace

void bench_timers(Report& report) {
  std::size_t n = report.scaled(1'000'000, 50'000);
  double window = report.short_run() ? 5 : 60;
  Scratch scratch("b16");
  Bed bed(scratch.path());
  auto workflow = bed.workflow(
      "pawl: 1\nname: timers\ninputs:\n  at: {type: array}\ntasks:\n  wait:\n"
      "    for_each: \"${{ inputs.at }}\"\n    action: sleep\n    with: {until: \"${{ item "
      "}}\"}\n");
  std::size_t runs = n / kPerRun;
  Random random(7);
  std::vector<RunId> ids;
  // Due times begin after the arming, so that both are seen apart.
  double lead = report.short_run() ? 2 : 12;
  Time due = system_clock().now() + Duration{static_cast<std::int64_t>(lead * 1e6)};
  std::vector<Json> inputs;
  for (std::size_t r = 0; r < runs; ++r) {
    Json at = Json::array();
    for (std::size_t i = 0; i < kPerRun; ++i) {
      at.push(format_time(due + Duration{static_cast<std::int64_t>(random.unit() * window * 1e6)}));
    }
    inputs.push_back(Json::object().set("at", at));
  }
  double start = seconds();
  for (auto& in : inputs) {
    auto id = bed.engine->submit({workflow, in, "", "", {}, 0, ""});
    if (!id.ok()) fail(id.error().message);
    ids.push_back(*id);
  }
  double armed = seconds() - start;
  for (RunId id : ids) {
    auto ended = bed.engine->wait_for_end(id, Mono::max());
    if (!ended.ok() || !*ended) fail("b16: a run did not end");
  }
  std::vector<double> late;
  for (std::size_t r = 0; r < runs; ++r) {
    auto s = bed.engine->inspect(ids[r], [&](const core::Run& run) {
      const core::FanOut* f = run.fan_out_of(0);
      const Json& at = inputs[r]["at"];
      for (std::uint32_t i = 0; i < f->count; ++i) {
        auto wanted = parse_time(at[i].as_string());
        auto error = run.rows[f->first + i].finished - *wanted;
        if (error.count() < 0) fail("b16: a timer fired early");
        late.push_back(static_cast<double>(error.count()) / 1e3);
      }
    });
    if (!s.ok()) fail(s.error().message);
  }
  std::sort(late.begin(), late.end());
  if (late.size() != n) fail("b16: timers are missing");
  report.add({"B16 timers armed", static_cast<double>(n) / armed, "timers/s", 250e3, 500e3});
  report.add({"B16 timer error p99", late[late.size() * 99 / 100], "ms", 5, 1, true, true});
}

}  // namespace pawl::bench
