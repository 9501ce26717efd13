#pragma once
// Cycles of writing, a power cut, and a look at what is left: on the real schema and the real store
// over PowerlossDisk. The unit test runs hundreds of seeds, torture tens of thousands.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "store/conformance_testing.h"
#include "store/sqlite/powerloss_vfs.h"

namespace pawl::store {

struct PowerlossOutcome {
  int cycles = 0, with_work = 0, lost = 0, corrupt = 0;
  // Where the cut fell: making the file, reading it again, moving the WAL into it, in a commit.
  int in_migration = 0, in_recovery = 0, in_checkpoint = 0, in_commit = 0;
  void add(const PowerlossOutcome& other);
};

// One disk, used for seed after seed. Not thread-safe.
class PowerlossRig {
 public:
  struct Options {
    bool full = true;    // synchronous=FULL
    bool lying = false;  // a sync does nothing
  };
  explicit PowerlossRig(Options options) : options_(options), disk_(1) {}
  // One to four rounds of writing and a cut; stops at the first loss.
  PowerlossOutcome run(std::uint64_t seed);

 private:
  Result<std::unique_ptr<Store>> open();
  void write_until_dark();
  bool write_batch(Store& store);
  RunWrite updated_run(std::int64_t id);
  void recover_until_dark();
  void inspect();

  Options options_;
  sqlite::PowerlossDisk disk_;
  TestDirectory dir_;
  Random random_{1};
  bool large_ = false;  // rows of many pages: the WAL is moved into the file now and then
  std::int64_t acknowledged_ = 0;
  std::map<std::int64_t, std::uint64_t> versions_;  // id -> updates acknowledged
  PowerlossOutcome outcome_;
};

}  // namespace pawl::store
