// B8: our store against plain SQLite writing the same bytes in the same transactions, A/B/A/B in
// one run, so that what is left is our own cost. Each round writes runs as a hot run is written:
// inserted, updated, updated and finished. Beside it, what the disk and SQLite do at their best.

#include <algorithm>

#include "base/text.h"
#include "bench/bench.h"
#include "bench/probe.h"
#include "store/sqlite/row.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::bench {

namespace {

constexpr int kPhases = 3;  // insert, update, update that finishes

store::RunWrite run_at(std::int64_t id, int phase) {
  store::RunWrite write;
  auto& h = write.header;
  h.id = RunId(id);
  h.version = static_cast<std::uint64_t>(phase) + 1;
  h.workflow = WorkflowId(1);
  h.state = phase == 2 ? core::RunState::completed : core::RunState::running;
  h.verdict = phase == 2 ? core::Verdict::pass : core::Verdict::none;
  h.open = phase != 2;
  h.created = Time{Duration{1'700'000'000'000'000 + id}};
  h.started = h.created;
  if (phase == 2) h.finished = h.created + Duration(700);
  h.tasks = 1;
  h.tasks_done = phase == 2;
  write.insert = phase == 0;
  if (write.insert) {
    h.name = str("run ", id);
    write.fixed.assign(120, 'f');
  }
  write.state.assign(static_cast<std::size_t>(150 + 20 * phase + id % 16), 's');
  return write;
}

RawRuns::Row raw_of(const store::RunWrite& write) {
  RawRuns::Row row{
      write.header.id.value, static_cast<std::int64_t>(write.header.version), {}, write.state, {}};
  store::sqlite::encode_head(write.header, write.state, row.head);
  if (write.insert) store::sqlite::encode_fixed(write, row.fixed);
  return row;
}

struct Side {
  double rows_per_second[kPhases];
  Latency commit;
};

// Writes all phases of `runs` runs; `commit` takes one batch. Only commits are timed.
template <typename MakeBatch, typename Commit>
Side write_all_phases(std::size_t runs, std::size_t batch, MakeBatch make, Commit commit) {
  Side side{};
  std::vector<double> times;
  for (int phase = 0; phase < kPhases; ++phase) {
    double spent = 0;
    for (std::size_t done = 0; done < runs; done += batch) {
      auto prepared = make(static_cast<std::int64_t>(done) + 1, phase);
      auto start = seconds();
      commit(prepared, phase);
      times.push_back(seconds() - start);
      spent += times.back();
    }
    side.rows_per_second[phase] = static_cast<double>(runs) / spent;
  }
  side.commit = latency_of(std::move(times));
  return side;
}

Side ours(std::size_t runs, std::size_t batch) {
  Scratch scratch("b8-store");
  auto opened = store::open_sqlite({.directory = scratch.path() + "/store"});
  if (!opened.ok()) fail(opened.error().message);
  auto& store = **opened;
  auto side = write_all_phases(
      runs, batch,
      [&](std::int64_t first, int phase) {
        store::Batch out;
        for (std::size_t i = 0; i < batch; ++i) {
          out.runs.push_back(run_at(first + static_cast<std::int64_t>(i), phase));
        }
        return out;
      },
      [&](const store::Batch& prepared, int) {
        auto done = store.commit(prepared);
        if (!done.ok()) fail(done.error().message);
      });
  auto last = store.last_run_id();
  auto findings = store.check();
  if (!last.ok() || last->value != static_cast<std::int64_t>(runs) || !findings.ok() ||
      !findings->empty()) {
    fail("b8: the store does not hold what was written");
  }
  return side;
}

Side raw(std::size_t runs, std::size_t batch) {
  Scratch scratch("b8-raw");
  RawRuns raw_runs(scratch.path());
  return write_all_phases(
      runs, batch,
      [&](std::int64_t first, int phase) {
        std::vector<RawRuns::Row> out;
        for (std::size_t i = 0; i < batch; ++i) {
          out.push_back(raw_of(run_at(first + static_cast<std::int64_t>(i), phase)));
        }
        return out;
      },
      [&](const std::vector<RawRuns::Row>& rows, int phase) { raw_runs.write(rows, phase == 0); });
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

void bench_store(Report& report) {
  Scratch scratch("b8-probe");
  auto sync = probe_fdatasync(scratch.path(), report.scaled(4000, 400));
  auto events = probe_event_rows(scratch.path(), report.scaled(1 << 20, 1 << 16), 1024);
  report.add({.name = "probe: fdatasync 4 KiB p50",
              .value = sync.p50_us,
              .unit = "us",
              .measured_only = true});
  report.add({.name = "probe: fdatasync 4 KiB p99",
              .value = sync.p99_us,
              .unit = "us",
              .measured_only = true});
  report.add({.name = "probe: SQLite FULL event rows, batch 1024",
              .value = events,
              .unit = "events/s",
              .measured_only = true});
  for (std::size_t batch : {1u, 64u, 1024u, 4096u}) {
    auto runs = batch * std::max<std::size_t>(1, report.scaled(204'800, 20'480) / 4096);
    if (batch < 1024) runs = batch * report.scaled(1000, 200);
    std::vector<double> insert, update, p99, inserted, updated, over_sync;
    for (int round = 0; round < 5; ++round) {
      auto a = ours(runs, batch);
      auto b = raw(runs, batch);
      inserted.push_back(a.rows_per_second[0]);
      updated.push_back((a.rows_per_second[1] + a.rows_per_second[2]) / 2);
      insert.push_back(a.rows_per_second[0] / b.rows_per_second[0]);
      update.push_back(updated.back() * 2 / (b.rows_per_second[1] + b.rows_per_second[2]));
      p99.push_back(a.commit.p99_us / b.commit.p99_us);
      over_sync.push_back(a.commit.p50_us - probe_fdatasync(scratch.path(), 400).p50_us);
    }
    auto label = str("B8 batch ", batch, ": ");
    report.add({.name = label + "insert",
                .value = median(inserted),
                .unit = "runs/s",
                .measured_only = true});
    report.add({.name = label + "update",
                .value = median(updated),
                .unit = "rows/s",
                .measured_only = true});
    report.add({.name = label + "insert / raw",
                .value = median(insert),
                .unit = "ratio",
                .floor = 0.8,
                .moonshot = 1.0});
    report.add({.name = label + "update / raw",
                .value = median(update),
                .unit = "ratio",
                .floor = 0.8,
                .moonshot = 1.0});
    report.add({.name = label + "commit p99 / raw",
                .value = median(p99),
                .unit = "ratio",
                .floor = 1.3,
                .moonshot = 1.0,
                .lower_is_better = true});
    if (batch == 1) {
      report.add({.name = label + "commit p50 over one fdatasync",
                  .value = median(over_sync),
                  .unit = "us",
                  .floor = 40,
                  .moonshot = 20,
                  .lower_is_better = true});
    }
  }
}

}  // namespace pawl::bench
