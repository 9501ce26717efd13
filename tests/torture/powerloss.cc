// Power cuts under SQLite: in commits, in checkpoints, while the file is made and while it is read
// again. FULL loses nothing. The test can fail: NORMAL must be seen to lose, a disk that lies about
// syncs must be seen to lose or to corrupt.
#include <atomic>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "store/sqlite/powerloss_testing.h"
#include "tests/torture/torture.h"

namespace pawl::torture {

namespace {

using Rig = store::PowerlossRig;

store::PowerlossOutcome many(Rig::Options rig_options, std::uint64_t cycles, std::uint64_t seed,
                             Violations* violations) {
  store::PowerlossOutcome total;
  std::mutex mutex;
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::int64_t> left{static_cast<std::int64_t>(cycles)};
  auto work = [&] {
    Rig rig(rig_options);
    while (left > 0) {
      const auto mine = seed * 1'000'000 + ++next;
      auto one = rig.run(mine);
      left -= one.cycles;
      if (violations && one.lost + one.corrupt > 0) {
        violations->add(str("seed ", mine, one.lost ? ": lost" : ": corrupt"));
      }
      std::lock_guard lock(mutex);
      total.add(one);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
    threads.emplace_back(work);
  for (auto& thread : threads)
    thread.join();
  return total;
}

void print(Report& report, const char* name, const store::PowerlossOutcome& o) {
  report.figure(name, ": ", o.cycles, " cuts, ", o.with_work, " after acknowledged work; ",
                o.in_commit, " in commits, ", o.in_checkpoint, " in checkpoints, ", o.in_recovery,
                " in recovery, ", o.in_migration, " in the schema's making; ", o.lost, " lost, ",
                o.corrupt, " corrupt");
}

std::uint64_t of(int n) { return static_cast<std::uint64_t>(n); }

}  // namespace

void torture_powerloss(const Options& options, Report& report) {
  const auto cycles = options.dose(10'000, 250'000);
  Violations violations;
  const auto began = system_clock().mono();
  auto full = many({}, cycles, options.seed, &violations);
  const std::chrono::duration<double> took = system_clock().mono() - began;
  print(report, "FULL", full);
  report.figure(static_cast<int>(full.cycles / took.count()), " cuts a second");
  auto normal = many({false, false}, cycles / 20, options.seed, nullptr);
  print(report, "NORMAL", normal);
  auto lying = many({true, true}, cycles / 20, options.seed, nullptr);
  print(report, "FULL on a disk that lies", lying);
  report.holds("FULL loses and corrupts nothing", violations);
  report.at_least("cuts", of(full.cycles), cycles);
  report.at_least("cuts after acknowledged work", of(full.with_work), cycles / 3);
  report.at_least("cuts in commits", of(full.in_commit), cycles / 4);
  report.at_least("cuts in checkpoints", of(full.in_checkpoint), cycles / 1000);
  report.at_least("cuts in recovery", of(full.in_recovery), cycles / 20);
  report.at_least("cuts in the schema's making", of(full.in_migration), cycles / 1000);
  report.at_least("losses seen with NORMAL", of(normal.lost), cycles / 400);
  report.at_least("losses and damage seen on a lying disk", of(lying.lost + lying.corrupt),
                  cycles / 200);
}

}  // namespace pawl::torture
