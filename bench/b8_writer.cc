// B8: our writer against a raw SQLite probe that writes the same bytes, in the same batches, with plain
// prepared statements; alternating in one run, so that the machine cancels out. The gate's own figure.
#include <sqlite3.h>

#include <algorithm>

#include "base/text.h"
#include "bench.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::bench {
namespace {

constexpr std::size_t kBatch = 1'024;

struct Timing {
  double rate = 0, p99_ms = 0;
};

Timing timing(std::vector<double>& commits, std::size_t rows) {
  double total = 0;
  for (double c : commits) total += c;
  std::sort(commits.begin(), commits.end());
  return {static_cast<double>(rows) / total, commits[commits.size() * 99 / 100] * 1e3};
}

store::RunWrite model() {
  store::RunWrite w;
  w.header.workflow = WorkflowId(1);
  w.header.version = 1;
  w.header.tasks = 9;
  w.header.created = Time{Duration{1'700'000'000'000'000}};
  w.fixed = std::string(110, 'f');
  w.state = std::string(220, 's');
  return w;
}

// Every run is inserted, then changed twice, as a run's life is.
Timing ours(std::size_t batches) {
  Scratch scratch("b8");
  auto store = store::open_sqlite({.directory = scratch.path() + "/data", .owner = "{}"});
  if (!store.ok()) fail(store.error().message);
  store::Batch setup;
  store::WorkflowRow row;
  row.id = WorkflowId(1);
  row.name = "w";
  row.version = 1;
  row.hash = std::string(64, '0');
  row.text = "pawl: 1";
  setup.workflows.push_back(row);
  if (auto s = (*store)->commit(setup); !s.ok()) fail(s.error().message);
  std::vector<double> commits;
  store::Batch batch;
  for (std::size_t b = 0; b < batches; ++b) {
    for (std::uint64_t version = 1; version <= 3; ++version) {
      batch.runs.assign(kBatch, model());
      for (std::size_t i = 0; i < kBatch; ++i) {
        auto& w = batch.runs[i];
        w.header.id = RunId(static_cast<std::int64_t>(b * kBatch + i + 1));
        w.header.version = version;
        w.insert = version == 1;
        w.header.open = version < 3;
        if (version == 3) w.header.state = core::RunState::completed;
        if (!w.insert) w.fixed.clear();
      }
      double start = seconds();
      if (auto s = (*store)->commit(batch); !s.ok()) fail(s.error().message);
      commits.push_back(seconds() - start);
    }
  }
  return timing(commits, batches * kBatch * 3);
}

void check(int rc, sqlite3* db) {
  if (rc != SQLITE_OK && rc != SQLITE_DONE) fail(sqlite3_errmsg(db));
}

Timing raw(std::size_t batches) {
  Scratch scratch("b8raw");
  sqlite3* db = nullptr;
  check(sqlite3_open((scratch.path() + "/raw.db").c_str(), &db), db);
  for (const char* sql :
       {"PRAGMA page_size=4096", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
        "CREATE TABLE fixed(id INTEGER PRIMARY KEY, bytes BLOB)",
        "CREATE TABLE runs(id INTEGER PRIMARY KEY, version INT, state INT, verdict INT, open INT,"
        " started INT, finished INT, wake INT, tasks INT, done INT, failed INT, bytes BLOB)",
        "CREATE INDEX open_runs ON runs(id) WHERE open"}) {
    check(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), db);
  }
  sqlite3_stmt *fixed, *insert, *update;
  auto prepare = [&](const char* sql, sqlite3_stmt** s) {
    check(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, s, nullptr), db);
  };
  prepare("INSERT INTO fixed VALUES(?,?)", &fixed);
  prepare("INSERT INTO runs VALUES(?,1,0,0,1,0,0,0,9,0,0,?)", &insert);
  prepare("UPDATE runs SET version=?, state=?, open=?, started=7, bytes=? WHERE id=? AND version=?",
          &update);
  auto step = [&](sqlite3_stmt* s) {
    check(sqlite3_step(s), db);
    sqlite3_reset(s);
  };
  std::string fixed_bytes(110, 'f'), state(220, 's');
  std::vector<double> commits;
  for (std::size_t b = 0; b < batches; ++b) {
    for (int version = 1; version <= 3; ++version) {
      double start = seconds();
      check(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), db);
      for (std::size_t i = 0; i < kBatch; ++i) {
        auto id = static_cast<sqlite3_int64>(b * kBatch + i + 1);
        if (version == 1) {
          sqlite3_bind_int64(fixed, 1, id);
          sqlite3_bind_blob(fixed, 2, fixed_bytes.data(), static_cast<int>(fixed_bytes.size()), SQLITE_STATIC);
          step(fixed);
          sqlite3_bind_int64(insert, 1, id);
          sqlite3_bind_blob(insert, 2, state.data(), static_cast<int>(state.size()), SQLITE_STATIC);
          step(insert);
        } else {
          sqlite3_bind_int(update, 1, version);
          sqlite3_bind_int(update, 2, version);
          sqlite3_bind_int(update, 3, version < 3);
          sqlite3_bind_blob(update, 4, state.data(), static_cast<int>(state.size()), SQLITE_STATIC);
          sqlite3_bind_int64(update, 5, id);
          sqlite3_bind_int(update, 6, version - 1);
          step(update);
        }
      }
      check(sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr), db);
      commits.push_back(seconds() - start);
    }
  }
  for (auto* s : {fixed, insert, update}) sqlite3_finalize(s);
  sqlite3_close(db);
  return timing(commits, batches * kBatch * 3);
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

}  // namespace

void bench_writer(Report& report) {
  std::size_t batches = report.scaled(150, 40);
  std::vector<double> ratios, tails, rates;
  for (int i = 0; i < (report.short_run() ? 3 : 7); ++i) {
    Timing probe = raw(batches), store = ours(batches), again = raw(batches);
    ratios.push_back(store.rate / ((probe.rate + again.rate) / 2));
    tails.push_back(store.p99_ms / ((probe.p99_ms + again.p99_ms) / 2));
    rates.push_back(store.rate);
  }
  report.add({"B8 run rows written, of the raw probe", median(ratios), "ratio", 0.8, 1.0});
  report.add({"B8 commit p99, of the raw probe's", median(tails), "ratio", 1.3, 1.0, true, true});
  report.add({"B8 run rows written", median(rates), "rows/s", 0, 0, false, true});
}

}  // namespace pawl::bench
