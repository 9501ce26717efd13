#pragma once
// Writes the runs of a batch, within the caller's transaction: encodes rows, feeds them to one
// INSERT and one guarded UPDATE, then the larger parts row by row. A version that does not follow
// the stored one is Errc::conflict and names the run; the caller rolls the whole batch back.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/sqlite/feed.h"
#include "store/sqlite/marks.h"
#include "store/sqlite/sqlite.h"
#include "store/store.h"

namespace pawl::store::sqlite {

class RunWriter {
 public:
  explicit RunWriter(Db& db) : db_(db), marks_(db) {}
  Status prepare() { return register_feed(db_, feed_); }

  Status write(const std::vector<RunWrite>& runs);
  void rolled_back() { marks_.forget(); }
  Marks& marks() { return marks_; }

 private:
  Status insert(const std::vector<const RunWrite*>& writes);
  Status update(const std::vector<const RunWrite*>& writes);
  void fill_feed(const std::vector<const RunWrite*>& writes, bool with_fixed);
  Status write_parts(const RunWrite& write);
  Error version_conflict(const std::vector<const RunWrite*>& writes);

  Db& db_;
  Marks marks_;
  Feed feed_;
  std::string arena_;  // encoded heads and fixed parts of the batch
};

}  // namespace pawl::store::sqlite
