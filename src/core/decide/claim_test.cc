#include <gtest/gtest.h>

#include "base/text.h"
#include "core/run_testing.h"

namespace pawl::core {
namespace {

TEST(Claim, GivesOutWhatIsQueuedUnderALease) {
  TestRun r("tasks: {a: {action: noop}, b: {needs: [a], action: noop}}");
  EXPECT_EQ(r.states(), "a=pending b=pending");
  r.start();
  EXPECT_EQ(r.states(), "a=queued b=pending");
  EXPECT_EQ(r.claim(), 1u);
  EXPECT_EQ(r.states(), "a=running b=pending");
  EXPECT_EQ(r.row("a").attempt, 1u);
  EXPECT_NE(r.row("a").lease, 0u);
  r.complete("a");
  EXPECT_EQ(r.states(), "a=completed b=queued");
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

// A lane forgets what it has given out when that is most of it.
TEST(Claim, KeepsTheOrderThroughALongLane) {
  constexpr int kElements = 300;
  Json items = Json::array();
  for (int i = 0; i < kElements; ++i)
    items.push(i);
  TestRun r("inputs: {l: {}}\ntasks: {e: {for_each: '${{ inputs.l }}', max_parallel: 3, run: x}}",
            Json::object().set("l", items));
  r.start();
  for (int i = 0; i < kElements; ++i) {
    r.claim(1);
    auto holding = r.holding();
    ASSERT_EQ(holding.size(), 1u);
    EXPECT_EQ(holding[0], str("e[", i, "]"));
    EXPECT_LT(r.run.lanes[0].tasks.size(), 100u);
    if (i == 150) r.crash();
    r.complete(holding[0]);
  }
  EXPECT_EQ(r.run_state(), "completed");
}

}  // namespace
}  // namespace pawl::core
