// Power cuts at every kind of instant, on the real schema and the real store. With FULL nothing
// that was acknowledged is lost. The test is able to fail: with NORMAL it must see acknowledged
// runs lost, and with a disk that lies about syncs it must see damage or loss.

#include <gtest/gtest.h>

#include "store/sqlite/powerloss_testing.h"

namespace pawl::store {

namespace {

PowerlossOutcome many(std::uint64_t seeds, bool full, bool lying) {
  PowerlossOutcome total;
  PowerlossRig rig({full, lying});
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    auto one = rig.run(seed);
    total.add(one);
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
