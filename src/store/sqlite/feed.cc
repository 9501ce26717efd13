#include "store/sqlite/feed.h"

#include <new>

namespace pawl::store::sqlite {

namespace {

struct Table {
  sqlite3_vtab base{};
  Feed* feed = nullptr;
};

struct Cursor {
  sqlite3_vtab_cursor base{};
  Feed* feed = nullptr;
};

// `base` comes first in both, so SQLite's pointer is ours.
Cursor* ours(sqlite3_vtab_cursor* c) { return reinterpret_cast<Cursor*>(c); }

int connect(sqlite3* db, void* feed, int, const char* const*, sqlite3_vtab** out, char**) {
  int code = sqlite3_declare_vtab(
      db, "CREATE TABLE feed(id INTEGER, version INTEGER, head BLOB, state BLOB, fixed BLOB)");
  if (code != SQLITE_OK) return code;
  auto* table = new (std::nothrow) Table;
  if (!table) return SQLITE_NOMEM;
  table->feed = static_cast<Feed*>(feed);
  *out = &table->base;
  return SQLITE_OK;
}

int disconnect(sqlite3_vtab* table) {
  delete reinterpret_cast<Table*>(table);
  return SQLITE_OK;
}

int best_index(sqlite3_vtab*, sqlite3_index_info* info) {
  info->estimatedCost = 1000;
  info->estimatedRows = 1000;
  return SQLITE_OK;
}

int open(sqlite3_vtab* table, sqlite3_vtab_cursor** out) {
  auto* cursor = new (std::nothrow) Cursor;
  if (!cursor) return SQLITE_NOMEM;
  cursor->feed = reinterpret_cast<Table*>(table)->feed;
  *out = &cursor->base;
  return SQLITE_OK;
}

int close(sqlite3_vtab_cursor* cursor) {
  delete ours(cursor);
  return SQLITE_OK;
}

int filter(sqlite3_vtab_cursor* cursor, int, const char*, int, sqlite3_value**) {
  ours(cursor)->feed->at = 0;
  return SQLITE_OK;
}

int next(sqlite3_vtab_cursor* cursor) {
  ++ours(cursor)->feed->at;
  return SQLITE_OK;
}

int eof(sqlite3_vtab_cursor* cursor) {
  const auto& feed = *ours(cursor)->feed;
  return feed.at >= feed.rows.size();
}

void give(sqlite3_context* context, std::string_view bytes) {
  sqlite3_result_blob64(context, bytes.data() ? bytes.data() : "", bytes.size(), SQLITE_STATIC);
}

int column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int index) {
  const auto& feed = *ours(cursor)->feed;
  const auto& row = feed.rows[feed.at];
  switch (index) {
    case 0:
      sqlite3_result_int64(context, row.id);
      break;
    case 1:
      sqlite3_result_int64(context, row.version);
      break;
    case 2:
      give(context, row.head);
      break;
    case 3:
      give(context, row.state);
      break;
    default:
      give(context, row.fixed);
      break;
  }
  return SQLITE_OK;
}

int rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(ours(cursor)->feed->at);
  return SQLITE_OK;
}

// No xCreate: the table exists by its name alone, and nothing of it is stored.
const sqlite3_module kModule = [] {
  sqlite3_module m{};
  m.xConnect = connect;
  m.xBestIndex = best_index;
  m.xDisconnect = disconnect;
  m.xOpen = open;
  m.xClose = close;
  m.xFilter = filter;
  m.xNext = next;
  m.xEof = eof;
  m.xColumn = column;
  m.xRowid = rowid;
  return m;
}();

}  // namespace

Status register_feed(Db& db, Feed& feed) {
  if (sqlite3_create_module_v2(db.handle(), "pawl_feed", &kModule, &feed, nullptr) != SQLITE_OK) {
    return db.error("prepare");
  }
  return {};
}

}  // namespace pawl::store::sqlite
