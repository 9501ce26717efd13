#pragma once
// Marks: the sparse index over runs. Ids are cut into blocks of 1,024; a row (kind, value, block)
// says that some run of that block may have the property. Rows are never missing, sometimes stale:
// a reader finds blocks by marks and then looks at the runs themselves.
//
//   list "workflow 7, failed"    blocks that have both marks, newest first, ~75 pages read in each
//   start-up "open runs"         blocks with an `open` mark; it goes when the block's last run
//   closes
//
// Rejected: ordinary indexes, one entry a run. They cost ~1 us in each of a run's three writes,
// which is half of what the write itself costs. What is lost: a rare property reads up to 1,024
// runs for each one it finds (~0.3 ms).

#include <array>
#include <cstdint>
#include <map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "store/sqlite/sqlite.h"
#include "store/store.h"

namespace pawl::store::sqlite {

enum class MarkKind : std::uint8_t {
  open = 1,      // value 0
  constrained,   // value 0; open runs with that flag, goes with `open`
  failed,        // value 0; `completed` is everywhere, so it has none
  cancelled,     // value 0
  warning,       // value 0: the verdict
  fail,          // value 0: the verdict
  workflow,      // value: workflow id
  created_hour,  // value: hours since 1970
  job,           // value: hash of the job id
  label,         // value: hash of name and value
  child,         // value: the parent's run id
};
inline constexpr int kMarkKinds = 12;

struct Mark {
  MarkKind kind = MarkKind::open;
  std::int64_t value = 0;
  std::int64_t block = -1;
  auto operator<=>(const Mark&) const = default;
};

inline constexpr int kBlockBits = 10;
inline std::int64_t block_of(RunId id) { return id.value >> kBlockBits; }
inline std::int64_t block_first(std::int64_t block) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(block) << kBlockBits);
}
inline std::int64_t block_last(std::int64_t block) {
  return block_first(block) + (std::int64_t{1} << kBlockBits) - 1;
}
std::int64_t created_hour(Time t);
std::int64_t job_value(const std::string& job);
std::int64_t label_value(const std::string& name, const std::string& value);

// What a run's header asks for. `whole` adds job and labels, which never change after insertion.
void marks_of(const RunHeader& header, bool whole, std::vector<Mark>& out);

// The blocks >= from (or <= from) that have any of the marks (kind, values...); -1 where none.
Result<std::int64_t> next_block(Db& db, MarkKind kind, std::int64_t value, std::int64_t from);
Result<std::int64_t> previous_block(Db& db, MarkKind kind, std::int64_t value, std::int64_t from);

// The writer's side. What it remembers is a cache of rows known to exist: it only saves work.
class Marks {
 public:
  explicit Marks(Db& db) : db_(db) {}
  // Within a transaction, for each write of it; then settle() before COMMIT.
  Status add(const RunWrite& write);
  // Takes `open` marks off blocks whose last run has closed.
  Status settle();
  // After ROLLBACK.
  void forget();
  // Drops the marks of removed runs that no other run of their block needs. Within a transaction.
  Status removed(const std::vector<RunHeader>& headers);

 private:
  struct Hash {
    std::size_t operator()(const Mark& m) const noexcept;
  };
  Status ensure(const Mark& mark);
  Result<std::int64_t> count_open(std::int64_t block, bool& constrained);

  Db& db_;
  std::array<Mark, kMarkKinds> last_{};  // the mark ensured last, a kind
  std::unordered_set<Mark, Hash> known_;
  // Blocks written by this process -> how many open runs they have; exact but for runs that reopen,
  // so a count that falls to zero is taken again from the rows.
  std::map<std::int64_t, std::int64_t> open_;
  std::vector<std::int64_t> doubtful_;
  std::vector<Mark> scratch_;
};

}  // namespace pawl::store::sqlite
