#include "store/sqlite/schema.h"

#include "base/failpoint.h"
#include "base/text.h"

namespace pawl::store::sqlite {

namespace {

// `runs` is the hot table and has no index: each would cost a write three times in a run's life.
// Lists, filters and start-up go through `marks`, a sparse index: (kind, value, block) says that
// among the 1,024 ids of a block some run may have that property. A thousand runs of one workflow
// cost one row. marks.h has the kinds.
const char* const kMainSteps[] = {
    R"(
CREATE TABLE runs(
  id INTEGER PRIMARY KEY,
  version INTEGER,  -- nullable columns spare the statement journal that constraints would need
  head BLOB,
  state BLOB
) STRICT;
CREATE TABLE run_fixed(
  id INTEGER PRIMARY KEY,
  fixed BLOB
) STRICT;
CREATE TABLE marks(
  kind INTEGER NOT NULL,
  value INTEGER NOT NULL,
  block INTEGER NOT NULL,
  PRIMARY KEY(kind, value, block)
) STRICT, WITHOUT ROWID;
CREATE TABLE segments(
  run INTEGER NOT NULL,
  number INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  crc INTEGER NOT NULL,
  PRIMARY KEY(run, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE cells(
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  crc INTEGER NOT NULL,
  PRIMARY KEY(run, task)
) STRICT, WITHOUT ROWID;
CREATE TABLE events(
  run INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  crc INTEGER NOT NULL,
  PRIMARY KEY(run, first_seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE payloads(
  run INTEGER NOT NULL,
  hash TEXT NOT NULL,
  raw INTEGER NOT NULL,  -- length before compression, 0 where stored plain
  bytes BLOB NOT NULL,
  crc INTEGER NOT NULL,
  PRIMARY KEY(run, hash)
) STRICT, WITHOUT ROWID;
CREATE TABLE workflows(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  hash TEXT NOT NULL,
  file TEXT NOT NULL,
  links TEXT NOT NULL,
  created INTEGER NOT NULL,
  raw INTEGER NOT NULL,
  text BLOB NOT NULL,
  crc INTEGER NOT NULL,
  UNIQUE(name, version)
) STRICT;
CREATE TABLE keys(
  key TEXT PRIMARY KEY,
  run INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_run ON keys(run);  -- a purged run takes its keys along
CREATE TABLE lost_logs(  -- log lines that a full disk refused: shown in their place
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  first_line INTEGER NOT NULL,
  lines INTEGER NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY(run, task, attempt, first_line)
) STRICT, WITHOUT ROWID;
CREATE TABLE meta(
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)",
};

const char* const kLogsSteps[] = {
    R"(
CREATE TABLE chunks(
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  first_line INTEGER NOT NULL,
  lines INTEGER NOT NULL,
  raw INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  crc INTEGER NOT NULL,
  PRIMARY KEY(run, task, attempt, first_line)
) STRICT, WITHOUT ROWID;
)",
};

}  // namespace

const Schema kMainSchema{kMainApplicationId, kMainSteps};
const Schema kLogsSchema{kLogsApplicationId, kLogsSteps, false};

Result<std::int64_t> schema_version(Db& db, const Schema& schema) {
  auto application = TRY(db.integer("PRAGMA application_id"));
  auto version = TRY(db.integer("PRAGMA user_version"));
  auto tables = TRY(db.integer("SELECT count(*) FROM sqlite_schema"));
  if (application == 0 && version == 0 && tables == 0) return std::int64_t{0};
  if (application != schema.application_id || version < 1) {
    return Error{Errc::corrupt,
                 str("cannot use ", db.path(), ": it is an SQLite file, but not one ",
                     "of Pawl's; name another directory")};
  }
  auto known = static_cast<std::int64_t>(schema.steps.size());
  if (version > known) {
    return Error{Errc::newer_version,
                 str("cannot use ", db.path(), ": a newer Pawl wrote it (schema ", version,
                     ", this one knows ", known, "); upgrade Pawl")};
  }
  return version;
}

Status migrate(Db& db, const Schema& schema) {
  auto version = TRY(schema_version(db, schema));
  for (auto n = static_cast<std::size_t>(version); n < schema.steps.size(); ++n) {
    auto transaction = TRY(Transaction::begin(db, Transaction::Kind::write));
    failpoint("store.migrate.begun");
    TRY(db.exec(schema.steps[n]));
    failpoint("store.migrate.tables");
    // Pragmas take no bound values; these are our own constants.
    TRY(db.exec(str("PRAGMA application_id = ", schema.application_id).c_str()));
    TRY(db.exec(str("PRAGMA user_version = ", n + 1).c_str()));
    failpoint("store.migrate.stamped");
    TRY(transaction.commit());
    failpoint("store.migrate.done");
  }
  return {};
}

}  // namespace pawl::store::sqlite
