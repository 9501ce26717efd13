#pragma once
// The small tables: workflows, idempotency keys, settings. Written rarely, read by key, so they
// have ordinary columns and no packing; each statement stands beside what it binds.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/sqlite/sqlite.h"
#include "store/store.h"

namespace pawl::store::sqlite {

// Within the caller's transaction. Error: conflict where a row is there.
Status insert_workflow(Db& db, const WorkflowRow& row);
Status insert_key(Db& db, const IdempotencyKey& key);
Status put_meta(Db& db, std::string_view name, std::string_view value);

Result<std::optional<WorkflowRow>> load_workflow(Db& db, WorkflowId id);
Result<std::optional<WorkflowRow>> find_workflow(Db& db, const std::string& name,
                                                 std::int32_t version);
Result<std::vector<WorkflowRow>> list_workflows(Db& db);
Result<std::optional<IdempotencyKey>> find_key(Db& db, const std::string& key);
Result<std::optional<std::string>> find_meta(Db& db, std::string_view name);

// Names and versions of workflows met while listing runs, each looked up once.
class WorkflowNames {
 public:
  Status fill(Db& db, RunRow& row);

 private:
  std::map<WorkflowId, std::pair<std::string, std::int32_t>> names_;
};

// Settings of the store itself, kept in `meta` under names that no caller uses.
inline constexpr const char* kMetaStoreId = "store.id";
inline constexpr const char* kMetaLastRun = "store.last_run";  // highest id ever purged

}  // namespace pawl::store::sqlite
