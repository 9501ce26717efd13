#include "store/sqlite/check.h"

#include "base/text.h"
#include "store/sqlite/marks.h"
#include "store/sqlite/row.h"
#include "store/sqlite/small_rows.h"

namespace pawl::store::sqlite {

namespace {

class Check {
 public:
  Check(Db& db, std::vector<std::string>& findings) : db_(db), findings_(findings) {}

  Status all() {
    TRY(file());
    TRY(runs());
    TRY(orphans());
    TRY(parts());
    return workflows();
  }

 private:
  template <typename... Pieces>
  void found(const Pieces&... pieces) {
    findings_.push_back(str("pawl.db: ", pieces...));
  }

  Status file() {
    Query q(db_, "PRAGMA integrity_check(10)");
    while (TRY(q.row())) {
      if (q.text(0) != "ok") found(q.text(0));
    }
    return {};
  }

  Status runs() {
    Query q(db_,
            "SELECT r.id, r.version, r.head, r.state, f.fixed FROM runs r "
            "LEFT JOIN run_fixed f ON f.id = r.id ORDER BY r.id");
    while (TRY(q.row())) {
      RunHeader header;
      HeadRow row{RunId(q.integer(0)), q.integer(1), q.blob(2)};
      auto head = decode_head(row, header);
      if (!head.ok()) {
        found(head.error().message);
        continue;
      }
      auto state = check_state(row, q.blob(3));
      if (!state.ok()) found(state.error().message);
      if (q.is_null(4)) {
        found("run ", row.id.value, " has no inputs row");
        continue;
      }
      auto fixed = decode_fixed(row.id, q.blob(4), header);
      if (!fixed.ok()) found(fixed.error().message);
      one_header(header);
      TRY(marks(header));
    }
    return {};
  }

  // Columns that must agree with each other.
  void one_header(const RunHeader& h) {
    if (h.open == core::is_final(h.state)) {
      found("run ", h.id.value, " is ", h.open ? "open" : "closed", " in state ",
            static_cast<int>(h.state));
    }
    if (h.version == 0) found("run ", h.id.value, " has version 0");
    if (!h.open && h.finished == kNoTime)
      found("run ", h.id.value, " is closed, but never finished");
    // What failed has ended too, and is counted in both.
    if (h.tasks_done > h.tasks || h.tasks_failed > h.tasks_done) {
      found("run ", h.id.value, " counts more ended tasks than it has");
    }
  }

  Status marks(const RunHeader& header) {
    std::vector<Mark> wanted;
    marks_of(header, true, wanted);
    for (const auto& mark : wanted) {
      if (TRY(next_block(db_, mark.kind, mark.value, mark.block)) != mark.block) {
        found("run ", header.id.value, " lacks its mark of kind ", static_cast<int>(mark.kind),
              ": lists may miss it");
      }
    }
    return {};
  }

  // SQL that yields (what, run) of rows whose run is gone.
  Status orphans() {
    Query q(db_,
            "SELECT 'inputs', id FROM run_fixed WHERE id NOT IN (SELECT id FROM runs) UNION ALL "
            "SELECT DISTINCT 'segments', run FROM segments WHERE run NOT IN (SELECT id FROM runs) "
            "UNION ALL "
            "SELECT DISTINCT 'cells', run FROM cells WHERE run NOT IN (SELECT id FROM runs) "
            "UNION ALL "
            "SELECT DISTINCT 'events', run FROM events WHERE run NOT IN (SELECT id FROM runs) "
            "UNION ALL "
            "SELECT DISTINCT 'payloads', run FROM payloads WHERE run NOT IN (SELECT id FROM runs) "
            "UNION ALL "
            "SELECT 'an idempotency key', run FROM keys WHERE run NOT IN (SELECT id FROM runs)");
    while (TRY(q.row()))
      found(q.text(0), " of run ", q.integer(1), ", which is not there");
    return {};
  }

  Status parts() {
    TRY(rows("segment", "SELECT run, number, bytes, crc FROM segments",
             [](const Query& q) { return row_crc(q.integer(0), q.integer(1), q.blob(2)); }));
    TRY(rows("cell of task", "SELECT run, task, bytes, crc FROM cells",
             [](const Query& q) { return row_crc(q.integer(0), q.integer(1), q.blob(2)); }));
    TRY(rows("events from", "SELECT run, first_seq, bytes, crc, last_seq FROM events",
             [](const Query& q) {
               return event_crc(q.integer(0), q.integer(1), q.integer(4), q.blob(2));
             }));
    return rows("payload of", "SELECT run, raw, bytes, crc, hash FROM payloads",
                [](const Query& q) { return payload_crc(q.integer(0), q.text(4), q.blob(2)); });
  }

  template <typename F>
  Status rows(const char* what, const char* sql, F checksum) {
    Query q(db_, sql);
    while (TRY(q.row())) {
      if (checksum(q) == q.integer(3)) continue;
      found("run ", q.integer(0), ", ", what, " ", q.integer(1), ": stored bytes are damaged");
    }
    return {};
  }

  Status workflows() {
    std::vector<WorkflowId> ids;
    {
      Query q(db_, "SELECT id FROM workflows");
      while (TRY(q.row()))
        ids.push_back(WorkflowId(q.integer(0)));
    }
    for (auto id : ids) {
      auto row = load_workflow(db_, id);
      if (!row.ok()) found(row.error().message);
    }
    return {};
  }

  Db& db_;
  std::vector<std::string>& findings_;
};

}  // namespace

Status check_main(Db& db, std::vector<std::string>& findings) {
  auto done = Check(db, findings).all();
  if (!done.ok() && done.error().code == Errc::corrupt) {
    findings.push_back(done.error().message);
    return {};
  }
  return done;
}

}  // namespace pawl::store::sqlite
