#pragma once
// The schema of pawl.db and logs.db, and how an older file becomes a current one: numbered steps
// forward, each in a transaction of its own, so that a crash leaves one version or the next, never
// something between. A file of a newer Pawl is refused in one line.

#include <cstdint>
#include <span>

#include "base/result.h"
#include "store/sqlite/sqlite.h"

namespace pawl::store::sqlite {

inline constexpr std::int64_t kMainApplicationId = 0x5061776c;  // "Pawl"
inline constexpr std::int64_t kLogsApplicationId = 0x5061774c;  // "PawL"

struct Schema {
  std::int64_t application_id;
  std::span<const char* const> steps;  // step n takes user_version n to n + 1
  // The file gets its name once it has its tables: an empty one is damage. Otherwise a crash may
  // have come between, and an empty file holds nothing yet.
  bool born_whole = true;
};

extern const Schema kMainSchema;
extern const Schema kLogsSchema;

// Looks only: Errc::newer_version, Errc::corrupt where the file is not ours, else its version (0:
// empty).
Result<std::int64_t> schema_version(Db& db, const Schema& schema);
// Brings the file to the last step.
Status migrate(Db& db, const Schema& schema);

}  // namespace pawl::store::sqlite
