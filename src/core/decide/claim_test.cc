#include <gtest/gtest.h>

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

}  // namespace
}  // namespace pawl::core
