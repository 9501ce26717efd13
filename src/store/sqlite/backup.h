#pragma once
// A copy of a data directory, taken while its owner goes on: the database as it was at one moment,
// then the logs, then what tasks left in files. Taken in that order the copy is a directory as a
// crash could have left it: what the database says of lines and checkpoints is there, or newer.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace pawl::store {

struct Backup {
  std::uint64_t bytes = 0;  // of the copy
  std::uint64_t files = 0;
};

// `to` must not be there, or be an empty directory; it appears whole, synced, or not at all.
// Not copied: locks, sockets, and what the spawner has not handed over; attempts that were under
// way count as lost in the copy. Every page is checked on the way.
// Errors: not_found (no data directory in `from`), conflict (`to` is in the way), corrupt, io,
// disk_full.
Result<Backup> copy_data_directory(const std::string& from, const std::string& to);

}  // namespace pawl::store
