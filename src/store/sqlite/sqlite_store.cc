#include "store/sqlite/sqlite_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/text.h"
#include "store/sqlite/check.h"
#include "store/sqlite/run_reader.h"
#include "store/sqlite/small_rows.h"
#include "store/sqlite/store_impl.h"

namespace pawl::store::sqlite {

namespace {

constexpr off_t kReserveBytes = 4 << 20;
// Measured with batches of 1,024: fewer pages cost throughput, more only lengthen the stall.
constexpr int kCheckpointPages = 1000;
constexpr int kIdleCheckpointPages = 400;

std::uint64_t file_bytes(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

}  // namespace

Status SqliteStore::commit(const Batch& batch) {
  std::lock_guard lock(writing_);
  TRY(writable());
  if (batch.empty()) return {};
  failpoint("store.commit.begin");
  // Between batches: those who waited for the last one have been answered.
  auto moved = writer_->checkpointer.step(kCheckpointPages);
  if (!moved.ok() && writer_->db->fsync_failed()) return failed(std::move(moved).error());
  auto done = write(batch);
  if (!done.ok()) return failed(std::move(done).error());
  return {};
}

Status SqliteStore::write(const Batch& batch) {
  auto& db = *writer_->db;
  bool only_logs =
      batch.runs.empty() && batch.workflows.empty() && batch.keys.empty() && batch.meta.empty();
  if (only_logs && logs_.append(batch.logs).ok()) return {};
  auto transaction = TRY(Transaction::begin(db, Transaction::Kind::write));
  failpoint("store.commit.begun");
  for (const auto& row : batch.workflows)
    TRY(insert_workflow(db, row));
  TRY(writer_->runs.write(batch.runs));
  failpoint("store.commit.runs");
  for (const auto& key : batch.keys)
    TRY(insert_key(db, key));
  for (const auto& [name, value] : batch.meta)
    TRY(put_meta(db, name, value));
  failpoint("store.commit.small_rows");
  // When nothing but the disk can refuse the rest. Whatever keeps lines from being stored, it does
  // not keep runs from going on: a row in their place says so.
  if (!batch.logs.empty() && (only_logs || !logs_.append(batch.logs).ok())) {
    TRY(write_lost(batch.logs));
  }
  failpoint("store.commit.logs");
  TRY(transaction.commit());
  failpoint("store.commit.done");
  return {};
}

Status SqliteStore::write_lost(const std::vector<LogChunk>& chunks) {
  auto& db = *writer_->db;
  for (const auto& chunk : chunks) {
    if (chunk.lines.empty()) continue;
    Query q(db,
            "INSERT OR IGNORE INTO lost_logs(run, task, attempt, first_line, lines, time) "
            "VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
    q.bind(1, chunk.run.value).bind(2, chunk.task).bind(3, chunk.attempt);
    q.bind(4, static_cast<std::int64_t>(chunk.first_line));
    q.bind(5, static_cast<std::int64_t>(chunk.lines.size()));
    TRY(q.bind(6, chunk.lines.front().time.time_since_epoch().count()).run());
  }
  return {};
}

Error SqliteStore::failed(Error error) {
  writer_->db->rollback();
  writer_->runs.rolled_back();
  if (writer_->db->fsync_failed()) {
    fsync_failed_ = true;
    error.message += "; nothing more is written until Pawl is started again";
  }
  if (error.code == Errc::disk_full && on_real_files()) {
    (void)::unlink((options_.directory + "/reserve").c_str());
    reserve_missing_ = true;
  }
  return error;
}

Status SqliteStore::refused() const {
  if (!fsync_failed_) return {};
  return Error{Errc::io,
               str("cannot use ", main_.path, ": its disk failed to store what was written ",
                   "to it; check the disk and start Pawl again")};
}

Status SqliteStore::writable() const {
  TRY(refused());
  if (writer_) return {};
  return Error{Errc::unavailable,
               str("cannot write in ", options_.directory, ": it was opened for reading only")};
}

void SqliteStore::fill_reserve() {
  auto path = options_.directory + "/reserve";
  if (!reserve_missing_ || !on_real_files()) return;
  struct statvfs space {};
  if (::statvfs(options_.directory.c_str(), &space) != 0) return;
  if (space.f_bavail * space.f_frsize < 4 * static_cast<std::uint64_t>(kReserveBytes)) return;
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd && posix_fallocate(fd.get(), 0, kReserveBytes) == 0) {
    reserve_missing_ = false;
    failpoint("store.reserve.filled");
  } else {
    (void)::unlink(path.c_str());
  }
}

Result<std::uint32_t> SqliteStore::purge(Time now, const Retention& retention) {
  std::lock_guard lock(writing_);
  TRY(writable());
  auto& db = *writer_->db;
  auto step = [&]() -> Result<std::uint32_t> {
    auto chosen = TRY(writer_->purge.choose(now, retention));
    if (!chosen.empty()) {
      std::vector<RunId> ids;
      for (const auto& header : chosen)
        ids.push_back(header.id);
      failpoint("store.purge.chosen");
      TRY(logs_.remove_runs(ids));  // first: a crash between leaves a run without logs, no orphans
      auto transaction = TRY(Transaction::begin(db, Transaction::Kind::write));
      failpoint("store.purge.logs_gone");
      TRY(writer_->purge.remove(chosen));
      failpoint("store.purge.rows_gone");
      TRY(writer_->runs.marks().removed(chosen));
      TRY(transaction.commit());
      failpoint("store.purge.done");
    }
    writer_->purge.stepped(chosen, retention);
    return static_cast<std::uint32_t>(chosen.size());
  };
  auto removed = step();
  if (!removed.ok()) return failed(std::move(removed).error());
  return removed;
}

Status SqliteStore::idle() {
  std::lock_guard lock(writing_);
  TRY(refused());
  if (!writer_) return {};
  fill_reserve();
  auto step = [&]() -> Status {
    auto& db = *writer_->db;
    if (TRY(db.integer("PRAGMA freelist_count")) > 256) {
      failpoint("store.vacuum.begin");
      TRY(db.exec("PRAGMA incremental_vacuum(256)"));
      failpoint("store.vacuum.done");
    }
    return writer_->checkpointer.step(kIdleCheckpointPages);
  };
  auto done = step();
  if (!done.ok()) return failed(std::move(done).error());
  (void)logs_.idle().ok();  // a full log disk is met, and told, at the next line
  return {};
}

Result<std::optional<RunImage>> SqliteStore::load_run(RunId run) {
  return read([&](Db& db) { return sqlite::load_run(db, run); });
}

Result<std::vector<RunImage>> SqliteStore::scan_open(RunId after, std::uint32_t limit,
                                                     bool constrained_only) {
  return read([&](Db& db) { return sqlite::scan_open(db, after, limit, constrained_only); });
}

Result<std::optional<RunRow>> SqliteStore::find_run(RunId run) {
  return read([&](Db& db) { return sqlite::find_run(db, run); });
}

Result<std::vector<RunRow>> SqliteStore::list_runs(const RunFilter& filter) {
  return read([&](Db& db) { return sqlite::list_runs(db, filter); });
}

Result<RunId> SqliteStore::last_run_id() {
  return read([&](Db& db) -> Result<RunId> {
    auto highest = TRY(db.integer("SELECT coalesce(max(id), 0) FROM runs"));
    auto purged = TRY(find_meta(db, kMetaLastRun));
    std::int64_t before = 0;
    if (purged) std::from_chars(purged->data(), purged->data() + purged->size(), before);
    return RunId(std::max(highest, before));
  });
}

Result<std::vector<EventChunk>> SqliteStore::read_events(RunId run, std::uint64_t after_seq) {
  return read([&](Db& db) { return sqlite::read_events(db, run, after_seq); });
}

Result<std::optional<std::string>> SqliteStore::read_payload(RunId run, const std::string& hash) {
  return read([&](Db& db) { return sqlite::read_payload(db, run, hash); });
}

Result<std::vector<LogChunk>> SqliteStore::read_logs(const LogQuery& query) {
  TRY(refused());
  auto chunks = TRY(logs_.read(query));
  TRY(add_lost_lines(query, chunks));
  return chunks;
}

// Where lines were refused, one line in their place says so.
Status SqliteStore::add_lost_lines(const LogQuery& query, std::vector<LogChunk>& chunks) {
  std::vector<LogChunk> markers;
  TRY(read([&](Db& db) -> Status {
    Query q(db,
            "SELECT task, attempt, first_line, lines, time FROM lost_logs WHERE run = ?1 "
            "ORDER BY task, attempt, first_line");
    q.bind(1, query.run.value);
    while (TRY(q.row())) {
      LogChunk marker{query.run,
                      static_cast<TaskId>(q.integer(0)),
                      static_cast<Attempt>(q.integer(1)),
                      static_cast<std::uint64_t>(q.integer(2)),
                      {}};
      if (query.task != kNoTask && query.task != marker.task) continue;
      if (query.attempt != 0 && query.attempt != marker.attempt) continue;
      if (marker.first_line < query.from_line) continue;
      marker.lines.push_back(
          {Time{Duration{q.integer(4)}}, core::Stream::pawl,
           str("log truncated: ", q.integer(3), " lines could not be stored here")});
      markers.push_back(std::move(marker));
    }
    return {};
  }));
  if (markers.empty()) return {};
  chunks.insert(chunks.end(), markers.begin(), markers.end());
  std::stable_sort(chunks.begin(), chunks.end(), [](const LogChunk& a, const LogChunk& b) {
    return std::tie(a.task, a.attempt, a.first_line) < std::tie(b.task, b.attempt, b.first_line);
  });
  std::size_t left = query.limit;
  for (auto& chunk : chunks) {
    if (chunk.lines.size() > left) chunk.lines.resize(left);
    left -= chunk.lines.size();
  }
  std::erase_if(chunks, [](const LogChunk& chunk) { return chunk.lines.empty(); });
  return {};
}

Result<std::optional<WorkflowRow>> SqliteStore::load_workflow(WorkflowId id) {
  return read([&](Db& db) { return sqlite::load_workflow(db, id); });
}

Result<std::optional<WorkflowRow>> SqliteStore::find_workflow(const std::string& name,
                                                              std::int32_t version) {
  return read([&](Db& db) { return sqlite::find_workflow(db, name, version); });
}

Result<std::vector<WorkflowRow>> SqliteStore::list_workflows() {
  return read([&](Db& db) { return sqlite::list_workflows(db); });
}

Result<WorkflowId> SqliteStore::last_workflow_id() {
  return read([&](Db& db) -> Result<WorkflowId> {
    return WorkflowId(TRY(db.integer("SELECT coalesce(max(id), 0) FROM workflows")));
  });
}

Result<std::optional<IdempotencyKey>> SqliteStore::find_key(const std::string& key) {
  return read([&](Db& db) { return sqlite::find_key(db, key); });
}

Result<std::optional<std::string>> SqliteStore::meta(const std::string& name) {
  return read([&](Db& db) { return find_meta(db, name); });
}

Result<StoreInfo> SqliteStore::info() {
  return read([&](Db& db) -> Result<StoreInfo> {
    StoreInfo info;
    info.engine = str("sqlite ", sqlite3_libversion());
    info.id = TRY(find_meta(db, kMetaStoreId)).value_or("");
    info.schema = static_cast<std::int32_t>(TRY(db.integer("PRAGMA user_version")));
    info.runs = static_cast<std::uint64_t>(TRY(db.integer(
        "SELECT coalesce((SELECT max(id) FROM runs) - (SELECT min(id) FROM runs) + 1, 0)")));
    info.bytes = file_bytes(main_.path);
    info.wal_bytes = file_bytes(main_.path + "-wal");
    info.log_bytes = logs_.bytes();
    return info;
  });
}

Result<std::vector<std::string>> SqliteStore::check() {
  std::vector<std::string> findings;
  TRY(read([&](Db& db) -> Status {
    TRY(check_main(db, findings));
    auto exists = [&](RunId run) -> Result<bool> {
      Query q(db, "SELECT 1 FROM runs WHERE id = ?1");
      q.bind(1, run.value);
      return q.row();
    };
    return logs_.check(exists, findings);
  }));
  return findings;
}

}  // namespace pawl::store::sqlite
