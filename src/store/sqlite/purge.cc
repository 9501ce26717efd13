#include "store/sqlite/purge.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "store/sqlite/marks.h"
#include "store/sqlite/row.h"
#include "store/sqlite/run_reader.h"
#include "store/sqlite/small_rows.h"

namespace pawl::store::sqlite {

namespace {

// Every table that holds rows by run, runs itself last: what is left of a torn list would be seen.
constexpr const char* kRemovals[] = {
    "DELETE FROM segments WHERE run = ?1", "DELETE FROM cells WHERE run = ?1",
    "DELETE FROM events WHERE run = ?1",   "DELETE FROM payloads WHERE run = ?1",
    "DELETE FROM keys WHERE run = ?1",     "DELETE FROM lost_logs WHERE run = ?1",
    "DELETE FROM run_fixed WHERE id = ?1", "DELETE FROM runs WHERE id = ?1",
};

}  // namespace

Result<std::int64_t> Purge::last_block(Time cutoff) {
  Query q(db_, "SELECT max(block) FROM marks WHERE kind = ?1 AND value <= ?2");
  q.bind(1, static_cast<int>(MarkKind::created_hour)).bind(2, created_hour(cutoff));
  TRY(q.row());
  return q.is_null(0) ? std::int64_t{-1} : q.integer(0);
}

Result<bool> Purge::has_open_child(RunId run) {
  std::int64_t block = 0;
  for (;; ++block) {
    block = TRY(next_block(db_, MarkKind::child, run.value, block));
    if (block < 0) return false;
    Query q(db_, "SELECT id, version, head FROM runs WHERE id BETWEEN ?1 AND ?2");
    q.bind(1, block_first(block)).bind(2, block_last(block));
    while (TRY(q.row())) {
      if (!head_open(q.blob(2))) continue;
      RunHeader header;
      TRY(decode_head({RunId(q.integer(0)), q.integer(1), q.blob(2)}, header));
      if (header.parent == run) return true;
    }
  }
}

Result<bool> Purge::among_newest(const RunHeader& header, std::uint32_t keep_runs) {
  if (keep_runs == 0) return false;
  auto [entry, fresh] = newest_.try_emplace(header.workflow, 0);
  if (fresh) {
    RunRow row{header, {}, 0};
    WorkflowNames names;
    TRY(names.fill(db_, row));
    RunFilter filter;
    filter.workflow = row.workflow_name;
    filter.limit = keep_runs;
    auto rows = TRY(list_runs(db_, filter));
    entry->second = rows.size() < keep_runs ? 0 : rows.back().header.id.value;
  }
  return header.id.value >= entry->second;
}

Result<std::vector<RunHeader>> Purge::choose(Time now, const Retention& retention) {
  auto cutoff = now - retention.keep;
  auto end = block_last(TRY(last_block(cutoff)));
  newest_.clear();
  std::vector<RunHeader> chosen;
  while (chosen.size() < retention.max_runs_per_step) {
    // A block at a time, so that no statement on `runs` is open while other queries look.
    std::vector<RunHeader> candidates;
    std::int64_t seen = cursor_;
    {
      Query q(db_,
              "SELECT id, version, head FROM runs WHERE id > ?1 AND id <= ?2 ORDER BY id "
              "LIMIT 1024");
      q.bind(1, cursor_).bind(2, end);
      while (TRY(q.row())) {
        seen = q.integer(0);
        if (head_open(q.blob(2))) continue;
        RunHeader header;
        TRY(decode_head({RunId(seen), q.integer(1), q.blob(2)}, header));
        if (header.finished != kNoTime && header.finished < cutoff) candidates.push_back(header);
      }
    }
    if (seen == cursor_) break;
    cursor_ = seen;
    for (auto& header : candidates) {
      if (TRY(among_newest(header, retention.keep_runs))) continue;
      if (TRY(has_open_child(header.id))) continue;
      TRY(read_fixed(db_, header));
      chosen.push_back(std::move(header));
      if (chosen.size() == retention.max_runs_per_step) {
        cursor_ = chosen.back().id.value;
        break;
      }
    }
  }
  return chosen;
}

void Purge::stepped(const std::vector<RunHeader>& headers, const Retention& retention) {
  if (headers.size() < retention.max_runs_per_step) cursor_ = 0;
}

Status Purge::remove(const std::vector<RunHeader>& headers) {
  auto highest = TRY(db_.integer("SELECT coalesce(max(id), 0) FROM runs"));
  for (const auto& header : headers) {
    for (const char* sql : kRemovals) {
      Query q(db_, sql);
      TRY(q.bind(1, header.id.value).run());
    }
    // Ids are never given out twice, not even when the newest run is gone.
    if (header.id.value == highest) TRY(put_meta(db_, kMetaLastRun, str(highest)));
  }
  return {};
}

}  // namespace pawl::store::sqlite
