// Power cuts at every kind of instant, on the real schema and the real store. With FULL nothing
// that was acknowledged is lost. The test is able to fail: with NORMAL it must see acknowledged
// runs lost, and with a disk that lies about syncs it must see damage or loss.

#include <gtest/gtest.h>

#include <map>

#include "base/text.h"
#include "store/conformance_testing.h"
#include "store/sqlite/powerloss_vfs.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::store {

namespace {

struct Outcome {
  int cycles = 0;     // the power was cut and the store opened again
  int with_work = 0;  // ... after something had been acknowledged since the last cut
  int lost = 0;       // acknowledged runs were missing
  int corrupt = 0;    // the store could not be opened, or was unsound
};

class Seed {
 public:
  Seed(std::uint64_t seed, bool full, bool lying)
      : random_(seed), disk_(seed ^ 0x5eed), full_(full) {
    disk_.lie_about_sync(lying);
  }

  Outcome run() {
    auto rounds = 1 + random_.below(4);
    for (std::uint64_t round = 0; round < rounds && outcome_.lost + outcome_.corrupt == 0;
         ++round) {
      write_until_dark();
      disk_.crash();
      ++outcome_.cycles;
      inspect();
    }
    return outcome_;
  }

 private:
  Result<std::unique_ptr<Store>> open() {
    return open_sqlite({.directory = dir_.path(), .synchronous_full = full_, .vfs = disk_.name()});
  }

  void write_until_dark() {
    disk_.set_budget(static_cast<std::int64_t>(5 + random_.below(400)));
    auto before = acknowledged_;
    auto store = open();
    while (store.ok()) {
      auto size = random_.below(1500);
      Batch batch;
      auto count = 1 + static_cast<std::int64_t>(random_.below(8));
      for (auto id = acknowledged_ + 1; id <= acknowledged_ + count; ++id) {
        batch.runs.push_back(new_run(id));
        batch.runs.back().state = random_bytes(random_, size);
        if (id % 4 == 0) batch.runs.back().cells = {{0, random_bytes(random_, size)}};
      }
      if (acknowledged_ > 0 && random_.below(2)) {
        batch.runs.push_back(updated_run(acknowledged_));
      }
      if (!(*store)->commit(batch).ok()) break;
      acknowledged_ += count;
      if (batch.runs.size() > static_cast<std::size_t>(count)) versions_[acknowledged_ - count]++;
      if (random_.below(6) == 0 && !(*store)->idle().ok()) break;
    }
    EXPECT_TRUE(disk_.power_is_gone());
    if (acknowledged_ > before) ++outcome_.with_work;
  }

  RunWrite updated_run(std::int64_t id) {
    auto write = new_run(id);
    write.insert = false;
    write.header.version = 2 + versions_[id];
    write.state = str("version ", write.header.version);
    return write;
  }

  void inspect() {
    auto store = open();
    if (!store.ok()) {
      ++outcome_.corrupt;
      return;
    }
    auto findings = (*store)->check();
    auto highest = (*store)->last_run_id();
    if (!findings.ok() || !findings->empty() || !highest.ok()) {
      ++outcome_.corrupt;
      return;
    }
    RunFilter filter;
    filter.limit = 1'000'000;
    auto listed = (*store)->list_runs(filter);
    bool whole = listed.ok() && static_cast<std::int64_t>(listed->size()) == highest->value;
    for (const auto& [id, updates] : versions_) {
      auto row = (*store)->find_run(RunId(id));
      whole = whole && row.ok() && row->has_value() && (*row)->header.version >= 1 + updates;
    }
    if (highest->value < acknowledged_ || !whole) ++outcome_.lost;
    acknowledged_ = highest->value;
    // What an unacknowledged batch left counts from now on.
    for (auto& [id, updates] : versions_) {
      auto row = (*store)->find_run(RunId(id));
      if (row.ok() && row->has_value()) updates = (*row)->header.version - 1;
    }
    if (acknowledged_ > 0) {
      auto row = (*store)->find_run(RunId(acknowledged_));
      if (row.ok() && row->has_value()) versions_[acknowledged_] = (*row)->header.version - 1;
    }
  }

  Random random_;
  sqlite::PowerlossDisk disk_;
  TestDirectory dir_;
  bool full_;
  std::int64_t acknowledged_ = 0;
  std::map<std::int64_t, std::uint64_t> versions_;  // id -> updates acknowledged
  Outcome outcome_;
};

Outcome many(std::uint64_t seeds, bool full, bool lying) {
  Outcome total;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    auto one = Seed(seed, full, lying).run();
    total.cycles += one.cycles;
    total.with_work += one.with_work;
    total.lost += one.lost;
    total.corrupt += one.corrupt;
    EXPECT_TRUE(!full || lying || one.lost + one.corrupt == 0) << "seed " << seed;
  }
  std::printf("%s%s: %d cuts, %d after acknowledged work, %d lost, %d corrupt\n",
              full ? "FULL" : "NORMAL", lying ? ", lying disk" : "", total.cycles, total.with_work,
              total.lost, total.corrupt);
  return total;
}

TEST(Powerloss, FullLosesNothing) {
  auto total = many(300, true, false);
  EXPECT_EQ(total.lost, 0);
  EXPECT_EQ(total.corrupt, 0);
  EXPECT_GT(total.cycles, 500);
  EXPECT_GT(total.with_work, 300);
}

TEST(Powerloss, NormalIsSeenToLose) {
  auto total = many(60, false, false);
  EXPECT_GT(total.lost, 5);
  EXPECT_EQ(total.corrupt, 0);
}

TEST(Powerloss, ALyingDiskIsSeen) {
  auto total = many(60, true, true);
  EXPECT_GT(total.lost + total.corrupt, 20);
}

}  // namespace

}  // namespace pawl::store
