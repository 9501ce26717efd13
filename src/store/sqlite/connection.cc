#include "store/sqlite/connection.h"

#include "base/failpoint.h"
#include "base/text.h"
#include "store/sqlite/page_sum_vfs.h"

namespace pawl::store::sqlite {

namespace {

constexpr int kWriterCacheKib = 32 * 1024;  // a batch of 4,096 scattered runs stays in memory
constexpr std::int64_t kWalSizeLimit = 64 << 20;
constexpr std::size_t kMostIdleReaders = 4;

Status common_pragmas(Db& db) {
  sqlite3_busy_timeout(db.handle(), 2000);
  return db.exec(
      "PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; "
      "PRAGMA wal_autocheckpoint = 0");
}

// Damage in the first page shows as "not a database": say which file, and that nothing was changed.
Error explain(Error error) {
  if (error.code == Errc::unavailable) {
    error.code = Errc::in_use;
    error.message += "; another program has the file open for writing: end it";
  }
  return error;
}

int on_commit(void* pages, sqlite3*, const char*, int now) {
  *static_cast<int*>(pages) = now;
  return SQLITE_OK;
}

Status set_up_writer(Db& db, const FileOptions& options, const Schema& schema) {
  TRY(common_pragmas(db));
  auto version = TRY(schema_version(db, schema));  // refuses before anything is written
  if (options.throwaway) TRY(db.exec("PRAGMA synchronous = OFF"));
  if (version == 0) {
    // These shape the file, so they come before its first table, and before WAL.
    TRY(reserve_page_sums(db));
    TRY(db.exec(
        str("PRAGMA page_size = ", kPageBytes, "; PRAGMA auto_vacuum = INCREMENTAL").c_str()));
  }
  if (TRY(db.text("PRAGMA journal_mode = WAL")) != "wal") {
    return Error{Errc::io, str("cannot use ", options.path, ": this file system has no WAL mode; ",
                               "put the directory on a local disk")};
  }
  int level = options.throwaway ? 0 : options.synchronous_full ? 2 : 1;
  TRY(db.exec(str("PRAGMA synchronous = ", level).c_str()));
  if (TRY(db.integer("PRAGMA synchronous")) != level) {
    return Error{Errc::internal, str("cannot use ", options.path, ": synchronous was not taken")};
  }
  TRY(db.exec(str("PRAGMA cache_size = -", kWriterCacheKib).c_str()));
  TRY(db.exec(str("PRAGMA journal_size_limit = ", kWalSizeLimit).c_str()));
  return migrate(db, schema);
}

}  // namespace

Result<std::unique_ptr<Db>> open_writer(const FileOptions& options, const Schema& schema) {
  auto db = TRY(Db::open(options.path, Db::Mode::create, page_sum_vfs(options.vfs)));
  auto ready = set_up_writer(*db, options, schema);
  if (!ready.ok()) return explain(std::move(ready).error());
  return db;
}

Result<std::unique_ptr<Db>> open_reader(const FileOptions& options, const Schema& schema) {
  auto db = TRY(Db::open(options.path, Db::Mode::read_only, page_sum_vfs(options.vfs)));
  TRY(common_pragmas(*db));
  auto version = TRY(schema_version(*db, schema));
  if (version == 0 && !schema.born_whole) {
    return Error{Errc::not_found, str(options.path, " holds nothing yet")};
  }
  if (version == 0) {
    return Error{Errc::corrupt,
                 str("cannot read ", options.path, ": it is empty; restore it from a ", "backup")};
  }
  if (version < static_cast<std::int64_t>(schema.steps.size())) {
    return Error{Errc::unavailable,
                 str("cannot read ", options.path, ": an older Pawl wrote it ", "(schema ", version,
                     "); start the server once to bring it ", "up to date")};
  }
  return db;
}

Checkpointer::Checkpointer(Db& db) : db_(db) { sqlite3_wal_hook(db.handle(), on_commit, &pages_); }

Status Checkpointer::step(int min_pages) {
  if (pages_ < min_pages) return {};
  failpoint("store.checkpoint.begin");
  int in_wal = 0, moved = 0;
  int code =
      sqlite3_wal_checkpoint_v2(db_.handle(), "main", SQLITE_CHECKPOINT_PASSIVE, &in_wal, &moved);
  if (code != SQLITE_OK && code != SQLITE_BUSY) return db_.error("checkpoint");
  // Where a reader holds the WAL's start, pages stay: do not try again before as many have come.
  pages_ = in_wal > moved ? in_wal - moved : 0;
  failpoint("store.checkpoint.done");
  return {};
}

Readers::Lease::~Lease() {
  if (!db_) return;
  std::lock_guard lock(pool_->mutex_);
  if (pool_->idle_.size() < kMostIdleReaders) pool_->idle_.push_back(std::move(db_));
}

void Readers::close_idle() {
  std::lock_guard lock(mutex_);
  idle_.clear();
}

Result<Readers::Lease> Readers::borrow() {
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto db = std::move(idle_.back());
      idle_.pop_back();
      return Lease(this, std::move(db));
    }
  }
  return Lease(this, TRY(open_reader(options_, schema_)));
}

}  // namespace pawl::store::sqlite
