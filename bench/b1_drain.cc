// B1: a million no-op jobs, 100 bytes of JSON each, inserted beforehand, then drained: each job queued,
// leased, done, durable, with its history kept. Growth: the same beside ten million finished ones.
#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/text.h"
#include "bench.h"
#include "core/run_codec.h"
#include "engine/run_io.h"

namespace pawl::bench {
namespace {

constexpr const char* kJob =
    "pawl: 1\nname: job\ninputs:\n  payload: {type: string}\ntasks:\n  work:\n    action: noop\n";
constexpr std::uint32_t kSlots = 4096;

Json payload() { return Json::object().set("payload", std::string(86, 'x')); }

// Submits n jobs, at most `window` unanswered. Returns seconds.
double insert(Bed& bed, WorkflowId workflow, std::size_t n) {
  std::mutex mutex;
  std::condition_variable room;
  std::size_t open = 0;
  constexpr std::size_t kWindow = 8192;
  Json inputs = payload();
  double start = seconds();
  for (std::size_t i = 0; i < n; ++i) {
    {
      std::unique_lock lock(mutex);
      room.wait(lock, [&] { return open < kWindow; });
      ++open;
    }
    bed.engine->submit_async({workflow, inputs, "", "", {}, 0, ""}, [&](Result<RunId> r) {
      if (!r.ok()) fail(r.error().message);
      std::lock_guard lock(mutex);
      if (open-- == kWindow || open == 0) room.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  room.wait(lock, [&] { return open == 0; });
  return seconds() - start;
}

// Drains what is queued. Returns seconds from the first lease to the last durable completion.
double drain(const std::string& directory, std::size_t n) {
  Bed bed(directory);
  double first = 0;
  NoopWorker worker(*bed.engine, directory, {kSlots, {}, [&](const core::Assignment&) {
                      if (first == 0) first = seconds();
                    }});
  worker.wait_for(n);
  worker.stop();
  bed.engine->stop();
  return seconds() - first;
}

void check_exact(const std::string& directory, std::size_t n) {
  Bed bed(directory);
  auto info = bed.store->info();
  if (!info.ok()) fail(info.error().message);
  auto open = bed.store->scan_open(RunId{}, 10, false);
  if (!open.ok() || !open->empty()) fail("drain: runs are open after the drain");
  auto last = bed.store->last_run_id();
  if (!last.ok() || static_cast<std::size_t>(last->value) != n) {
    fail("drain: fewer runs on record than were submitted");
  }
  store::RunFilter filter;
  filter.states = ~(1u << static_cast<unsigned>(core::RunState::completed));
  auto others = bed.store->list_runs(filter);
  if (!others.ok() || !others->empty()) fail("drain: some run is not completed");
}

// n finished one-task runs, written through the store's own commit.
void put_finished(const std::string& directory, std::size_t n) {
  Bed bed(directory);
  auto workflow = bed.workflow(kJob);
  auto id = bed.engine->submit({workflow, payload(), "", "", {}, 0, ""});
  NoopWorker worker(*bed.engine, directory, {.slots = 1});
  worker.wait_for(1);
  worker.stop();
  if (!id.ok()) fail(id.error().message);
  store::RunWrite model;
  auto read = bed.engine->inspect(*id, [&](const core::Run& run) {
    core::Run copy = run;
    model = engine::write_of(copy, true, 65536);
  });
  if (!read.ok()) fail(read.error().message);
  bed.engine->stop();
  model.header.version = 1;
  store::Batch batch;
  for (std::size_t i = 0; i < n;) {
    batch.runs.clear();
    for (std::size_t k = 0; k < 4096 && i < n; ++k, ++i) {
      batch.runs.push_back(model);
      batch.runs.back().header.id = RunId(static_cast<std::int64_t>(i) + 2);
    }
    auto s = bed.store->commit(batch);
    if (!s.ok()) fail(s.error().message);
  }
}

}  // namespace

void bench_drain(Report& report) {
  std::size_t n = report.scaled(1'000'000, 50'000);
  Scratch scratch("b1");
  double inserted = 0, drained = 0;
  {
    Bed bed(scratch.path());
    inserted = insert(bed, bed.workflow(kJob), n);
  }
  drained = drain(scratch.path(), n);
  check_exact(scratch.path(), n);
  auto rate = [&](double s) { return static_cast<double>(n) / s; };
  report.add({"B1 insert", rate(inserted), "jobs/s", 250e3, 500e3, false, true});
  report.add({"B1 drain", rate(drained), "tasks/s", 100e3, 250e3});
}

void bench_growth(Report& report) {
  std::size_t on_record = report.scaled(10'000'000, 200'000);
  std::size_t n = report.scaled(500'000, 50'000);
  std::vector<double> empty, full;
  Scratch grown("growth");
  put_finished(grown.path(), on_record);
  std::size_t total = on_record + 1;
  for (int round = 0; round < (report.short_run() ? 1 : 3); ++round) {
    for (bool with_history : {false, true}) {
      Scratch fresh("growth-empty");
      const std::string& where = with_history ? grown.path() : fresh.path();
      {
        Bed bed(where);
        insert(bed, bed.workflow(kJob), n);
      }
      double s = drain(where, n);
      (with_history ? full : empty).push_back(static_cast<double>(n) / s);
      if (with_history) total += n;
      check_exact(where, with_history ? total : n);
    }
  }
  std::sort(empty.begin(), empty.end());
  std::sort(full.begin(), full.end());
  report.add({str("growth: drain beside ", on_record, " finished, of the empty store's"),
              full[full.size() / 2] / empty[empty.size() / 2], "ratio", 0.9, 1.0});
}

}  // namespace pawl::bench
