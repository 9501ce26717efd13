#include "bench/probe.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>

#include "base/fs.h"
#include "bench/bench.h"

namespace pawl::bench {

namespace {

sqlite3* open_plain(const std::string& path) {
  sqlite3* db = nullptr;
  if (sqlite3_open(path.c_str(), &db) != SQLITE_OK ||
      sqlite3_exec(db,
                   "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
                   "PRAGMA synchronous = FULL; PRAGMA cache_size = -32768",
                   nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail("probe: cannot open " + path);
  }
  return db;
}

sqlite3_stmt* prepare(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
      SQLITE_OK) {
    fail(std::string("probe: ") + sqlite3_errmsg(db));
  }
  return statement;
}

void bind_bytes(sqlite3_stmt* statement, int index, const std::string& bytes) {
  sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), SQLITE_STATIC);
}

}  // namespace

Latency latency_of(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  double total = 0;
  for (double t : times)
    total += t;
  auto at = [&](double share) {
    return times[static_cast<std::size_t>(static_cast<double>(times.size() - 1) * share)] * 1e6;
  };
  return {at(0.5), at(0.99), static_cast<double>(times.size()) / total};
}

Latency probe_fdatasync(const std::string& directory, std::size_t writes) {
  auto path = directory + "/fdatasync.probe";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  std::string page(4096, 'p'), whole(4u << 20, 'w');
  if (!fd || !write_all(fd.get(), whole, path).ok() || ::fsync(fd.get()) != 0) {
    fail("probe: cannot write " + path);
  }
  std::vector<double> times;
  for (std::size_t i = 0; i < writes; ++i) {
    auto offset = static_cast<off_t>(i % 1024 * 4096);
    auto start = seconds();
    if (::pwrite(fd.get(), page.data(), page.size(), offset) != 4096 ||
        ::fdatasync(fd.get()) != 0) {
      fail("probe: cannot sync " + path);
    }
    times.push_back(seconds() - start);
  }
  return latency_of(std::move(times));
}

double probe_event_rows(const std::string& directory, std::size_t rows, std::size_t batch) {
  auto* db = open_plain(directory + "/events.probe");
  if (sqlite3_exec(db, "CREATE TABLE events(body BLOB)", nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail("probe: cannot create a table");
  }
  auto* insert = prepare(db, "INSERT INTO events VALUES(?1)");
  std::string body(40, 'e');
  auto start = seconds();
  for (std::size_t done = 0; done < rows; done += batch) {
    sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
    for (std::size_t i = 0; i < batch; ++i) {
      bind_bytes(insert, 1, body);
      if (sqlite3_step(insert) != SQLITE_DONE) fail("probe: cannot insert");
      sqlite3_reset(insert);
    }
    if (sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr) != SQLITE_OK)
      fail("probe: no commit");
  }
  auto rate = static_cast<double>(rows) / (seconds() - start);
  sqlite3_finalize(insert);
  sqlite3_close(db);
  return rate;
}

RawRuns::RawRuns(const std::string& directory) : db_(open_plain(directory + "/raw.probe")) {
  sqlite3_exec(db_,
               "CREATE TABLE runs(id INTEGER PRIMARY KEY, version INTEGER, head BLOB, state BLOB);"
               "CREATE TABLE run_fixed(id INTEGER PRIMARY KEY, fixed BLOB)",
               nullptr, nullptr, nullptr);
  begin_ = prepare(db_, "BEGIN IMMEDIATE");
  commit_ = prepare(db_, "COMMIT");
  run_ = prepare(db_, "INSERT INTO runs VALUES(?1, ?2, ?3, ?4)");
  fixed_ = prepare(db_, "INSERT INTO run_fixed VALUES(?1, ?2)");
  update_ = prepare(db_,
                    "UPDATE runs SET version = ?2, head = ?3, state = ?4 "
                    "WHERE id = ?1 AND version = ?2 - 1");
}

RawRuns::~RawRuns() {
  for (auto* statement : {begin_, commit_, run_, fixed_, update_})
    sqlite3_finalize(statement);
  sqlite3_close(db_);
}

void RawRuns::step(sqlite3_stmt* statement) {
  if (sqlite3_step(statement) != SQLITE_DONE) {
    fail(std::string("probe: ") + sqlite3_errmsg(db_));
  }
  sqlite3_reset(statement);
}

void RawRuns::write(const std::vector<Row>& rows, bool insert) {
  step(begin_);
  auto* statement = insert ? run_ : update_;
  for (const auto& row : rows) {
    sqlite3_bind_int64(statement, 1, row.id);
    sqlite3_bind_int64(statement, 2, row.version);
    bind_bytes(statement, 3, row.head);
    bind_bytes(statement, 4, row.state);
    step(statement);
    if (!insert) continue;
    sqlite3_bind_int64(fixed_, 1, row.id);
    bind_bytes(fixed_, 2, row.fixed);
    step(fixed_);
  }
  step(commit_);
}

}  // namespace pawl::bench
