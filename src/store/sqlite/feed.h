#pragma once
// The batch's runs as a table that one statement reads: a virtual table, pawl_feed, on the writing
// connection. `INSERT INTO runs SELECT ... FROM pawl_feed` starts once for a thousand rows where a
// statement a row starts a thousand times; measured, that is a third of the cost of a small row.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/sqlite/sqlite.h"

namespace pawl::store::sqlite {

struct FeedRow {
  std::int64_t id = 0;
  std::int64_t version = 0;
  std::string_view head, state, fixed;
};

// The rows that pawl_feed shows; owned by the writer, which outlives its connection's statements.
struct Feed {
  std::vector<FeedRow> rows;
  std::size_t at = 0;  // the row that was read last, for messages
};

// Columns: id, version, head, state, fixed. REQUIRES: feed outlives db.
Status register_feed(Db& db, Feed& feed);

}  // namespace pawl::store::sqlite
