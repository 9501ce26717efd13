#pragma once
// A VFS in memory whose power can fail: for tests. Each file has what is durable, what a reader
// sees, and the writes between the two. Writes, truncations, syncs and deletions count down a
// budget; at its end they fail, and all that follow. crash() then draws for each unsynced write
// whether it reached the disk, was torn at a sector, or was lost; a later one may survive an
// earlier one. A file that was created, or deleted, without its directory being synced may be gone,
// or back.
//
//   PowerlossDisk disk(seed);  open_sqlite({.directory = ..., .vfs = disk.name()})
//   disk.set_budget(200); ... until a commit fails ...; close the store; disk.crash(); open again

#include <cstdint>
#include <memory>

namespace pawl::store::sqlite {

class PowerlossDisk {
 public:
  explicit PowerlossDisk(std::uint64_t seed);
  ~PowerlossDisk();  // REQUIRES: every file is closed
  PowerlossDisk(const PowerlossDisk&) = delete;
  PowerlossDisk& operator=(const PowerlossDisk&) = delete;

  const char* name() const;
  // So many operations from now on; negative: for ever.
  void set_budget(std::int64_t operations);
  bool power_is_gone() const;
  // Operations since the disk was made; for choosing budgets.
  std::int64_t operations() const;
  // A sync says yes and does nothing.
  void lie_about_sync(bool lie);
  // An empty disk with new dice, as if just made: a registered name is never given back, so a long
  // test keeps its disk. REQUIRES: every file is closed.
  void format(std::uint64_t seed);
  // What was not durable meets its fate; the power is back. REQUIRES: every file is closed.
  void crash();

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace pawl::store::sqlite
