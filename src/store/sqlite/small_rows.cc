#include "store/sqlite/small_rows.h"

#include "base/text.h"
#include "store/sqlite/row.h"

namespace pawl::store::sqlite {

namespace {

bool is_constraint(const Db& db) {
  return (sqlite3_extended_errcode(db.handle()) & 0xff) == SQLITE_CONSTRAINT;
}

std::int64_t micros(Time t) { return t.time_since_epoch().count(); }

// The checksum of a workflow covers the text as stored and its identity.
std::uint32_t workflow_crc(const WorkflowRow& row, std::string_view stored) {
  auto identity =
      str(row.name, '\n', row.hash, '\n', row.file, '\n', row.links, '\n', micros(row.created));
  return row_crc(row.id.value, row_crc(row.version, 0, identity), stored);
}

// Columns: id, name, version, hash, file, links, created, raw, text, crc.
Result<std::optional<WorkflowRow>> workflow_of(Query& q) {
  if (!TRY(q.row())) return std::optional<WorkflowRow>{};
  WorkflowRow row;
  row.id = WorkflowId(q.integer(0));
  row.name = q.text(1);
  row.version = static_cast<std::int32_t>(q.integer(2));
  row.hash = q.text(3);
  row.file = q.text(4);
  row.links = q.text(5);
  row.created = Time{Duration{q.integer(6)}};
  if (workflow_crc(row, q.blob(8)) != q.integer(9)) {
    return Error{Errc::corrupt,
                 str("cannot read workflow ", row.id.value,
                     ": its stored bytes fail their checksum; restore pawl.db from ", "a backup")};
  }
  row.text = TRY(unpack(q.blob(8), q.integer(7)));
  return std::optional<WorkflowRow>(std::move(row));
}

}  // namespace

Status insert_workflow(Db& db, const WorkflowRow& row) {
  auto packed = pack(row.text);
  Query q(db,
          "INSERT INTO workflows(id, name, version, hash, file, links, created, raw, text, crc) "
          "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  q.bind(1, row.id.value).bind_text(2, row.name).bind(3, row.version).bind_text(4, row.hash);
  q.bind_text(5, row.file).bind_text(6, row.links).bind(7, micros(row.created));
  q.bind(8, packed.raw).bind_blob(9, packed.bytes).bind(10, workflow_crc(row, packed.bytes));
  auto done = q.run();
  if (done.ok() || !is_constraint(db)) return done;
  return Error{Errc::conflict, str("cannot insert workflow ", row.id.value, " (", row.name,
                                   " version ", row.version, "): it exists")};
}

Status insert_key(Db& db, const IdempotencyKey& key) {
  Query q(db, "INSERT INTO keys(key, run, fingerprint, created) VALUES(?1, ?2, ?3, ?4)");
  q.bind_text(1, key.key).bind(2, key.run.value).bind_text(3, key.fingerprint);
  auto done = q.bind(4, micros(key.created)).run();
  if (done.ok() || !is_constraint(db)) return done;
  return Error{Errc::conflict,
               str("cannot insert the idempotency key of run ", key.run.value, ": it exists")};
}

Status put_meta(Db& db, std::string_view name, std::string_view value) {
  Query q(db,
          "INSERT INTO meta(name, value) VALUES(?1, ?2) "
          "ON CONFLICT DO UPDATE SET value = excluded.value");
  return q.bind_text(1, name).bind_text(2, value).run();
}

Result<std::optional<WorkflowRow>> load_workflow(Db& db, WorkflowId id) {
  Query q(db,
          "SELECT id, name, version, hash, file, links, created, raw, text, crc FROM workflows "
          "WHERE id = ?1");
  q.bind(1, id.value);
  return workflow_of(q);
}

Result<std::optional<WorkflowRow>> find_workflow(Db& db, const std::string& name,
                                                 std::int32_t version) {
  Query q(db,
          "SELECT id, name, version, hash, file, links, created, raw, text, crc FROM workflows "
          "WHERE name = ?1 AND (?2 = 0 OR version = ?2) ORDER BY version DESC LIMIT 1");
  q.bind_text(1, name).bind(2, version);
  return workflow_of(q);
}

Result<std::vector<WorkflowRow>> list_workflows(Db& db) {
  Query q(db,
          "SELECT id, name, version, hash, file, links, created, raw, text, crc FROM workflows w "
          "WHERE version = (SELECT max(version) FROM workflows WHERE name = w.name) ORDER BY name");
  std::vector<WorkflowRow> out;
  while (auto row = TRY(workflow_of(q))) {
    row->text.clear();
    out.push_back(std::move(*row));
  }
  return out;
}

Result<std::optional<IdempotencyKey>> find_key(Db& db, const std::string& key) {
  Query q(db, "SELECT run, fingerprint, created FROM keys WHERE key = ?1");
  q.bind_text(1, key);
  if (!TRY(q.row())) return std::optional<IdempotencyKey>{};
  return std::optional<IdempotencyKey>(
      {key, RunId(q.integer(0)), std::string(q.text(1)), Time{Duration{q.integer(2)}}});
}

Result<std::optional<std::string>> find_meta(Db& db, std::string_view name) {
  Query q(db, "SELECT value FROM meta WHERE name = ?1");
  q.bind_text(1, name);
  if (!TRY(q.row())) return std::optional<std::string>{};
  return std::optional<std::string>(q.text(0));
}

Status WorkflowNames::fill(Db& db, RunRow& row) {
  auto [entry, fresh] = names_.try_emplace(row.header.workflow);
  if (fresh) {
    Query q(db, "SELECT name, version FROM workflows WHERE id = ?1");
    q.bind(1, row.header.workflow.value);
    if (TRY(q.row())) {
      entry->second = {std::string(q.text(0)), static_cast<std::int32_t>(q.integer(1))};
    }
  }
  row.workflow_name = entry->second.first;
  row.workflow_version = entry->second.second;
  return {};
}

}  // namespace pawl::store::sqlite
