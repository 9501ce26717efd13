// The in-memory store: the same contract as the durable ones in ordered maps, for tests, simulation
// and `plan`. Iteration order is that of the keys, so that a seeded simulation repeats exactly. A
// batch is checked as a whole before anything of it is applied.

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <tuple>

#include "base/mutant.h"
#include "base/text.h"
#include "store/run_match.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store.h"

namespace pawl::store {

namespace {

struct MemoryRun {
  RunHeader header;
  std::string fixed;
  std::string state;
  std::map<std::uint32_t, std::string> segments;
  std::map<TaskId, std::string> cells;
  std::map<std::uint64_t, EventChunk> events;
  std::map<std::string, std::string> payloads;
};

using AttemptKey = std::tuple<RunId, TaskId, Attempt>;
using Lines = std::map<std::uint64_t, core::LogLine>;

class MemoryStore : public Store {
 public:
  Status commit(const Batch& batch) override {
    std::unique_lock lock(mutex_);
    TRY(check_runs(batch));
    TRY(check_rows(batch));
    for (const auto& write : batch.runs) {
      bool last = batch.runs.size() > 2 && &write == &batch.runs.back();
      if (!last || !PAWL_MUTANT(store_run_dropped)) apply(write);
    }
    for (const auto& row : batch.workflows)
      workflows_[row.id] = row;
    for (const auto& key : batch.keys) {
      if (batch.runs.size() < 2 || !PAWL_MUTANT(store_key_dropped)) keys_[key.key] = key;
    }
    for (const auto& chunk : batch.logs)
      append(chunk);
    for (const auto& [name, value] : batch.meta)
      meta_[name] = value;
    return {};
  }

  Result<std::optional<RunImage>> load_run(RunId run) override {
    std::shared_lock lock(mutex_);
    auto found = runs_.find(run);
    if (found == runs_.end()) return std::optional<RunImage>{};
    return std::optional<RunImage>(image(found->second));
  }

  Result<std::vector<RunImage>> scan_open(RunId after, std::uint32_t limit,
                                          bool constrained_only) override {
    std::shared_lock lock(mutex_);
    std::vector<RunImage> out;
    for (auto it = runs_.upper_bound(after); it != runs_.end() && out.size() < limit; ++it) {
      const auto& header = it->second.header;
      if (!header.open || (constrained_only && !header.constrained)) continue;
      bool reopened = header.state == core::RunState::recovering;
      if (reopened && PAWL_MUTANT(store_scan_misses)) continue;
      out.push_back(image(it->second));
    }
    return out;
  }

  Result<std::optional<RunRow>> find_run(RunId run) override {
    std::shared_lock lock(mutex_);
    auto found = runs_.find(run);
    if (found == runs_.end()) return std::optional<RunRow>{};
    return std::optional<RunRow>(row(found->second));
  }

  Result<std::vector<RunRow>> list_runs(const RunFilter& filter) override {
    std::shared_lock lock(mutex_);
    std::vector<RunRow> out;
    auto end = filter.before ? runs_.lower_bound(filter.before) : runs_.end();
    for (auto it = end; it != runs_.begin() && out.size() < filter.limit;) {
      --it;
      auto candidate = row(it->second);
      if (matches(filter, candidate.header, candidate.workflow_name)) {
        out.push_back(std::move(candidate));
      }
    }
    return out;
  }

  Result<RunId> last_run_id() override {
    std::shared_lock lock(mutex_);
    return last_run_;
  }

  Result<std::vector<EventChunk>> read_events(RunId run, std::uint64_t after_seq) override {
    std::shared_lock lock(mutex_);
    std::vector<EventChunk> out;
    auto found = runs_.find(run);
    if (found == runs_.end()) return out;
    for (const auto& [first, chunk] : found->second.events) {
      if (chunk.last_seq > after_seq) out.push_back(chunk);
    }
    return out;
  }

  Result<std::optional<std::string>> read_payload(RunId run, const std::string& hash) override {
    std::shared_lock lock(mutex_);
    auto found = runs_.find(run);
    if (found == runs_.end()) return std::optional<std::string>{};
    auto payload = found->second.payloads.find(hash);
    if (payload == found->second.payloads.end()) return std::optional<std::string>{};
    return std::optional<std::string>(payload->second);
  }

