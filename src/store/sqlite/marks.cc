#include "store/sqlite/marks.h"

#include <algorithm>

#include "store/run_match.h"
#include "store/sqlite/row.h"

namespace pawl::store::sqlite {

namespace {

constexpr std::size_t kMostKnown = 1u << 16;  // ~3 MiB; then the cache starts anew

// FNV-1a. Part of the file format: it must never change.
std::uint64_t fnv(std::string_view bytes, std::uint64_t h = 0xcbf29ce484222325u) {
  for (unsigned char c : bytes)
    h = (h ^ c) * 0x100000001b3u;
  return h;
}

}  // namespace

std::int64_t created_hour(Time t) {
  return std::chrono::floor<std::chrono::hours>(t).time_since_epoch().count();
}

std::int64_t job_value(const std::string& job) { return static_cast<std::int64_t>(fnv(job)); }

std::int64_t label_value(const std::string& name, const std::string& value) {
  return static_cast<std::int64_t>(fnv(value, fnv("=", fnv(name))));
}

void marks_of(const RunHeader& h, bool whole, std::vector<Mark>& out) {
  auto block = block_of(h.id);
  auto put = [&](MarkKind kind, std::int64_t value) { out.push_back({kind, value, block}); };
  if (h.open) put(MarkKind::open, 0);
  if (h.open && h.constrained) put(MarkKind::constrained, 0);
  if (h.state == core::RunState::failed) put(MarkKind::failed, 0);
  if (h.state == core::RunState::cancelled) put(MarkKind::cancelled, 0);
  if (h.verdict == core::Verdict::warning) put(MarkKind::warning, 0);
  if (h.verdict == core::Verdict::fail) put(MarkKind::fail, 0);
  put(MarkKind::workflow, h.workflow.value);
  put(MarkKind::created_hour, created_hour(h.created));
  if (h.parent) put(MarkKind::child, h.parent.value);
  if (!whole) return;
  if (!h.job.empty()) put(MarkKind::job, job_value(h.job));
  for (const auto& [name, value] : parse_labels(h.labels)) {
    put(MarkKind::label, label_value(name, value));
  }
}

Result<std::int64_t> next_block(Db& db, MarkKind kind, std::int64_t value, std::int64_t from) {
  Query q(db,
          "SELECT block FROM marks WHERE kind = ?1 AND value = ?2 AND block >= ?3 "
          "ORDER BY block LIMIT 1");
  q.bind(1, static_cast<int>(kind)).bind(2, value).bind(3, from);
  if (!TRY(q.row())) return std::int64_t{-1};
  return q.integer(0);
}

Result<std::int64_t> previous_block(Db& db, MarkKind kind, std::int64_t value, std::int64_t from) {
  Query q(db,
          "SELECT block FROM marks WHERE kind = ?1 AND value = ?2 AND block <= ?3 "
          "ORDER BY block DESC LIMIT 1");
  q.bind(1, static_cast<int>(kind)).bind(2, value).bind(3, from);
  if (!TRY(q.row())) return std::int64_t{-1};
  return q.integer(0);
}

std::size_t Marks::Hash::operator()(const Mark& m) const noexcept {
  auto x = static_cast<std::uint64_t>(m.value) * 0x9e3779b97f4a7c15u ^
           static_cast<std::uint64_t>(m.block) * 0xff51afd7ed558ccdu ^
           static_cast<std::uint64_t>(m.kind);
  return static_cast<std::size_t>((x ^ (x >> 29)) * 0xbf58476d1ce4e5b9u);
}

Status Marks::ensure(const Mark& mark) {
  auto& last = last_[static_cast<std::size_t>(mark.kind)];
  if (last == mark) return {};
  if (!known_.count(mark)) {
    Query q(db_, "INSERT OR IGNORE INTO marks(kind, value, block) VALUES(?1, ?2, ?3)");
    q.bind(1, static_cast<int>(mark.kind)).bind(2, mark.value).bind(3, mark.block);
    TRY(q.run());
    if (known_.size() >= kMostKnown) known_.clear();
    known_.insert(mark);
  }
  last = mark;
  return {};
}

Status Marks::add(const RunWrite& write) {
  const auto& header = write.header;
  scratch_.clear();
  marks_of(header, write.insert, scratch_);
  for (const auto& mark : scratch_)
    TRY(ensure(mark));

  auto block = block_of(header.id);
  if (write.insert) {
    if (header.open) {
      // A block that is new to us may hold open runs of an earlier life: not counted, so too low,
      // and a count that is too low is only taken again.
      ++open_[block];
    }
  } else if (!header.open) {
    auto [entry, fresh] = open_.try_emplace(block, 0);
    if (!fresh) --entry->second;
    if (entry->second <= 0) doubtful_.push_back(block);
  }
  return {};
}

Result<std::int64_t> Marks::count_open(std::int64_t block, bool& constrained) {
  Query q(db_, "SELECT head FROM runs WHERE id BETWEEN ?1 AND ?2");
  q.bind(1, block_first(block)).bind(2, block_last(block));
  std::int64_t open = 0;
  while (TRY(q.row())) {
    auto head = q.blob(0);
    if (!head_open(head)) continue;
    ++open;
    constrained = constrained || head_constrained(head);
  }
  return open;
}

Status Marks::settle() {
  std::sort(doubtful_.begin(), doubtful_.end());
  doubtful_.erase(std::unique(doubtful_.begin(), doubtful_.end()), doubtful_.end());
  for (auto block : doubtful_) {
    bool constrained = false;
    auto open = TRY(count_open(block, constrained));
    open_[block] = open;
    for (auto kind : {MarkKind::open, MarkKind::constrained}) {
      if (kind == MarkKind::open ? open != 0 : constrained) continue;
      Query q(db_, "DELETE FROM marks WHERE kind = ?1 AND value = 0 AND block = ?2");
      q.bind(1, static_cast<int>(kind)).bind(2, block);
      TRY(q.run());
      Mark mark{kind, 0, block};
      known_.erase(mark);
      auto& last = last_[static_cast<std::size_t>(kind)];
      if (last == mark) last = Mark{};
    }
    if (open == 0) open_.erase(block);
  }
  doubtful_.clear();
  return {};
}

void Marks::forget() {
  doubtful_.clear();
  known_.clear();
  open_.clear();
  last_ = {};
}

Status Marks::removed(const std::vector<RunHeader>& headers) {
  std::vector<Mark> candidates;
  for (const auto& header : headers)
    marks_of(header, true, candidates);
  std::sort(candidates.begin(), candidates.end(),
            [](const Mark& a, const Mark& b) { return a.block < b.block; });
  for (auto it = candidates.begin(); it != candidates.end();) {
    auto block = it->block;
    auto end = std::find_if(it, candidates.end(), [&](const Mark& m) { return m.block != block; });
    std::vector<Mark> needed;
    Query q(db_,
            "SELECT r.id, r.version, r.head, f.fixed FROM runs r JOIN run_fixed f ON f.id = r.id "
            "WHERE r.id BETWEEN ?1 AND ?2");
    q.bind(1, block_first(block)).bind(2, block_last(block));
    while (TRY(q.row())) {
      RunHeader header;
      TRY(decode_head({RunId(q.integer(0)), q.integer(1), q.blob(2)}, header));
      TRY(decode_fixed(header.id, q.blob(3), header));
      marks_of(header, true, needed);
    }
    std::sort(needed.begin(), needed.end());
    for (; it != end; ++it) {
      if (std::binary_search(needed.begin(), needed.end(), *it)) continue;
      Query remove(db_, "DELETE FROM marks WHERE kind = ?1 AND value = ?2 AND block = ?3");
      remove.bind(1, static_cast<int>(it->kind)).bind(2, it->value).bind(3, block);
      TRY(remove.run());
    }
  }
  known_.clear();
  last_ = {};
  return {};
}

}  // namespace pawl::store::sqlite
