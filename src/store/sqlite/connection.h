#pragma once
// Connections as Pawl uses them: one that writes and checkpoints, and a pool of read-only ones.
//
// SQLite before 3.51.3 can corrupt a WAL that two connections write or checkpoint at the same
// instant; here only the writer does either. Readers are opened SQLITE_OPEN_READONLY, which never
// checkpoints, not even at close. No memory-mapped reading: an I/O error would be a signal, not a
// value.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite.h"

namespace pawl::store::sqlite {

struct FileOptions {
  std::string path;
  const char* vfs = nullptr;
  bool synchronous_full = true;
  bool throwaway = false;  // never synced: a file that its maker syncs as a whole, or removes
};

// Creates the file where absent, brings its schema up to date, sets WAL and durability and reads
// both back. Errors: corrupt, newer_version, io, disk_full, in_use.
Result<std::unique_ptr<Db>> open_writer(const FileOptions& options, const Schema& schema);
Result<std::unique_ptr<Db>> open_reader(const FileOptions& options, const Schema& schema);

// Moves the WAL into the file when it has grown. The writer calls it between batches, after callers
// were answered: a longer interval would only make a longer stall.
class Checkpointer {
 public:
  // REQUIRES: db outlives this, and neither moves.
  explicit Checkpointer(Db& db);
  // Does nothing while the WAL has fewer pages than that.
  Status step(int min_pages);
  int pages() const { return pages_; }

 private:
  Db& db_;
  int pages_ = 0;
};

// Read-only connections, lent to one reader at a time. Thread-safe.
class Readers {
 public:
  Readers(FileOptions options, const Schema& schema)
      : options_(std::move(options)), schema_(schema) {}

  class Lease {
   public:
    Lease(Readers* pool, std::unique_ptr<Db> db) : pool_(pool), db_(std::move(db)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Db& operator*() const { return *db_; }

   private:
    Readers* pool_;
    std::unique_ptr<Db> db_;
  };
  Result<Lease> borrow();
  // Closes those that nobody uses; before the writer closes, which then moves the WAL into the
  // file.
  void close_idle();

 private:
  FileOptions options_;
  const Schema& schema_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Db>> idle_;  // guarded by mutex_
};

// Runs f(Db&) -> Result<T> within one read transaction: one moment of the store.
template <typename F>
auto read_on(Readers& readers, F f) -> decltype(f(std::declval<Db&>())) {
  auto lease = TRY(readers.borrow());
  auto transaction = TRY(Transaction::begin(*lease, Transaction::Kind::read));
  auto out = f(*lease);
  // An I/O error, reported within `out`, may have ended the transaction.
  if (out.ok() && (*lease).in_transaction()) TRY(transaction.commit());
  return out;
}

}  // namespace pawl::store::sqlite
