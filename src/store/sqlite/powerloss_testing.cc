#include "store/sqlite/powerloss_testing.h"

#include "base/text.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::store {

void PowerlossOutcome::add(const PowerlossOutcome& o) {
  cycles += o.cycles;
  with_work += o.with_work;
  lost += o.lost;
  corrupt += o.corrupt;
  in_migration += o.in_migration;
  in_recovery += o.in_recovery;
  in_checkpoint += o.in_checkpoint;
  in_commit += o.in_commit;
}

PowerlossOutcome PowerlossRig::run(std::uint64_t seed) {
  random_ = Random(seed);
  disk_.format(seed ^ 0x5eed);
  disk_.lie_about_sync(options_.lying);
  acknowledged_ = 0;
  versions_.clear();
  outcome_ = PowerlossOutcome{};
  large_ = random_.below(16) == 0;
  auto rounds = 1 + random_.below(4);
  for (std::uint64_t round = 0; round < rounds && outcome_.lost + outcome_.corrupt == 0; ++round) {
    write_until_dark();
    disk_.crash();
    ++outcome_.cycles;
    if (random_.below(3) == 0) recover_until_dark();
    inspect();
  }
  return outcome_;
}

Result<std::unique_ptr<Store>> PowerlossRig::open() {
  return open_sqlite(
      {.directory = dir_.path(), .synchronous_full = options_.full, .vfs = disk_.name()});
}

// False: the power went.
bool PowerlossRig::write_batch(Store& store) {
  auto size = random_.below(large_ ? 40'000 : 1500);
  Batch batch;
  auto count = 1 + static_cast<std::int64_t>(random_.below(8));
  for (auto id = acknowledged_ + 1; id <= acknowledged_ + count; ++id) {
    batch.runs.push_back(new_run(id));
    batch.runs.back().state = random_bytes(random_, size);
    if (id % 4 == 0) batch.runs.back().cells = {{0, random_bytes(random_, size)}};
  }
  if (acknowledged_ > 0 && random_.below(2)) batch.runs.push_back(updated_run(acknowledged_));
  if (!store.commit(batch).ok()) {
    ++outcome_.in_commit;
    return false;
  }
  acknowledged_ += count;
  if (batch.runs.size() > static_cast<std::size_t>(count)) versions_[acknowledged_ - count]++;
  if (random_.below(large_ ? 3 : 6) != 0 || store.idle().ok()) return true;
  ++outcome_.in_checkpoint;  // nothing else of idle() writes here
  return false;
}

void PowerlossRig::write_until_dark() {
  disk_.set_budget(static_cast<std::int64_t>(5 + random_.below(large_ ? 4000 : 400)));
  auto before = acknowledged_;
  auto store = open();
  if (!store.ok()) ++(outcome_.cycles == 0 ? outcome_.in_migration : outcome_.in_recovery);
  while (store.ok() && write_batch(**store)) {
  }
  PAWL_ASSERT(disk_.power_is_gone());
  if (acknowledged_ > before) ++outcome_.with_work;
}

// The power is back, and goes again while the store is being opened, or closed.
void PowerlossRig::recover_until_dark() {
  disk_.set_budget(static_cast<std::int64_t>(random_.below(60)));
  { auto store = open(); }
  outcome_.in_recovery += disk_.power_is_gone();
  outcome_.cycles += disk_.power_is_gone();
  disk_.crash();
}

RunWrite PowerlossRig::updated_run(std::int64_t id) {
  auto write = new_run(id);
  write.insert = false;
  write.header.version = 2 + versions_[id];
  write.state = str("version ", write.header.version);
  return write;
}

void PowerlossRig::inspect() {
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

}  // namespace pawl::store
