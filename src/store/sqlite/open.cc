// Opening a directory: made where absent, locked, looked at, brought up to date. What lies there
// and cannot be trusted is refused with one sentence that says what it is and what to do.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/random.h"
#include "base/text.h"
#include "store/sqlite/page_sum_vfs.h"
#include "store/sqlite/small_rows.h"
#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/store_impl.h"
#include "store/sqlite/wal_check.h"

namespace pawl::store::sqlite {

namespace {

std::string random_id() {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string id;
  for (int half = 0; half < 2; ++half) {
    auto bits = entropy();
    for (int i = 0; i < 16; ++i, bits >>= 4)
      id.push_back(kDigits[bits & 15]);
  }
  return id;
}

Status put_id(Db& db) {
  if (TRY(find_meta(db, kMetaStoreId))) return {};
  auto transaction = TRY(Transaction::begin(db, Transaction::Kind::write));
  TRY(put_meta(db, kMetaStoreId, random_id()));
  return transaction.commit();
}

}  // namespace

SqliteStore::SqliteStore(const SqliteOptions& options)
    : options_(options),
      main_{options.directory + "/pawl.db", options.vfs, options.synchronous_full},
      readers_(main_, kMainSchema),
      logs_({options.directory + "/logs.db", options.vfs, options.synchronous_full}) {}

SqliteStore::~SqliteStore() { readers_.close_idle(); }

// Made whole under another name, then renamed: a pawl.db without its schema is never seen.
Status SqliteStore::create_file() {
  auto fresh = main_;
  fresh.path += ".new";
  fresh.throwaway = true;
  for (const char* suffix : {"", "-wal", "-shm"})
    TRY(remove_tree(fresh.path + suffix));
  {
    failpoint("store.create.begin");
    auto db = TRY(open_writer(fresh, kMainSchema));
    TRY(put_id(*db));
    // Closing would move the WAL into the file too, but cannot report.
    auto busy = TRY(db->integer("PRAGMA wal_checkpoint(TRUNCATE)"));
    if (busy != 0) return Error{Errc::in_use, str("cannot create ", fresh.path, ": it is in use")};
  }
  failpoint("store.create.filled");
  UniqueFd fd(::open(fresh.path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd || ::fchmod(fd.get(), 0600) != 0 || ::fsync(fd.get()) != 0) {
    return errno_error("make durable", fresh.path, errno);
  }
  failpoint("store.create.synced");
  if (std::rename(fresh.path.c_str(), main_.path.c_str()) != 0) {
    return errno_error("rename", fresh.path, errno);
  }
  failpoint("store.create.renamed");
  return sync_dir(options_.directory);
}

Status SqliteStore::open_writing() {
  TRY(make_dirs(options_.directory, 0700));
  lock_ = TRY(LockFile::take(options_.directory, options_.owner));
  failpoint("store.open.locked");
  if (on_real_files()) {
    struct stat info {};
    bool there = ::stat(main_.path.c_str(), &info) == 0;
    if (there && info.st_size < kPageBytes) {
      return Error{
          Errc::corrupt,
          str("cannot use ", main_.path, ": it has ", info.st_size,
              " bytes, and Pawl never leaves it so short; restore it from a backup, or remove the ",
              "directory to start anew")};
    }
    for (const char* other : {"/pawl.db-wal", "/logs.db"}) {
      if (there || !file_exists(options_.directory + other)) continue;
      return Error{Errc::corrupt, str("cannot use ", options_.directory, ": ", other + 1,
                                      " is there without pawl.db; restore pawl.db from a backup, ",
                                      "or remove the directory to start anew")};
    }
    if (!there) TRY(create_file());
    TRY(check_wal(main_.path + "-wal"));
  }
  failpoint("store.open.checked");
  auto db = TRY(open_writer(main_, kMainSchema));
  TRY(put_id(*db));
  writer_ = std::make_unique<Writer>(std::move(db));
  TRY(writer_->runs.prepare());
  (void)logs_.mend().ok();  // else reading them says what is wrong
  failpoint("store.open.ready");
  fill_reserve();
  return {};
}

Status SqliteStore::open() {
  if (!options_.read_only) return open_writing();
  if (on_real_files() && !file_exists(main_.path)) {
    return Error{Errc::not_found,
                 str("cannot read ", main_.path, ": there is no such file; name the ",
                     "directory of a Pawl server, or start one")};
  }
  // One connection now, so that what is wrong is said at once.
  TRY(readers_.borrow());
  return {};
}

}  // namespace pawl::store::sqlite

namespace pawl::store {

Result<std::unique_ptr<Store>> open_sqlite(const SqliteOptions& options) {
  auto store = std::make_unique<sqlite::SqliteStore>(options);
  TRY(store->open());
  return std::unique_ptr<Store>(std::move(store));
}

Result<std::optional<std::string>> sqlite_owner(const std::string& directory) {
  return sqlite::LockFile::holder(directory);
}

}  // namespace pawl::store
