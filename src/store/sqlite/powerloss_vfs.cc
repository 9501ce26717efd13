#include "store/sqlite/powerloss_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"

namespace pawl::store::sqlite {

namespace {

struct Write {
  std::size_t offset = 0;
  std::string bytes;
  bool truncate = false;  // to `offset`
};

void replay(const Write& write, std::string& to) {
  if (write.truncate) {
    to.resize(std::min(to.size(), write.offset));
    return;
  }
  to.resize(std::max(to.size(), write.offset + write.bytes.size()));
  to.replace(write.offset, write.bytes.size(), write.bytes);
}

// One of the WAL index's locks: how many share it, or -1.
struct Slot {
  int holders = 0;
};

struct Node {
  std::string durable, view;
  std::vector<Write> pending;
  std::vector<std::unique_ptr<char[]>> regions;  // shared memory of the WAL index
  std::array<Slot, SQLITE_SHM_NLOCK> slots;
  bool entry_durable = false;  // its name was synced with the directory
  int handles = 0;
  int mapped = 0;  // handles that use the shared memory; with the last one it goes
  int shared = 0;  // holders of SHARED or more
  bool reserved = false, pending_lock = false, exclusive = false;
};

struct Handle {
  sqlite3_file base;
  PowerlossDisk::Impl* disk;
  Node* node;
  int level;
  unsigned shm_shared, shm_exclusive;
  bool mapped;
  bool fresh;  // a journal or WAL that this handle has not synced yet
};

Handle* ours(sqlite3_file* f) { return reinterpret_cast<Handle*>(f); }

}  // namespace

struct PowerlossDisk::Impl {
  std::recursive_mutex mutex;
  std::map<std::string, std::shared_ptr<Node>> files;
  std::map<std::string, std::shared_ptr<Node>> deleted;  // the directory was not synced since
  std::vector<std::shared_ptr<Node>> unlinked;           // still open somewhere
  Random random;
  std::string name;
  sqlite3_vfs vfs{};
  std::int64_t budget = -1, operations = 0;
  bool gone = false, lying = false;

  explicit Impl(std::uint64_t seed) : random(seed) {}

  // Pays for one operation; false where the power is gone.
  bool spend() {
    ++operations;
    if (gone) return false;
    if (budget == 0) {
      gone = true;
      return false;
    }
    if (budget > 0) --budget;
    return true;
  }

  void sync_directory() {
    for (auto& [file, node] : files)
      node->entry_durable = true;
    deleted.clear();
  }

