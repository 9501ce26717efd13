#pragma once
// What the machine can do without us: raw probes, run beside the benchmarks so that figures can be
// read as a share of them. The disk's answer to fdatasync, SQLite's rate for plain small rows, and
// SQLite writing the bytes that our store writes, with plain prepared statements.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace pawl::bench {

struct Latency {
  double p50_us = 0, p99_us = 0, per_second = 0;
};
Latency latency_of(std::vector<double> seconds);

// 4 KiB writes over a preallocated file, each followed by fdatasync.
Latency probe_fdatasync(const std::string& directory, std::size_t writes);

// Event rows of 40 bytes, no index, `batch` a transaction, WAL and synchronous=FULL: rows a second.
double probe_event_rows(const std::string& directory, std::size_t rows, std::size_t batch);

// Two plain tables of the store's shape, written row by row: what the store is compared with.
class RawRuns {
 public:
  struct Row {
    std::int64_t id = 0, version = 0;
    std::string head, state, fixed;
  };
  explicit RawRuns(const std::string& directory);
  ~RawRuns();
  RawRuns(const RawRuns&) = delete;
  RawRuns& operator=(const RawRuns&) = delete;
  // One transaction: an insert into both tables, or a guarded update of the first.
  void write(const std::vector<Row>& rows, bool insert);

 private:
  void step(sqlite3_stmt* statement);
  sqlite3* db_ = nullptr;
  sqlite3_stmt *begin_ = nullptr, *commit_ = nullptr, *run_ = nullptr, *fixed_ = nullptr,
               *update_ = nullptr;
};

}  // namespace pawl::bench
