#include "store/sqlite/run_writer.h"

#include <algorithm>
#include <map>

#include "base/failpoint.h"
#include "base/text.h"
#include "store/sqlite/row.h"

namespace pawl::store::sqlite {

namespace {

// OR FAIL, not ABORT: the caller rolls everything back anyway, and SQLite then keeps no journal of
// the statement's first half.
constexpr const char* kInsertRuns =
    "INSERT OR FAIL INTO runs(id, version, head, state) "
    "SELECT id, version, head, state FROM pawl_feed";
constexpr const char* kInsertFixed =
    "INSERT OR FAIL INTO run_fixed(id, fixed) SELECT id, fixed FROM pawl_feed";
// An upsert because UPDATE ... FROM would copy the feed into a temporary table first. The branch
// that inserts is never wanted: it is seen by last_insert_rowid, and is a conflict.
constexpr const char* kUpdateRuns =
    "INSERT OR FAIL INTO runs(id, version, head, state) "
    "SELECT id, version, head, state FROM pawl_feed WHERE true "
    "ON CONFLICT(id) DO UPDATE SET version = excluded.version, head = excluded.head, "
    "state = excluded.state WHERE version = excluded.version - 1";

bool is_constraint(const Db& db) {
  return (sqlite3_extended_errcode(db.handle()) & 0xff) == SQLITE_CONSTRAINT;
}

}  // namespace

Status RunWriter::write(const std::vector<RunWrite>& runs) {
  std::vector<const RunWrite*> inserts, updates;
  for (const auto& write : runs)
    (write.insert ? inserts : updates).push_back(&write);
  // In id order neighbours share pages. Stable: one run's writes stay in their order.
  auto by_id = [](const RunWrite* a, const RunWrite* b) { return a->header.id < b->header.id; };
  for (auto* side : {&inserts, &updates}) {
    if (!std::is_sorted(side->begin(), side->end(), by_id)) {
      std::stable_sort(side->begin(), side->end(), by_id);
    }
  }
  if (!inserts.empty()) TRY(insert(inserts));
  if (!updates.empty()) TRY(update(updates));
  for (const auto& write : runs) {
    TRY(marks_.add(write));
    TRY(write_parts(write));
  }
  return marks_.settle();
}

void RunWriter::fill_feed(const std::vector<const RunWrite*>& writes, bool with_fixed) {
  struct Span {
    std::size_t head, fixed, end;
  };
  arena_.clear();
  std::vector<Span> spans;
  spans.reserve(writes.size());
  for (const auto* write : writes) {
    Span span{};
    span.head = arena_.size();
    encode_head(write->header, write->state, arena_);
    span.fixed = arena_.size();
    if (with_fixed) encode_fixed(*write, arena_);
    span.end = arena_.size();
    spans.push_back(span);
  }
  feed_.rows.clear();
  std::string_view all(arena_);
  for (std::size_t i = 0; i < writes.size(); ++i) {
    const auto& [head, fixed, end] = spans[i];
    feed_.rows.push_back(
        {writes[i]->header.id.value, static_cast<std::int64_t>(writes[i]->header.version),
         all.substr(head, fixed - head), writes[i]->state, all.substr(fixed, end - fixed)});
  }
}

Status RunWriter::insert(const std::vector<const RunWrite*>& writes) {
  fill_feed(writes, true);
  for (const char* sql : {kInsertRuns, kInsertFixed}) {
    failpoint("store.runs.insert");
    Query q(db_, sql);
    auto done = q.run();
    if (done.ok()) continue;
    if (!is_constraint(db_) || feed_.at >= feed_.rows.size()) return done;
    return Error{Errc::conflict, str("cannot insert run ", feed_.rows[feed_.at].id, ": it exists")};
  }
  return {};
}

Status RunWriter::update(const std::vector<const RunWrite*>& writes) {
  fill_feed(writes, false);
  sqlite3_set_last_insert_rowid(db_.handle(), 0);
  TRY(Query(db_, kUpdateRuns).run());
  failpoint("store.runs.updated");
  bool inserted = sqlite3_last_insert_rowid(db_.handle()) != 0;
  bool all = sqlite3_changes64(db_.handle()) == static_cast<std::int64_t>(writes.size());
  if (inserted || !all) {
    db_.rollback();  // so that the stored versions can be looked at
    return version_conflict(writes);
  }
  return {};
}

Error RunWriter::version_conflict(const std::vector<const RunWrite*>& writes) {
  std::map<RunId, std::uint64_t> expected;  // follows a run that is written twice
  for (const auto* write : writes) {
    auto id = write->header.id;
    if (expected.count(id) && expected[id] + 1 == write->header.version) {
      expected[id] = write->header.version;
      continue;
    }
    Query q(db_, "SELECT version FROM runs WHERE id = ?1");
    q.bind(1, id.value);
    auto found = q.row();
    if (!found.ok()) return found.error();
    if (!*found) return Error{Errc::conflict, str("cannot update run ", id.value, ": no such run")};
    auto stored = static_cast<std::uint64_t>(q.integer(0));
    if (expected.count(id) || stored + 1 != write->header.version) {
      return Error{Errc::conflict,
                   str("cannot write version ", write->header.version, " of run ", id.value,
                       ": the stored one is ", stored, "; read the run again")};
    }
    expected[id] = write->header.version;
  }
  return Error{Errc::conflict, "cannot write a batch: a run of it changed; read its runs again"};
}

Status RunWriter::write_parts(const RunWrite& write) {
  failpoint("store.runs.parts");
  auto run = write.header.id.value;
  for (const auto& segment : write.segments) {
    Query q(db_,
            "INSERT INTO segments(run, number, bytes, crc) VALUES(?1, ?2, ?3, ?4) "
            "ON CONFLICT DO UPDATE SET bytes = excluded.bytes, crc = excluded.crc");
    q.bind(1, run).bind(2, segment.number).bind_blob(3, segment.bytes);
    TRY(q.bind(4, row_crc(run, segment.number, segment.bytes)).run());
  }
  for (const auto& cell : write.cells) {
    Query q(db_,
            "INSERT INTO cells(run, task, bytes, crc) VALUES(?1, ?2, ?3, ?4) "
            "ON CONFLICT DO UPDATE SET bytes = excluded.bytes, crc = excluded.crc");
    q.bind(1, run).bind(2, cell.task).bind_blob(3, cell.bytes);
    TRY(q.bind(4, row_crc(run, cell.task, cell.bytes)).run());
  }
  for (const auto& chunk : write.events) {
    auto first = static_cast<std::int64_t>(chunk.first_seq);
    Query q(db_,
            "INSERT INTO events(run, first_seq, last_seq, bytes, crc) VALUES(?1, ?2, ?3, ?4, ?5)");
    auto last = static_cast<std::int64_t>(chunk.last_seq);
    q.bind(1, run).bind(2, first).bind(3, last);
    q.bind_blob(4, chunk.bytes).bind(5, event_crc(run, first, last, chunk.bytes));
    auto done = q.run();
    if (!done.ok() && is_constraint(db_)) {
      return Error{Errc::conflict, str("cannot append events from ", first, " to run ", run,
                                       ": they are there already")};
    }
    TRY(std::move(done));
  }
  for (const auto& payload : write.payloads) {
    Query q(db_,
            "INSERT OR IGNORE INTO payloads(run, hash, raw, bytes, crc) "
            "VALUES(?1, ?2, ?3, ?4, ?5)");
    auto packed = pack(payload.bytes);
    q.bind(1, run).bind_text(2, payload.hash).bind(3, packed.raw).bind_blob(4, packed.bytes);
    TRY(q.bind(5, payload_crc(run, payload.hash, packed.bytes)).run());
  }
  return {};
}

}  // namespace pawl::store::sqlite