  void crash_file(Node& node) {
    for (const auto& write : node.pending) {
      switch (random.below(4)) {
        case 0:
          break;   // lost
        case 1: {  // torn at a sector
          if (write.truncate || write.bytes.size() <= 512) break;
          Write torn = write;
          torn.bytes.resize(512 * (1 + random.below(write.bytes.size() / 512)));
          replay(torn, node.durable);
          break;
        }
        default:
          replay(write, node.durable);
          break;
      }
    }
    node.pending.clear();
    node.view = node.durable;
    node.regions.clear();
    node.slots = {};
  }
};

namespace {

using Lock = std::lock_guard<std::recursive_mutex>;

int x_close(sqlite3_file* f) {
  auto* h = ours(f);
  Lock lock(h->disk->mutex);
  --h->node->handles;
  std::erase_if(h->disk->unlinked, [](const auto& node) { return node->handles == 0; });
  return SQLITE_OK;
}

int x_read(sqlite3_file* f, void* into, int n, sqlite3_int64 at) {
  auto* h = ours(f);
  Lock lock(h->disk->mutex);
  const auto& view = h->node->view;
  auto offset = static_cast<std::size_t>(at), wanted = static_cast<std::size_t>(n);
  auto there = offset < view.size() ? std::min(wanted, view.size() - offset) : 0;
  std::memcpy(into, view.data() + (there ? offset : 0), there);
  std::memset(static_cast<char*>(into) + there, 0, wanted - there);
  return there == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int change(Handle* h, Write write, int failure) {
  Lock lock(h->disk->mutex);
  if (!h->disk->spend()) return failure;
  replay(write, h->node->view);
  h->node->pending.push_back(std::move(write));
  return SQLITE_OK;
}

int x_write(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  std::string bytes(static_cast<const char*>(from), static_cast<std::size_t>(n));
  return change(ours(f), {static_cast<std::size_t>(at), std::move(bytes), false},
                SQLITE_IOERR_WRITE);
}

int x_truncate(sqlite3_file* f, sqlite3_int64 size) {
  return change(ours(f), {static_cast<std::size_t>(size), {}, true}, SQLITE_IOERR_TRUNCATE);
}

int x_sync(sqlite3_file* f, int) {
  auto* h = ours(f);
  Lock lock(h->disk->mutex);
  if (!h->disk->spend()) return SQLITE_IOERR_FSYNC;
  if (h->disk->lying) return SQLITE_OK;
  for (const auto& write : h->node->pending)
    replay(write, h->node->durable);
  h->node->pending.clear();
  // Like SQLite's own VFS: the first sync of a journal that was opened to be created, also where it
  // was there already, syncs its directory, and so every name.
  if (std::exchange(h->fresh, false)) h->disk->sync_directory();
  return SQLITE_OK;
}

int x_size(sqlite3_file* f, sqlite3_int64* size) {
  Lock lock(ours(f)->disk->mutex);
  *size = static_cast<sqlite3_int64>(ours(f)->node->view.size());
  return SQLITE_OK;
}

int x_lock(sqlite3_file* f, int level) {
  auto* h = ours(f);
  Lock lock(h->disk->mutex);
  auto& node = *h->node;
  if (level <= h->level) return SQLITE_OK;
  if (h->level == SQLITE_LOCK_NONE) {
    if (node.exclusive || node.pending_lock) return SQLITE_BUSY;
    ++node.shared;
    h->level = SQLITE_LOCK_SHARED;
  }
  if (level >= SQLITE_LOCK_RESERVED && h->level < SQLITE_LOCK_RESERVED) {
    if (node.reserved) return SQLITE_BUSY;
    node.reserved = true;
    h->level = SQLITE_LOCK_RESERVED;
  }
  if (level == SQLITE_LOCK_EXCLUSIVE) {
    node.pending_lock = true;
    h->level = SQLITE_LOCK_PENDING;
    if (node.shared > 1) return SQLITE_BUSY;
    node.exclusive = true;
    h->level = SQLITE_LOCK_EXCLUSIVE;
  }
  return SQLITE_OK;
}

int x_unlock(sqlite3_file* f, int level) {
  auto* h = ours(f);
  Lock lock(h->disk->mutex);
  auto& node = *h->node;
  if (h->level >= SQLITE_LOCK_RESERVED && level < SQLITE_LOCK_RESERVED) {
    node.reserved = node.pending_lock = node.exclusive = false;
  }
  if (h->level >= SQLITE_LOCK_SHARED && level == SQLITE_LOCK_NONE) --node.shared;
  h->level = std::min(h->level, level);
  return SQLITE_OK;
}

int x_reserved(sqlite3_file* f, int* out) {
  Lock lock(ours(f)->disk->mutex);
  *out = ours(f)->node->reserved;
  return SQLITE_OK;
}

int x_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int x_sector(sqlite3_file*) { return 512; }
int x_traits(sqlite3_file*) { return 0; }

int x_shm_map(sqlite3_file* f, int index, int bytes, int extend, void volatile** out) {
  auto* h = ours(f);
  Lock lock(h->disk->mutex);
  auto& regions = h->node->regions;
  if (!std::exchange(h->mapped, true)) ++h->node->mapped;
  while (extend && regions.size() <= static_cast<std::size_t>(index)) {
    regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(bytes)));
  }
  *out = regions.size() > static_cast<std::size_t>(index)
             ? regions[static_cast<std::size_t>(index)].get()
             : nullptr;
  return SQLITE_OK;
}

int x_shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  auto* h = ours(f);
  Lock lock(h->disk->mutex);
  auto& slots = h->node->slots;
  bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
  for (int pass = 0; pass < 2; ++pass) {  // look at all of them, then take them
    for (int i = offset; i < offset + n; ++i) {
      auto& holders = slots[static_cast<std::size_t>(i)].holders;
      auto& mine = exclusive ? h->shm_exclusive : h->shm_shared;
      unsigned mark = 1u << i;
      if (flags & SQLITE_SHM_UNLOCK) {
        if (pass == 0 || !(mine & mark)) continue;
        holders = exclusive ? 0 : holders - 1;
        mine &= ~mark;
      } else if (!(mine & mark)) {
        if (pass == 0 && (exclusive ? holders != 0 : holders < 0)) return SQLITE_BUSY;
        if (pass == 0) continue;
        holders = exclusive ? -1 : holders + 1;
        mine |= mark;
      }
    }
  }
  return SQLITE_OK;
}

void x_shm_barrier(sqlite3_file* f) { Lock lock(ours(f)->disk->mutex); }

