#include "store/sqlite/sqlite.h"

#include <cerrno>
#include <utility>

#include "base/text.h"

namespace pawl::store::sqlite {

namespace {

// An empty view may have no address, and SQLite reads a null address as NULL.
const char* address(std::string_view bytes) { return bytes.data() ? bytes.data() : ""; }

const char* advice(Errc code) {
  switch (code) {
    case Errc::disk_full:
      return "; free some space on that disk";
    case Errc::corrupt:
      return "; restore it from a backup, or run `pawl doctor` to see the damage";
    case Errc::io:
      return "; check the disk, and that this user may write there";
    default:
      return "";
  }
}

}  // namespace

Errc errc_of(int extended_code, int system_error) {
  switch (extended_code & 0xff) {
    case SQLITE_FULL:
      return Errc::disk_full;
    case SQLITE_IOERR:
      if (extended_code == SQLITE_IOERR_DATA) return Errc::corrupt;  // a page fails its checksum
      return system_error == ENOSPC || system_error == EDQUOT ? Errc::disk_full : Errc::io;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return Errc::corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
      return Errc::unavailable;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return system_error == ENOSPC ? Errc::disk_full : Errc::io;
    case SQLITE_CONSTRAINT:
      return Errc::conflict;
    case SQLITE_TOOBIG:
      return Errc::too_large;
    default:
      return Errc::internal;
  }
}

Result<std::unique_ptr<Db>> Db::open(const std::string& path, Mode mode, const char* vfs) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  switch (mode) {
    case Mode::create:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
    case Mode::read_write:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case Mode::read_only:
      flags |= SQLITE_OPEN_READONLY;
      break;
  }
  sqlite3* handle = nullptr;
  int code = sqlite3_open_v2(path.c_str(), &handle, flags, vfs);
  if (!handle) return Error{Errc::unavailable, str("open ", path, ": out of memory")};
  std::unique_ptr<Db> db(new Db(handle, path));
  if (code != SQLITE_OK) return db->error("open");
  sqlite3_extended_result_codes(handle, 1);
  // Damage that SQLite can see at once is refused at once; untrusted schemas run no functions.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return db;
}

Db::~Db() {
  for (auto& [sql, statement] : statements_)
    sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

Error Db::error(std::string_view doing) const {
  int code = sqlite3_extended_errcode(handle_);
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) fsync_failed_ = true;
  auto meaning = errc_of(code, sqlite3_system_errno(handle_));
  return Error{meaning, str("cannot ", doing, " ", path_, ": ", sqlite3_errmsg(handle_),
                            " (SQLite ", code, ")", advice(meaning))};
}

sqlite3_stmt* Db::prepare(const char* sql) {
  auto [entry, fresh] = statements_.try_emplace(sql, nullptr);
  if (entry->second) return entry->second;
  if (sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &entry->second, nullptr) !=
      SQLITE_OK) {
    statements_.erase(entry);
    return nullptr;  // the caller's step reports it
  }
  return entry->second;
}

Status Db::exec(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error("use");
  return {};
}

Result<std::int64_t> Db::integer(const char* sql) {
  Query q(*this, sql);
  if (!TRY(q.row())) return std::int64_t{0};
  return q.integer(0);
}

Result<std::string> Db::text(const char* sql) {
  Query q(*this, sql);
  if (!TRY(q.row())) return std::string{};
  return std::string(q.text(0));
}

void Db::rollback() {
  if (in_transaction()) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

Query::Query(Db& db, const char* sql) : db_(db), statement_(db.prepare(sql)) {
  PAWL_ASSERT(!statement_ || !sqlite3_stmt_busy(statement_));
}

Query::~Query() { reset(); }

void Query::reset() {
  if (statement_) sqlite3_reset(statement_);
}

Query& Query::bind(int index, std::int64_t value) {
  if (statement_) sqlite3_bind_int64(statement_, index, value);
  return *this;
}

Query& Query::bind_text(int index, std::string_view value) {
  if (statement_) {
    sqlite3_bind_text64(statement_, index, address(value), value.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
  }
  return *this;
}

Query& Query::bind_blob(int index, std::string_view value) {
  if (statement_) {
    sqlite3_bind_blob64(statement_, index, address(value), value.size(), SQLITE_STATIC);
  }
  return *this;
}

Result<bool> Query::row() {
  if (!statement_) return db_.error("read");
  int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return db_.error(sqlite3_stmt_readonly(statement_) ? "read" : "write");
}

Status Query::run() {
  while (TRY(row())) {
  }
  return {};
}

std::string_view Query::blob(int column) const {
  auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return {bytes ? bytes : "", static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string_view Query::text(int column) const {
  auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return {bytes ? bytes : "", static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Result<Transaction> Transaction::begin(Db& db, Kind kind) {
  Query q(db, kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN");
  TRY(q.run());
  return Transaction(&db);
}

Transaction::~Transaction() {
  if (db_) db_->rollback();
}

Status Transaction::commit() {
  TRY(Query(*db_, "COMMIT").run());
  db_ = nullptr;
  return {};
}

}  // namespace pawl::store::sqlite