  Result<std::vector<LogChunk>> read_logs(const LogQuery& query) override {
    std::shared_lock lock(mutex_);
    std::vector<LogChunk> out;
    std::uint32_t left = query.limit;
    for (auto it = logs_.lower_bound(AttemptKey{query.run, 0, 0}); it != logs_.end(); ++it) {
      auto [run, task, attempt] = it->first;
      if (run != query.run || left == 0) break;
      if (query.task != kNoTask && query.task != task) continue;
      if (query.attempt != 0 && query.attempt != attempt) continue;
      LogChunk* chunk = nullptr;
      std::uint64_t next = 0;
      for (auto line = it->second.lower_bound(query.from_line);
           line != it->second.end() && left > 0; ++line, --left) {
        if (!chunk || line->first != next) {
          out.push_back(LogChunk{run, task, attempt, line->first, {}});
          chunk = &out.back();
        }
        chunk->lines.push_back(line->second);
        next = line->first + 1;
      }
    }
    return out;
  }

  Result<std::optional<WorkflowRow>> load_workflow(WorkflowId id) override {
    std::shared_lock lock(mutex_);
    auto found = workflows_.find(id);
    if (found == workflows_.end()) return std::optional<WorkflowRow>{};
    return std::optional<WorkflowRow>(found->second);
  }

  Result<std::optional<WorkflowRow>> find_workflow(const std::string& name,
                                                   std::int32_t version) override {
    std::shared_lock lock(mutex_);
    std::optional<WorkflowRow> best;
    for (const auto& [id, row] : workflows_) {
      if (row.name != name || (version != 0 && row.version != version)) continue;
      if (!best || row.version > best->version) best = row;
    }
    return best;
  }

  Result<std::vector<WorkflowRow>> list_workflows() override {
    std::shared_lock lock(mutex_);
    std::map<std::string, WorkflowRow> newest;
    for (const auto& [id, row] : workflows_) {
      auto& best = newest[row.name];
      if (row.version > best.version) best = row;
    }
    std::vector<WorkflowRow> out;
    for (auto& [name, row] : newest) {
      row.text.clear();
      out.push_back(std::move(row));
    }
    return out;
  }

  Result<WorkflowId> last_workflow_id() override {
    std::shared_lock lock(mutex_);
    return workflows_.empty() ? WorkflowId{} : workflows_.rbegin()->first;
  }

  Result<std::optional<IdempotencyKey>> find_key(const std::string& key) override {
    std::shared_lock lock(mutex_);
    auto found = keys_.find(key);
    if (found == keys_.end()) return std::optional<IdempotencyKey>{};
    return std::optional<IdempotencyKey>(found->second);
  }

  Result<std::optional<std::string>> meta(const std::string& name) override {
    std::shared_lock lock(mutex_);
    auto found = meta_.find(name);
    if (found == meta_.end()) return std::optional<std::string>{};
    return std::optional<std::string>(found->second);
  }

  Result<std::uint32_t> purge(Time now, const Retention& retention) override;
  Status idle() override { return {}; }

  Result<StoreInfo> info() override {
    std::shared_lock lock(mutex_);
    StoreInfo info;
    info.engine = "memory";
    info.id = "memory";
    info.schema = 1;
    info.runs = runs_.size();
    return info;
  }

  Result<std::vector<std::string>> check() override { return std::vector<std::string>{}; }

 private:
  // Several writes of one run in a batch are allowed in order, so versions are followed through it.
  Status check_runs(const Batch& batch) const {
    std::map<RunId, std::uint64_t> versions;
    std::set<std::pair<RunId, std::uint64_t>> events;
    for (const auto& write : batch.runs) {
      const auto& header = write.header;
      auto seen = versions.find(header.id);
      auto stored = runs_.find(header.id);
      bool present = seen != versions.end() || stored != runs_.end();
      auto version = seen != versions.end()  ? seen->second
                     : stored != runs_.end() ? stored->second.header.version
                                             : 0;
      if (write.insert && present) {
        return Error{Errc::conflict, str("cannot insert run ", header.id.value, ": it exists")};
      }
      if (!write.insert && !present) {
        return Error{Errc::conflict, str("cannot update run ", header.id.value, ": no such run")};
      }
      if (!write.insert && version + 1 != header.version) {
        return Error{Errc::conflict,
                     str("cannot write version ", header.version, " of run ", header.id.value,
                         ": the stored one is ", version, "; read the run again")};
      }
      for (const auto& chunk : write.events) {
        bool there = stored != runs_.end() && stored->second.events.count(chunk.first_seq) != 0;
        if (!there && events.emplace(header.id, chunk.first_seq).second) continue;
        return Error{Errc::conflict, str("cannot append events from ", chunk.first_seq, " to run ",
                                         header.id.value, ": they are there already")};
      }
      versions[header.id] = header.version;
    }
    return {};
  }

