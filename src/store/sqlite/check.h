#pragma once
// The slow, thorough look at pawl.db behind `pawl doctor` and after tests: SQLite's own integrity
// check, every checksum, rows without their run, headers that contradict themselves, missing marks.

#include <string>
#include <vector>

#include "base/result.h"
#include "store/sqlite/sqlite.h"

namespace pawl::store::sqlite {

// Within a read transaction. An Error only where the file cannot be read at all.
Status check_main(Db& db, std::vector<std::string>& findings);

}  // namespace pawl::store::sqlite