int x_shm_unmap(sqlite3_file* f, int) {
  x_shm_lock(f, 0, SQLITE_SHM_NLOCK, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
  x_shm_lock(f, 0, SQLITE_SHM_NLOCK, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
  auto* h = ours(f);
  Lock lock(h->disk->mutex);
  if (std::exchange(h->mapped, false) && --h->node->mapped == 0) h->node->regions.clear();
  return SQLITE_OK;
}

const sqlite3_io_methods kMethods = {
    2,          x_close,       x_read,      x_write,   x_truncate, x_sync,   x_size,
    x_lock,     x_unlock,      x_reserved,  x_control, x_sector,   x_traits, x_shm_map,
    x_shm_lock, x_shm_barrier, x_shm_unmap, nullptr,   nullptr};

PowerlossDisk::Impl* disk_of(sqlite3_vfs* vfs) {
  return static_cast<PowerlossDisk::Impl*>(vfs->pAppData);
}

int v_open(sqlite3_vfs* vfs, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  auto* disk = disk_of(vfs);
  Lock lock(disk->mutex);
  auto* h = ours(f);
  std::memset(h, 0, sizeof *h);
  if (disk->gone) return SQLITE_CANTOPEN;
  std::shared_ptr<Node> node;
  if (!name) {
    node = std::make_shared<Node>();  // a nameless temporary file
    disk->unlinked.push_back(node);
  } else {
    auto found = disk->files.find(name);
    if (found == disk->files.end() && !(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
    if (found == disk->files.end()) {
      found = disk->files.emplace(name, std::make_shared<Node>()).first;
    }
    node = found->second;
    const bool journal = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    h->fresh = journal && (flags & SQLITE_OPEN_CREATE) != 0;
  }
  h->base.pMethods = &kMethods;
  h->disk = disk;
  h->node = node.get();
  ++node->handles;
  if (out_flags) *out_flags = flags;
  return SQLITE_OK;
}

int v_delete(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  auto* disk = disk_of(vfs);
  Lock lock(disk->mutex);
  if (!disk->spend()) return SQLITE_IOERR_DELETE;
  auto found = disk->files.find(name);
  if (found == disk->files.end()) return SQLITE_IOERR_DELETE_NOENT;
  if (found->second->handles > 0) disk->unlinked.push_back(found->second);
  if (found->second->entry_durable && (!sync_directory || disk->lying)) {
    disk->deleted[name] = found->second;
  }
  disk->files.erase(found);
  if (sync_directory && !disk->lying) disk->sync_directory();
  return SQLITE_OK;
}

int v_access(sqlite3_vfs* vfs, const char* name, int, int* out) {
  Lock lock(disk_of(vfs)->mutex);
  *out = disk_of(vfs)->files.count(name) != 0;
  return SQLITE_OK;
}

int v_full_path(sqlite3_vfs*, const char* name, int n, char* out) {
  sqlite3_snprintf(n, out, "%s", name);
  return SQLITE_OK;
}

int v_random(sqlite3_vfs* vfs, int n, char* out) {
  Lock lock(disk_of(vfs)->mutex);
  for (int i = 0; i < n; ++i)
    out[i] = static_cast<char>(disk_of(vfs)->random.next());
  return n;
}

int v_sleep(sqlite3_vfs*, int micros) { return micros; }
int v_last_error(sqlite3_vfs*, int, char*) { return 0; }
int v_julian(sqlite3_vfs*, double* out) {
  *out = 2460000.5;
  return SQLITE_OK;
}

}  // namespace

PowerlossDisk::PowerlossDisk(std::uint64_t seed) : impl_(std::make_unique<Impl>(seed)) {
  static std::atomic<int> disks{
      0};  // never a name twice: VFSs that stand on this one are kept by name
  impl_->name = str("pawl-powerloss-", ++disks);
  auto& vfs = impl_->vfs;
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(Handle);
  vfs.mxPathname = 512;
  vfs.zName = impl_->name.c_str();
  vfs.pAppData = impl_.get();
  vfs.xOpen = v_open;
  vfs.xDelete = v_delete;
  vfs.xAccess = v_access;
  vfs.xFullPathname = v_full_path;
  vfs.xRandomness = v_random;
  vfs.xSleep = v_sleep;
  vfs.xCurrentTime = v_julian;
  vfs.xGetLastError = v_last_error;
  PAWL_ASSERT(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}

PowerlossDisk::~PowerlossDisk() { sqlite3_vfs_unregister(&impl_->vfs); }

const char* PowerlossDisk::name() const { return impl_->name.c_str(); }

void PowerlossDisk::set_budget(std::int64_t operations) { impl_->budget = operations; }

bool PowerlossDisk::power_is_gone() const { return impl_->gone; }

std::int64_t PowerlossDisk::operations() const { return impl_->operations; }

void PowerlossDisk::lie_about_sync(bool lie) { impl_->lying = lie; }

void PowerlossDisk::format(std::uint64_t seed) {
  auto& disk = *impl_;
  for (const auto& [name, node] : disk.files)
    PAWL_ASSERT(node->handles == 0);
  disk.files.clear();
  disk.deleted.clear();
  disk.unlinked.clear();
  disk.random = Random(seed);
  disk.budget = -1;
  disk.operations = 0;
  disk.gone = disk.lying = false;
}

void PowerlossDisk::crash() {
  auto& disk = *impl_;
  for (auto& [name, node] : disk.deleted) {
    // A deletion that was not made durable may not have happened.
    if (!disk.files.count(name) && disk.random.below(2)) disk.files[name] = node;
  }
  disk.deleted.clear();
  for (auto it = disk.files.begin(); it != disk.files.end();) {
    auto& node = *it->second;
    PAWL_ASSERT(node.handles == 0);
    disk.crash_file(node);
    bool lost = !node.entry_durable && disk.random.below(2);
    it = lost ? disk.files.erase(it) : std::next(it);
  }
  disk.budget = -1;
  disk.gone = false;
}

}  // namespace pawl::store::sqlite
