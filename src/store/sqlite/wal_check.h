#pragma once
// Looks for damage in a WAL before SQLite recovers from it. SQLite takes the first frame that fails
// its checksum for the torn end of an unfinished commit and drops the rest in silence, even where
// that rest holds commits that were acknowledged.
//
// A commit is synced before the next one is written. So a bad frame that has a whole later commit,
// and more, behind it in the same generation of the WAL was good once: that is damage, and is
// refused. A bad frame in the last two commits cannot be told from a torn write, and is left to
// SQLite.

#include <string>

#include "base/result.h"

namespace pawl::store::sqlite {

// Fine where there is no such file. Error: corrupt, io.
Status check_wal(const std::string& path);

}  // namespace pawl::store::sqlite
