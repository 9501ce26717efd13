#include "store/sqlite/page_sum_vfs.h"

#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "base/codec.h"
#include "base/failpoint.h"

namespace pawl::store::sqlite {

namespace {

// Our file, then, in the same allocation, the one below.
struct File {
  sqlite3_file base;
  bool sums;  // a main database: its pages carry sums
};

sqlite3_file* below(sqlite3_file* f) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<File*>(f) + 1);
}

constexpr int kBody = kPageBytes - kPageSumBytes;

bool is_page(sqlite3_file* f, int bytes, sqlite3_int64 offset) {
  return reinterpret_cast<File*>(f)->sums && bytes == kPageBytes && offset % kPageBytes == 0;
}

std::uint32_t sum_of(const char* page, sqlite3_int64 offset) {
  auto number = static_cast<std::uint32_t>(offset / kPageBytes + 1);
  char key[4];
  std::memcpy(key, &number, 4);
  return crc32c(std::string_view(page, kBody), crc32c(std::string_view(key, 4)));
}

bool all_zero(const char* page) {
  return page[0] == 0 && std::memcmp(page, page + 1, kPageBytes - 1) == 0;
}

int read(sqlite3_file* f, void* into, int bytes, sqlite3_int64 offset) {
  if (failpoint("store.file.read")) return SQLITE_IOERR_READ;
  int code = below(f)->pMethods->xRead(below(f), into, bytes, offset);
  if (!is_page(f, bytes, offset)) return code;
  // Beyond the file's end SQLite takes zeroes for a page. Where the file ends within the page the
  // zeroes are the missing part of it, and its sum says so.
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) return code;
  const auto* page = static_cast<const char*>(into);
  std::uint32_t stored;
  std::memcpy(&stored, page + kBody, 4);
  // A page that was allocated and never written is all zero; SQLite refuses that where it matters.
  if (stored == sum_of(page, offset) || all_zero(page)) return code;
  return SQLITE_IOERR_DATA;
}

int write(sqlite3_file* f, const void* from, int bytes, sqlite3_int64 offset) {
  if (!is_page(f, bytes, offset)) {
    if (failpoint("store.wal.write")) return SQLITE_IOERR_WRITE;
    return below(f)->pMethods->xWrite(below(f), from, bytes, offset);
  }
  if (failpoint("store.page.write")) return SQLITE_IOERR_WRITE;
  char page[kPageBytes];
  std::memcpy(page, from, kBody);
  auto sum = sum_of(page, offset);
  std::memcpy(page + kBody, &sum, 4);
  return below(f)->pMethods->xWrite(below(f), page, bytes, offset);
}

int close(sqlite3_file* f) { return below(f)->pMethods->xClose(below(f)); }
int truncate(sqlite3_file* f, sqlite3_int64 n) {
  if (failpoint("store.file.truncate")) return SQLITE_IOERR_TRUNCATE;
  return below(f)->pMethods->xTruncate(below(f), n);
}
int sync(sqlite3_file* f, int flags) {
  if (failpoint("store.file.sync")) return SQLITE_IOERR_FSYNC;
  return below(f)->pMethods->xSync(below(f), flags);
}
int size(sqlite3_file* f, sqlite3_int64* n) { return below(f)->pMethods->xFileSize(below(f), n); }
int lock(sqlite3_file* f, int level) { return below(f)->pMethods->xLock(below(f), level); }
int unlock(sqlite3_file* f, int level) { return below(f)->pMethods->xUnlock(below(f), level); }
int reserved(sqlite3_file* f, int* out) {
  return below(f)->pMethods->xCheckReservedLock(below(f), out);
}
int control(sqlite3_file* f, int op, void* argument) {
  return below(f)->pMethods->xFileControl(below(f), op, argument);
}
int sector(sqlite3_file* f) { return below(f)->pMethods->xSectorSize(below(f)); }
int traits(sqlite3_file* f) { return below(f)->pMethods->xDeviceCharacteristics(below(f)); }
int shm_map(sqlite3_file* f, int page, int bytes, int extend, void volatile** out) {
  return below(f)->pMethods->xShmMap(below(f), page, bytes, extend, out);
}
int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  return below(f)->pMethods->xShmLock(below(f), offset, n, flags);
}
void shm_barrier(sqlite3_file* f) { below(f)->pMethods->xShmBarrier(below(f)); }
int shm_unmap(sqlite3_file* f, int remove) {
  return below(f)->pMethods->xShmUnmap(below(f), remove);
}

