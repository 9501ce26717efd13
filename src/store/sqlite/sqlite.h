#pragma once
// A thin RAII skin over the SQLite C interface: a connection, and queries on cached statements.
//
//   Query q(db, "SELECT state FROM runs WHERE id = ?1");
//   q.bind(1, id);
//   while (TRY(q.row())) use(q.blob(0));
//
// SQL is constant text with static lifetime: its address is the key of the statement cache, so each
// statement is parsed once a connection. Errors come back as Error with the operation and the file;
// what SQLite's codes mean to a user is decided here and nowhere else. A connection and its queries
// belong to one thread at a time.

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"

namespace pawl::store::sqlite {

class Db {
 public:
  enum class Mode { create, read_write, read_only };
  // `vfs` nullptr: the default one.
  static Result<std::unique_ptr<Db>> open(const std::string& path, Mode mode, const char* vfs);
  ~Db();
  Db(const Db&) = delete;
  Db& operator=(const Db&) = delete;

  // Runs statements that return nothing of interest, not cached.
  Status exec(const char* sql);
  // One integer of one row, for pragmas and counts.
  Result<std::int64_t> integer(const char* sql);
  Result<std::string> text(const char* sql);

  // Rolls back where a transaction is open. After a full disk SQLite may have done so by itself.
  void rollback();
  bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }
  // The error of the last call, as users should read it.
  Error error(std::string_view doing) const;
  // A write reached the file, but could not be made durable: what the file holds is unknown, and a
  // second fsync may lie. Only reopening helps.
  bool fsync_failed() const { return fsync_failed_; }

  sqlite3* handle() const { return handle_; }
  const std::string& path() const { return path_; }

 private:
  friend class Query;
  Db(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  sqlite3_stmt* prepare(const char* sql);

  sqlite3* handle_;
  std::string path_;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
  mutable bool fsync_failed_ = false;
};

// What an error code means; `system_error` is errno at that time, 0 if unknown.
Errc errc_of(int extended_code, int system_error);

// One use of a statement; resets it at the end. Bound bytes must outlive the query.
// REQUIRES: no other Query on the same SQL text and connection is alive.
class Query {
 public:
  Query(Db& db, const char* sql);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& bind(int index, std::int64_t value);
  Query& bind_text(int index, std::string_view value);
  Query& bind_blob(int index, std::string_view value);

  // Steps: true where there is a row.
  Result<bool> row();
  // Steps to the end.
  Status run();
  // Makes it ready for the next bindings.
  void reset();

  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  // Valid until the next step.
  std::string_view blob(int column) const;
  std::string_view text(int column) const;

 private:
  Db& db_;
  sqlite3_stmt* statement_;
};

// BEGIN (IMMEDIATE for writers) ... COMMIT; rolls back where commit() was not reached.
class Transaction {
 public:
  enum class Kind { read, write };
  static Result<Transaction> begin(Db& db, Kind kind);
  Transaction(Transaction&& other) noexcept : db_(other.db_) { other.db_ = nullptr; }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Db* db) : db_(db) {}
  Db* db_;
};

}  // namespace pawl::store::sqlite
