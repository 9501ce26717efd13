// Lists of runs, newest first. Each condition that has marks names candidate blocks; the blocks
// that all conditions share are read, newest first, and each run is then judged by matches().

#include <algorithm>
#include <limits>

#include "store/run_match.h"
#include "store/sqlite/marks.h"
#include "store/sqlite/row.h"
#include "store/sqlite/run_reader.h"
#include "store/sqlite/small_rows.h"

namespace pawl::store::sqlite {

namespace {

// One condition: blocks with any of these marks.
using Condition = std::vector<std::pair<MarkKind, std::int64_t>>;

unsigned bit(core::RunState s) { return 1u << static_cast<unsigned>(s); }
unsigned bit(core::Verdict v) { return 1u << static_cast<unsigned>(v); }

// Nothing where completed runs are wanted too: they are in nearly every block.
void add_state_condition(std::uint32_t states, std::vector<Condition>& out) {
  if (states & bit(core::RunState::completed)) return;
  Condition condition;
  if (states & bit(core::RunState::failed)) condition.emplace_back(MarkKind::failed, 0);
  if (states & bit(core::RunState::cancelled)) condition.emplace_back(MarkKind::cancelled, 0);
  auto final_states = bit(core::RunState::failed) | bit(core::RunState::cancelled);
  if (states & ~final_states & ((1u << core::kRunStateCount) - 1)) {
    condition.emplace_back(MarkKind::open, 0);
  }
  out.push_back(std::move(condition));
}

void add_verdict_condition(std::uint32_t verdicts, std::vector<Condition>& out) {
  if (verdicts & (bit(core::Verdict::none) | bit(core::Verdict::pass))) return;
  Condition condition;
  if (verdicts & bit(core::Verdict::warning)) condition.emplace_back(MarkKind::warning, 0);
  if (verdicts & bit(core::Verdict::fail)) condition.emplace_back(MarkKind::fail, 0);
  out.push_back(std::move(condition));
}

Result<std::vector<Condition>> conditions_of(Db& db, const RunFilter& filter) {
  std::vector<Condition> out;
  add_state_condition(filter.states, out);
  add_verdict_condition(filter.verdicts, out);
  if (!filter.workflow.empty()) {
    Condition condition;
    Query q(db, "SELECT id FROM workflows WHERE name = ?1");
    q.bind_text(1, filter.workflow);
    while (TRY(q.row()))
      condition.emplace_back(MarkKind::workflow, q.integer(0));
    out.push_back(std::move(condition));
  }
  if (!filter.job.empty()) out.push_back({{MarkKind::job, job_value(filter.job)}});
  for (const auto& [name, value] : filter.labels) {
    out.push_back({{MarkKind::label, label_value(name, value)}});
  }
  return out;
}

// The highest block <= from that meets every condition, -1 where none.
Result<std::int64_t> candidate(Db& db, const std::vector<Condition>& conditions,
                               std::int64_t from) {
  for (std::size_t agreed = 0, i = 0; agreed < conditions.size() && from >= 0;
       i = (i + 1) % conditions.size()) {
    std::int64_t best = -1;
    for (const auto& [kind, value] : conditions[i]) {
      best = std::max(best, TRY(previous_block(db, kind, value, from)));
    }
    agreed = best == from ? agreed + 1 : 1;
    from = best;
  }
  return from;
}

// No run below this block was created at or after `since`.
Result<std::int64_t> lowest_block(Db& db, Time since) {
  if (since == kNoTime) return std::int64_t{0};
  Query q(db, "SELECT min(block) FROM marks WHERE kind = ?1 AND value >= ?2");
  q.bind(1, static_cast<int>(MarkKind::created_hour)).bind(2, created_hour(since));
  TRY(q.row());
  return q.is_null(0) ? std::numeric_limits<std::int64_t>::max() : q.integer(0);
}

Result<RunId> highest_id(Db& db) {
  return RunId(TRY(db.integer("SELECT coalesce(max(id), 0) FROM runs")));
}

// The runs of one block below `before`, newest first.
Status read_block(Db& db, const RunFilter& filter, std::int64_t block, std::int64_t top,
                  WorkflowNames& names, std::vector<RunRow>& out) {
  Query q(db,
          "SELECT r.id, r.version, r.head, f.fixed FROM runs r LEFT JOIN run_fixed f "
          "ON f.id = r.id WHERE r.id BETWEEN ?1 AND ?2 ORDER BY r.id DESC");
  q.bind(1, block_first(block)).bind(2, std::min(block_last(block), top));
  while (out.size() < filter.limit && TRY(q.row())) {
    RunRow row;
    TRY(decode_head({RunId(q.integer(0)), q.integer(1), q.blob(2)}, row.header));
    // The cheap conditions first: most candidates end here, before their fixed row is read.
    if (!(filter.states >> static_cast<unsigned>(row.header.state) & 1u)) continue;
    if (!(filter.verdicts >> static_cast<unsigned>(row.header.verdict) & 1u)) continue;
    if (row.header.created < filter.since) continue;
    TRY(names.fill(db, row));
    if (!filter.workflow.empty() && filter.workflow != row.workflow_name) continue;
    if (q.is_null(3)) return damaged("the inputs", row.header.id);
    TRY(decode_fixed(row.header.id, q.blob(3), row.header));
    if (matches(filter, row.header, row.workflow_name)) out.push_back(std::move(row));
  }
  return {};
}

}  // namespace

Result<std::vector<RunRow>> list_runs(Db& db, const RunFilter& filter) {
  std::vector<RunRow> out;
  auto conditions = TRY(conditions_of(db, filter));
  auto lowest = TRY(lowest_block(db, filter.since));
  auto top = TRY(highest_id(db)).value;
  if (filter.before) top = std::min(top, filter.before.value - 1);
  WorkflowNames names;
  for (auto block = block_of(RunId(top)); out.size() < filter.limit; --block) {
    block = TRY(candidate(db, conditions, block));
    if (block < lowest || block < 0) break;
    TRY(read_block(db, filter, block, top, names, out));
  }
  return out;
}

}  // namespace pawl::store::sqlite
