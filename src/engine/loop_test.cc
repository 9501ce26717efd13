#include "engine/engine_testing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pawl::engine {
namespace {

using core::RunState;
using core::TaskState;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kChain =
    "pawl: 1\nname: chain\ntasks:\n  a: {action: noop}\n  b: {action: noop, needs: [a]}\n";

TEST(Loop, SubmitClaimComplete) {
  Bed bed;
  auto id = bed.define(kChain);
  RunId run = bed.submit(id);
  EXPECT_EQ(bed.task(run, "a"), TaskState::queued);
  auto& w = bed.worker(1);
  EXPECT_THAT(w.paths(), ElementsAre("a"));
  w.complete(run, "a", Json::object().set("n", 1));
  bed.settle();
  EXPECT_THAT(w.paths(), ElementsAre("b"));
  w.complete(run, "b");
  bed.settle();
  EXPECT_EQ(bed.state(run), RunState::completed);
  EXPECT_EQ(bed.output(run, "a").dump(), "{\"n\":1}");
  EXPECT_THAT(bed.audit(), IsEmpty());
}

}  // namespace
}  // namespace pawl::engine
