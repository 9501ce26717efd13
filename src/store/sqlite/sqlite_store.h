#pragma once
// The embedded store: one SQLite file `pawl.db` (WAL, synchronous=FULL), logs in `logs.db` beside
// it. Exactly one connection writes and checkpoints; readers are read-only connections of their
// own, so that the WAL-reset bug of SQLite before 3.51.3 stays out of reach. A lock file keeps a
// second writing process out and says who the first one is.

#include <memory>
#include <string>

#include "base/result.h"
#include "store/store.h"

namespace pawl::store {

struct SqliteOptions {
  std::string directory;         // made (mode 0700) where absent, unless read_only
  bool read_only = false;        // beside a live owner: never writes, checkpoints or locks
  bool synchronous_full = true;  // false only in tests that must see acknowledged rows lost
  const char* vfs = nullptr;     // a SQLite VFS by name, for fault injection
  std::string owner;             // what the lock file says of us: JSON {"pid", "what", "socket"?}
};

// Errors: in_use (with who), newer_version, corrupt, io, disk_full; each says what to do.
Result<std::unique_ptr<Store>> open_sqlite(const SqliteOptions& options);

// An in-memory store with the same contract, for tests, simulation and `plan`.
std::unique_ptr<Store> open_memory();

// Who owns the directory now: the lock file's text, or nothing.
Result<std::optional<std::string>> sqlite_owner(const std::string& directory);

}  // namespace pawl::store