  Status check_rows(const Batch& batch) const {
    std::set<WorkflowId> ids;
    std::set<std::pair<std::string, std::int32_t>> names;
    for (const auto& [id, row] : workflows_)
      names.emplace(row.name, row.version);
    for (const auto& row : batch.workflows) {
      if (workflows_.count(row.id) || !ids.insert(row.id).second ||
          !names.emplace(row.name, row.version).second) {
        return Error{Errc::conflict, str("cannot insert workflow ", row.id.value, " (", row.name,
                                         " version ", row.version, "): it exists")};
      }
    }
    std::set<std::string> keys;
    for (const auto& key : batch.keys) {
      if (keys_.count(key.key) || !keys.insert(key.key).second) {
        return Error{Errc::conflict, str("cannot insert the idempotency key of run ", key.run.value,
                                         ": it exists")};
      }
    }
    return {};
  }

  void apply(const RunWrite& write) {
    auto& run = runs_[write.header.id];
    auto previous = std::move(run.header);
    run.header = write.header;
    if (write.insert) {
      run.fixed = write.fixed;
    } else {
      run.header.name = std::move(previous.name);
      run.header.job = std::move(previous.job);
      run.header.labels = std::move(previous.labels);
    }
    run.state = write.state;
    for (const auto& segment : write.segments)
      run.segments[segment.number] = segment.bytes;
    for (const auto& cell : write.cells)
      if (!run.cells.count(cell.task) || !PAWL_MUTANT(store_cell_kept)) {
        run.cells[cell.task] = cell.bytes;
      }
    for (const auto& chunk : write.events)
      run.events[chunk.first_seq] = chunk;
    for (const auto& payload : write.payloads)
      run.payloads.emplace(payload.hash, payload.bytes);
    last_run_ = std::max(last_run_, write.header.id);
  }

  // Lines below the next expected one are repeats.
  void append(const LogChunk& chunk) {
    auto& lines = logs_[AttemptKey{chunk.run, chunk.task, chunk.attempt}];
    auto next = lines.empty() ? 0 : lines.rbegin()->first + 1;
    for (std::size_t i = 0; i < chunk.lines.size(); ++i) {
      if (chunk.first_line + i >= next) lines.emplace(chunk.first_line + i, chunk.lines[i]);
    }
  }

  static RunImage image(const MemoryRun& run) {
    RunImage out{run.header, run.fixed, run.state, {}, {}};
    for (const auto& [number, bytes] : run.segments)
      out.segments.push_back({number, bytes});
    for (const auto& [task, bytes] : run.cells)
      out.cells.push_back({task, bytes});
    return out;
  }

  RunRow row(const MemoryRun& run) const {
    RunRow out{run.header, {}, 0};
    auto workflow = workflows_.find(run.header.workflow);
    if (workflow != workflows_.end()) {
      out.workflow_name = workflow->second.name;
      out.workflow_version = workflow->second.version;
    }
    return out;
  }

  mutable std::shared_mutex mutex_;
  std::map<RunId, MemoryRun> runs_;
  std::map<WorkflowId, WorkflowRow> workflows_;
  std::map<std::string, IdempotencyKey> keys_;
  std::map<AttemptKey, Lines> logs_;
  std::map<std::string, std::string> meta_;
  RunId last_run_;
};

Result<std::uint32_t> MemoryStore::purge(Time now, const Retention& retention) {
  std::unique_lock lock(mutex_);
  std::set<RunId> kept;  // parents of open runs, and the newest runs of each workflow
  std::map<std::string, std::uint32_t> newest;
  for (auto it = runs_.rbegin(); it != runs_.rend(); ++it) {
    if (it->second.header.open) kept.insert(it->second.header.parent);
    if (newest[row(it->second).workflow_name]++ < retention.keep_runs) kept.insert(it->first);
  }
  std::uint32_t removed = 0;
  for (auto it = runs_.begin(); it != runs_.end() && removed < retention.max_runs_per_step;) {
    const auto& header = it->second.header;
    bool expired = header.finished != kNoTime && header.finished < now - retention.keep;
    if (header.open || !expired || kept.count(it->first)) {
      ++it;
      continue;
    }
    auto run = it->first;
    logs_.erase(logs_.lower_bound(AttemptKey{run, 0, 0}),
                logs_.lower_bound(AttemptKey{RunId(run.value + 1), 0, 0}));
    std::erase_if(keys_, [&](const auto& entry) { return entry.second.run == run; });
    it = runs_.erase(it);
    ++removed;
  }
  return removed;
}

}  // namespace

std::unique_ptr<Store> open_memory() { return std::make_unique<MemoryStore>(); }

}  // namespace pawl::store
