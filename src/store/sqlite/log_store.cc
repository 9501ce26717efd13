#include "store/sqlite/log_store.h"

#include <sys/stat.h>

#include "base/codec.h"
#include "base/failpoint.h"
#include "base/text.h"
#include "store/sqlite/row.h"
#include "store/sqlite/wal_check.h"

namespace pawl::store::sqlite {

namespace {

constexpr std::size_t kChunkBytes = 64 << 10;  // of lines, before compression
constexpr std::uint32_t kMergeFrom = 8;        // so many small chunks are worth a merge
constexpr std::size_t kMostTails = 4096;
constexpr int kCheckpointPages = 1000;

std::uint32_t chunk_crc(std::int64_t run, std::int64_t task, std::int64_t attempt,
                        std::int64_t first, std::int64_t lines, std::string_view bytes) {
  return row_crc(run, row_crc(task << 32 | attempt, row_crc(first, lines, {}), {}), bytes);
}

// Columns: run, task, attempt, first_line, lines, raw, bytes, crc.
Result<LogChunk> chunk_of(const Query& q) {
  LogChunk chunk{RunId(q.integer(0)),
                 static_cast<TaskId>(q.integer(1)),
                 static_cast<Attempt>(q.integer(2)),
                 static_cast<std::uint64_t>(q.integer(3)),
                 {}};
  auto count = q.integer(4);
  auto stored = q.blob(6);
  auto lines = chunk_crc(q.integer(0), q.integer(1), q.integer(2), q.integer(3), count, stored) ==
                       q.integer(7)
                   ? unpack(stored, q.integer(5))
                   : Result<std::string>(Errc::corrupt, "checksum");
  auto decoded = lines.ok() ? decode_lines(*lines, static_cast<std::size_t>(count))
                            : Result<std::vector<core::LogLine>>(lines.error());
  if (!decoded.ok()) {
    return Error{Errc::corrupt, str("cannot read the log of run ", chunk.run.value, ", task ",
                                    chunk.task, ", attempt ", chunk.attempt, ", line ",
                                    chunk.first_line, ": its stored bytes are damaged")};
  }
  chunk.lines = std::move(*decoded);
  return chunk;
}

// Where the chunk begins that holds query.from_line.
Result<std::int64_t> chunk_start(Db& db, const LogQuery& query) {
  Query q(db,
          "SELECT coalesce(max(first_line), 0) FROM chunks "
          "WHERE run = ?1 AND task = ?2 AND attempt = ?3 AND first_line <= ?4");
  q.bind(1, query.run.value).bind(2, query.task).bind(3, query.attempt);
  q.bind(4, static_cast<std::int64_t>(query.from_line));
  TRY(q.row());
  return q.integer(0);
}

}  // namespace

std::string encode_lines(const std::vector<core::LogLine>& lines) {
  std::string out;
  Writer w(out);
  std::int64_t before = 0;
  for (const auto& line : lines) {
    auto time = line.time.time_since_epoch().count();
    w.zigzag(static_cast<std::int64_t>(static_cast<std::uint64_t>(time) -
                                       static_cast<std::uint64_t>(before)));
    before = time;
    w.u8(static_cast<std::uint8_t>(line.stream));
    w.bytes(line.text);
  }
  return out;
}

Result<std::vector<core::LogLine>> decode_lines(std::string_view bytes, std::size_t count) {
  std::vector<core::LogLine> lines;
  Reader r(bytes);
  std::uint64_t time = 0;
  while (lines.size() < count && r.ok()) {
    time += static_cast<std::uint64_t>(r.zigzag());
    auto stream = r.u8();
    if (stream > static_cast<std::uint8_t>(core::Stream::pawl)) r.fail();
    lines.push_back({Time{Duration{static_cast<std::int64_t>(time)}},
                     static_cast<core::Stream>(stream), std::string(r.bytes())});
  }
  if (!r.ok() || !r.at_end())
    return Error{Errc::corrupt, "cannot read log lines: bytes are damaged"};
  return lines;
}

LogStore::LogStore(FileOptions options)
    : options_(std::move(options)), readers_(options_, kLogsSchema) {}

bool LogStore::exists() const {
  auto* vfs = sqlite3_vfs_find(options_.vfs);
  int there = 0;
  return vfs &&
         vfs->xAccess(vfs, options_.path.c_str(), SQLITE_ACCESS_EXISTS, &there) == SQLITE_OK &&
         there != 0;
}

Status LogStore::open() {
  if (db_) return {};
  TRY(sound_);
  db_ = TRY(open_writer(options_, kLogsSchema));
  checkpointer_ = std::make_unique<Checkpointer>(*db_);
  return {};
}

Status LogStore::mend() {
  if (!options_.vfs) sound_ = check_wal(options_.path + "-wal");
  TRY(sound_);
  auto* vfs = sqlite3_vfs_find(options_.vfs);
  int there = 0;
  const auto journal = options_.path + "-journal";
  if (!vfs || vfs->xAccess(vfs, journal.c_str(), SQLITE_ACCESS_EXISTS, &there) != SQLITE_OK) {
    return {};
  }
  return there ? open() : Status{};
}

Status LogStore::append(const std::vector<LogChunk>& chunks) {
  TRY(open());
  if (db_->fsync_failed()) {
    return Error{Errc::io, str("cannot write ", options_.path,
                               ": its disk failed to store earlier lines; restart Pawl")};
  }
  failpoint("log.append.begin");
  TRY(checkpointer_->step(kCheckpointPages));
  auto transaction = TRY(Transaction::begin(*db_, Transaction::Kind::write));
  for (const auto& chunk : chunks)
    TRY(append_one(chunk));
  failpoint("log.append.written");
  TRY(transaction.commit());
  failpoint("log.append.done");
  return {};
}

Result<std::uint64_t> LogStore::next_line(const LogChunk& chunk) {
  Query q(*db_,
          "SELECT first_line + lines FROM chunks WHERE run = ?1 AND task = ?2 AND attempt = ?3 "
          "ORDER BY first_line DESC LIMIT 1");
  q.bind(1, chunk.run.value).bind(2, chunk.task).bind(3, chunk.attempt);
  if (!TRY(q.row())) return std::uint64_t{0};
  return static_cast<std::uint64_t>(q.integer(0));
}

Status LogStore::append_one(const LogChunk& chunk) {
  if (chunk.lines.empty()) return {};
  auto next = TRY(next_line(chunk));
  if (chunk.first_line + chunk.lines.size() <= next) return {};  // a repeat
  std::size_t raw = 0;
  auto first = std::max(next, chunk.first_line);
  if (first == chunk.first_line) {
    TRY(insert(chunk, &raw));
  } else {
    LogChunk rest{chunk.run, chunk.task, chunk.attempt, first, {}};
    rest.lines.assign(chunk.lines.begin() + static_cast<std::ptrdiff_t>(first - chunk.first_line),
                      chunk.lines.end());
    TRY(insert(rest, &raw));
  }
  AttemptKey key{chunk.run, chunk.task, chunk.attempt};
  if (raw >= kChunkBytes / 2) {
    tails_.erase(key);  // large enough by itself, and ends what could be merged before it
    return {};
  }
  if (tails_.size() >= kMostTails) tails_.erase(tails_.begin());
  auto& tail = tails_[key];
  if (tail.chunks++ == 0) tail.first_line = first;
  tail.raw += raw;
  return {};
}

Status LogStore::insert(const LogChunk& chunk, std::size_t* raw) {
  auto encoded = encode_lines(chunk.lines);
  if (raw) *raw = encoded.size();
  auto packed = pack(encoded);
  auto first = static_cast<std::int64_t>(chunk.first_line);
  auto lines = static_cast<std::int64_t>(chunk.lines.size());
  Query q(*db_,
          "INSERT INTO chunks(run, task, attempt, first_line, lines, raw, bytes, crc) "
          "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  q.bind(1, chunk.run.value).bind(2, chunk.task).bind(3, chunk.attempt).bind(4, first);
  q.bind(5, lines).bind(6, packed.raw).bind_blob(7, packed.bytes);
  q.bind(8, chunk_crc(chunk.run.value, chunk.task, chunk.attempt, first, lines, packed.bytes));
  return q.run();
}

Status LogStore::merge(const AttemptKey& key, const Tail& tail) {
  auto [run, task, attempt] = key;
  auto transaction = TRY(Transaction::begin(*db_, Transaction::Kind::write));
  std::vector<LogChunk> merged;
  std::size_t raw = 0;
  {
    Query q(*db_,
            "SELECT run, task, attempt, first_line, lines, raw, bytes, crc FROM chunks "
            "WHERE run = ?1 AND task = ?2 AND attempt = ?3 AND first_line >= ?4 "
            "ORDER BY first_line");
    q.bind(1, run.value).bind(2, task).bind(3, attempt);
    q.bind(4, static_cast<std::int64_t>(tail.first_line));
    while (TRY(q.row())) {
      auto chunk = TRY(chunk_of(q));
      std::size_t size = 0;
      for (const auto& line : chunk.lines)
        size += line.text.size() + 8;
      bool follows = !merged.empty() && raw + size <= kChunkBytes &&
                     merged.back().first_line + merged.back().lines.size() == chunk.first_line;
      if (follows) {
        auto& lines = merged.back().lines;
        lines.insert(lines.end(), chunk.lines.begin(), chunk.lines.end());
        raw += size;
      } else {
        merged.push_back(std::move(chunk));
        raw = size;
      }
    }
  }
  Query remove(*db_,
               "DELETE FROM chunks WHERE run = ?1 AND task = ?2 AND attempt = ?3 "
               "AND first_line >= ?4");
  remove.bind(1, run.value).bind(2, task).bind(3, attempt);
  TRY(remove.bind(4, static_cast<std::int64_t>(tail.first_line)).run());
  for (const auto& chunk : merged)
    TRY(insert(chunk, nullptr));
  return transaction.commit();
}

Status LogStore::idle() {
  if (!db_ || db_->fsync_failed()) return {};
  for (auto it = tails_.begin(); it != tails_.end(); ++it) {
    if (it->second.chunks < kMergeFrom && it->second.raw < kChunkBytes / 2) continue;
    auto [key, tail] = *it;
    tails_.erase(it);
    TRY(merge(key, tail));
    break;  // one a call: short
  }
  if (TRY(db_->integer("PRAGMA freelist_count")) > 256) {
    TRY(db_->exec("PRAGMA incremental_vacuum(256)"));
  }
  return checkpointer_->step(kCheckpointPages / 2);
}

Status LogStore::remove_runs(const std::vector<RunId>& runs) {
  if (!db_ && !exists()) return {};
  TRY(open());
  auto transaction = TRY(Transaction::begin(*db_, Transaction::Kind::write));
  for (auto run : runs) {
    Query q(*db_, "DELETE FROM chunks WHERE run = ?1");
    TRY(q.bind(1, run.value).run());
    tails_.erase(tails_.lower_bound(AttemptKey{run, 0, 0}),
                 tails_.lower_bound(AttemptKey{RunId(run.value + 1), 0, 0}));
  }
  return transaction.commit();
}

Result<std::vector<LogChunk>> LogStore::read(const LogQuery& query) {
  TRY(sound_);
  if (!exists()) return std::vector<LogChunk>{};
  auto read = read_on(readers_, [&](Db& db) -> Result<std::vector<LogChunk>> {
    bool any_task = query.task == kNoTask;
    // Within one attempt, begin at the chunk that holds the line, not at the first of the log.
    std::int64_t start = 0;
    if (!any_task && query.attempt != 0) start = TRY(chunk_start(db, query));
    Query q(db,
            "SELECT run, task, attempt, first_line, lines, raw, bytes, crc FROM chunks "
            "WHERE run = ?1 AND task BETWEEN ?2 AND ?3 AND attempt BETWEEN ?4 AND ?5 "
            "AND first_line + lines > ?6 AND first_line >= ?7 ORDER BY task, attempt, first_line");
    q.bind(1, query.run.value).bind(2, any_task ? 0 : query.task);
    q.bind(3, any_task ? kNoTask : query.task).bind(4, query.attempt);
    q.bind(5, query.attempt == 0 ? std::int64_t{0xffffffff} : query.attempt);
    q.bind(6, static_cast<std::int64_t>(query.from_line)).bind(7, start);
    std::vector<LogChunk> out;
    std::size_t left = query.limit;
    while (left > 0 && TRY(q.row())) {
      auto chunk = TRY(chunk_of(q));
      if (chunk.first_line < query.from_line) {
        auto skip = query.from_line - chunk.first_line;
        chunk.lines.erase(chunk.lines.begin(),
                          chunk.lines.begin() + static_cast<std::ptrdiff_t>(skip));
        chunk.first_line = query.from_line;
      }
      if (chunk.lines.size() > left) chunk.lines.resize(left);
      left -= chunk.lines.size();
      out.push_back(std::move(chunk));
    }
    return out;
  });
  if (!read.ok() && read.error().code == Errc::not_found) return std::vector<LogChunk>{};
  return read;
}

Status LogStore::check(const std::function<Result<bool>(RunId)>& run_exists,
                       std::vector<std::string>& findings) {
  TRY(sound_);
  if (!exists()) return {};
  auto checked = read_on(readers_, [&](Db& db) -> Status {
    auto sound = TRY(db.text("PRAGMA integrity_check(10)"));
    if (sound != "ok") findings.push_back(str("logs.db: ", sound));
    Query q(db,
            "SELECT run, task, attempt, first_line, lines, raw, bytes, crc FROM chunks "
            "ORDER BY run, task, attempt, first_line");
    AttemptKey last{};
    std::uint64_t next = 0;
    while (TRY(q.row())) {
      auto chunk = chunk_of(q);
      if (!chunk.ok()) {
        findings.push_back(chunk.error().message);
        continue;
      }
      AttemptKey key{chunk->run, chunk->task, chunk->attempt};
      if (key != last && std::get<0>(key) != std::get<0>(last) && !TRY(run_exists(chunk->run))) {
        findings.push_back(str("logs.db: lines of run ", chunk->run.value, ", which is not there"));
      }
      if (key == last && chunk->first_line < next) {
        findings.push_back(str("logs.db: run ", chunk->run.value, ", task ", chunk->task, ": line ",
                               chunk->first_line, " is there twice"));
      }
      last = key;
      next = chunk->first_line + chunk->lines.size();
    }
    return {};
  });
  return !checked.ok() && checked.error().code == Errc::not_found ? Status{} : checked;
}

std::uint64_t LogStore::bytes() const {
  struct stat info {};
  std::uint64_t total = 0;
  for (const char* suffix : {"", "-wal"}) {
    if (::stat((options_.path + suffix).c_str(), &info) == 0) {
      total += static_cast<std::uint64_t>(info.st_size);
    }
  }
  return total;
}

}  // namespace pawl::store::sqlite