// Version 2: shared memory for the WAL index, but no mapped pages, which would bypass read().
const sqlite3_io_methods kMethods = {
    2,       close,  read,   write,   truncate, sync,        size,      lock,    unlock, reserved,
    control, sector, traits, shm_map, shm_lock, shm_barrier, shm_unmap, nullptr, nullptr};

sqlite3_vfs* below(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  auto* file = reinterpret_cast<File*>(f);
  file->base.pMethods = nullptr;
  if (failpoint("store.file.open")) return SQLITE_CANTOPEN;
  file->sums = (flags & SQLITE_OPEN_MAIN_DB) != 0;
  int code = below(vfs)->xOpen(below(vfs), name, below(f), flags, out_flags);
  if (code == SQLITE_OK) file->base.pMethods = &kMethods;
  return code;
}

int remove(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  return below(vfs)->xDelete(below(vfs), name, sync_directory);
}
int access(sqlite3_vfs* vfs, const char* name, int flags, int* out) {
  return below(vfs)->xAccess(below(vfs), name, flags, out);
}
int full_path(sqlite3_vfs* vfs, const char* name, int n, char* out) {
  return below(vfs)->xFullPathname(below(vfs), name, n, out);
}
int randomness(sqlite3_vfs* vfs, int n, char* out) {
  return below(vfs)->xRandomness(below(vfs), n, out);
}
int pause(sqlite3_vfs* vfs, int micros) { return below(vfs)->xSleep(below(vfs), micros); }
int julian(sqlite3_vfs* vfs, double* out) { return below(vfs)->xCurrentTime(below(vfs), out); }
int last_error(sqlite3_vfs* vfs, int n, char* out) {
  return below(vfs)->xGetLastError(below(vfs), n, out);
}
int julian_ms(sqlite3_vfs* vfs, sqlite3_int64* out) {
  return below(vfs)->xCurrentTimeInt64(below(vfs), out);
}

struct Registered {
  std::string name;
  sqlite3_vfs vfs{};
};

}  // namespace

const char* page_sum_vfs(const char* base) {
  static std::mutex mutex;
  static std::map<std::string, Registered> all;  // never shrinks: SQLite keeps the addresses
  std::lock_guard guard(mutex);
  auto* under = sqlite3_vfs_find(base);
  if (!under) return base;  // opening then says "no such vfs"
  auto [entry, fresh] = all.try_emplace(under->zName);
  auto& made = entry->second;
  if (!fresh) return made.name.c_str();
  made.name = std::string("pawl-page-sums-") + under->zName;
  made.vfs.iVersion = 2;
  made.vfs.szOsFile = static_cast<int>(sizeof(File)) + under->szOsFile;
  made.vfs.mxPathname = under->mxPathname;
  made.vfs.zName = made.name.c_str();
  made.vfs.pAppData = under;
  made.vfs.xOpen = open;
  made.vfs.xDelete = remove;
  made.vfs.xAccess = access;
  made.vfs.xFullPathname = full_path;
  made.vfs.xRandomness = randomness;
  made.vfs.xSleep = pause;
  made.vfs.xCurrentTime = julian;
  made.vfs.xGetLastError = last_error;
  made.vfs.xCurrentTimeInt64 =
      under->iVersion >= 2 && under->xCurrentTimeInt64 ? julian_ms : nullptr;
  sqlite3_vfs_register(&made.vfs, 0);
  return made.name.c_str();
}

Status reserve_page_sums(Db& db) {
  int bytes = kPageSumBytes;
  if (sqlite3_file_control(db.handle(), "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes) != SQLITE_OK) {
    return db.error("reserve page checksums in");
  }
  return {};
}

}  // namespace pawl::store::sqlite
