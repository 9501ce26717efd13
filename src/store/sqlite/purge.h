#pragma once
// Retention: which finished runs go, and taking them out with all that belongs to them.
//
// Runs are looked at in id order. Ids grow with creation time and a run does not finish before it
// was created, so the blocks to look at are those with a creation hour up to the cutoff. What stays
// there (open runs, the newest of a workflow, parents of open runs) is passed over by a cursor that
// lives as long as one round of steps.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/sqlite/sqlite.h"
#include "store/store.h"

namespace pawl::store::sqlite {

class Purge {
 public:
  explicit Purge(Db& db) : db_(db) {}
  // The next runs to remove, at most retention.max_runs_per_step.
  Result<std::vector<RunHeader>> choose(Time now, const Retention& retention);
  // Within a transaction; marks and logs are the caller's.
  Status remove(const std::vector<RunHeader>& headers);
  // The step ended well: the next one goes on from here, or, if this was the last, from the start.
  void stepped(const std::vector<RunHeader>& headers, const Retention& retention);

 private:
  Result<std::int64_t> last_block(Time cutoff);
  Result<bool> has_open_child(RunId run);
  Result<bool> among_newest(const RunHeader& header, std::uint32_t keep_runs);

  Db& db_;
  std::int64_t cursor_ = 0;  // ids up to this were looked at in this round
  // Workflow id -> its lowest run that keep_runs protects; of one step only.
  std::map<WorkflowId, std::int64_t> newest_;
};

}  // namespace pawl::store::sqlite
