// for_each: one child row an element, opened as far as max_parallel lets, rolled up at the end.
#include <gtest/gtest.h>

#include "base/text.h"
#include "core/run_testing.h"

namespace pawl::core {
namespace {

Json numbers(int n) {
  Json list = Json::array();
  for (int i = 0; i < n; ++i)
    list.push(i);
  return Json::object().set("list", list);
}

constexpr const char* kEach = R"(
inputs: {list: {}}
tasks:
  each: {for_each: "${{ inputs.list }}", action: noop}
  after: {needs: [each], action: noop}
)";

TEST(FanOut, OneChildAnElement) {
  TestRun r(kEach, numbers(3));
  r.start();
  EXPECT_EQ(r.states(), "each=running each[0]=queued each[1]=queued each[2]=queued after=pending");
  r.claim();
  r.complete("each[1]");
  r.complete("each[0]");
  EXPECT_EQ(r.row("each").waits, 1u);
  r.complete("each[2]");
  EXPECT_EQ(r.states(),
            "each=completed each[0]=completed each[1]=completed each[2]=completed after=queued");
}

TEST(FanOut, OverNothingCompletesAtOnce) {
  TestRun r(kEach, numbers(0));
  r.start();
  EXPECT_EQ(r.states(), "each=completed after=queued");
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(FanOut, FailsWhereAnElementFailsAndTheOthersGoOn) {
  TestRun r(kEach, numbers(3));
  r.start();
  r.claim();
  r.fail("each[1]");
  EXPECT_EQ(r.states(),
            "each=running each[0]=running each[1]=failed each[2]=running after=pending");
  r.complete("each[0]");
  r.complete("each[2]");
  EXPECT_EQ(r.reasons(),
            "each=failed(members) each[0]=completed each[1]=failed(error) each[2]=completed "
            "after=skipped(upstream_failed)");
  EXPECT_EQ(r.run.error, "each[1]: it broke");
}

TEST(FanOut, AllowFailureIsOfTheWhole) {
  TestRun r(R"(
inputs: {list: {}}
tasks:
  each: {for_each: "${{ inputs.list }}", action: noop, allow_failure: true}
  after: {needs: [each], action: noop}
)",
            numbers(2));
  r.start();
  r.claim();
  r.fail("each[0]");
  r.complete("each[1]");
  EXPECT_EQ(r.states(), "each=failed each[0]=failed each[1]=completed after=queued");
  r.work();
  EXPECT_EQ(r.run_state(), "completed/warning");
}

TEST(FanOut, MaxParallelOpensOneForEachThatEnds) {
  TestRun r(R"(
inputs: {list: {}}
tasks:
  each: {for_each: "${{ inputs.list }}", max_parallel: 2, action: noop, retry: {max_attempts: 2}}
)",
            numbers(4));
  r.start();
  EXPECT_EQ(r.states(),
            "each=running each[0]=queued each[1]=queued each[2]=pending each[3]=pending");
  r.claim();
  r.complete("each[0]");
  EXPECT_EQ(r.states(),
            "each=running each[0]=completed each[1]=running each[2]=queued each[3]=pending");
  r.fail("each[1]");  // waits for its next attempt: still one of the two
  EXPECT_EQ(r.states(),
            "each=running each[0]=completed each[1]=retrying each[2]=queued each[3]=pending");
  r.crash();
  r.claim();
  r.complete("each[2]");
  EXPECT_EQ(r.state("each[3]"), TaskState::queued);
  r.advance(std::chrono::seconds(60));
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(FanOut, RefusesWhatIsNoArrayOrTooLong) {
  TestRun text(kEach, Json::object().set("list", "abc"));
  text.start();
  EXPECT_EQ(text.reasons(), "each=failed(expression) after=skipped(upstream_failed)");
  EXPECT_EQ(text.run.error, "each: for_each: expected an array, found string");

  TestRun broken(R"(
tasks:
  a: {action: noop}
  each: {needs: [a], for_each: "${{ tasks.a.outputs.files }}", action: noop}
)");
  broken.start();
  broken.work();
  EXPECT_EQ(broken.reasons(), "a=completed each=failed(expression)");

  TestRun many(kEach, numbers(11));
  many.ctx.limits.max_fan_out = 10;
  many.start();
  EXPECT_EQ(many.run.error, "each: for_each: an array of 11 elements; the limit is 10");
}

TEST(FanOut, ElementsSeeItemAndIndexEverywhere) {
  TestRun r(R"(
inputs: {list: {}}
tasks:
  each:
    for_each: "${{ inputs.list }}"
    args: [./clean, "${{ item.file }}", "no-${{ index }}"]
    env: {FILE: "${{ item.file }}", INDEX: "${{ index }}"}
    params: {size: "${{ index * 10 }}"}
  web:
    for_each: "${{ inputs.list }}"
    action: http
    with: {url: "http://localhost/${{ item.file }}"}
)",
            Json::object().set("list", Json::array({Json::object().set("file", "a.csv"),
                                                    Json::object().set("file", "b.csv")})));
  r.start();
  r.claim();
  const Assignment& a = r.held("each[1]");
  EXPECT_EQ(a.path, "each[1]");
  EXPECT_EQ(a.args.dump(), R"(["./clean","b.csv","no-1"])");
  EXPECT_EQ(a.env.dump(), R"({"FILE":"b.csv","INDEX":"1"})");
  EXPECT_EQ(a.input["item"].dump(), R"({"file":"b.csv"})");
  EXPECT_EQ(a.input["index"].dump(), "1");
  EXPECT_EQ(a.input["params"].dump(), R"({"size":10})");
  EXPECT_EQ(r.held("web[0]").with["url"].as_string(), "http://localhost/a.csv");
}

TEST(FanOut, OutputsAreTheListOfTheElements) {
  TestRun r(R"(
inputs: {list: {}}
tasks:
  each: {for_each: "${{ inputs.list }}", action: noop}
  sum: {needs: [each], action: train, with: {all: "${{ tasks.each.outputs }}"}}
)",
            numbers(3));
  r.start();
  r.claim();
  r.complete("each[2]", Json::object().set("n", 2));
  r.complete("each[0]", Json::object().set("n", 0));
  r.complete("each[1]");
  r.claim();
  EXPECT_EQ(r.held("sum").with.dump(), R"({"all":[{"n":0},null,{"n":2}]})");
  EXPECT_EQ(r.held("sum").input["tasks"]["each"]["outputs"].dump(), R"([{"n":0},null,{"n":2}])");
}

TEST(FanOut, AnElementIsNotGivenTheWholeList) {
  TestRun r(R"(
tasks:
  list: {action: noop}
  each: {needs: [list], for_each: "${{ tasks.list.outputs.files }}", action: train}
)");
  r.start();
  r.claim();
  r.complete("list", Json::object().set("files", Json::array({"a", "b"})));
  r.claim();
  EXPECT_EQ(r.held("each[0]").input["tasks"].dump(), "{}");
  EXPECT_EQ(r.held("each[0]").input["item"].dump(), R"("a")");
}

TEST(FanOut, ARunThatOutgrowsASmallOneKeepsWhatItHad) {
  // Small runs are stored in one piece, larger ones in parts: nothing may be lost on the way.
  for (int n : {70, 127, 128, 300}) {
    TestRun r(R"(
inputs: {list: {}}
tasks:
  first: {action: noop}
  each: {needs: [first], for_each: "${{ inputs.list }}", action: noop}
)",
              numbers(n));
    r.start();
    r.claim();
    r.complete("first", Json::object().set("kept", "yes"));
    r.crash();
    EXPECT_EQ(r.extra("first").output.dump(), R"({"kept":"yes"})") << n;
    EXPECT_EQ(r.state("first"), TaskState::completed) << n;
    r.checks = false;
    r.work();
    r.check();
    EXPECT_EQ(r.run_state(), "completed");
  }
}

TEST(FanOut, AHundredThousandElements) {
  TestRun r(R"(
inputs: {list: {}}
tasks:
  each: {for_each: "${{ inputs.list }}", max_parallel: 1000, action: noop}
  after: {needs: [each], action: noop}
)",
            numbers(100'000));
  r.checks = false;
  r.start();
  while (r.claim(1000) > 0) {
    for (const auto& [worker, a] : Effects(r.effects).assignments) {
      Report report;
      report.fence = a.fence;
      report.kind = ReportKind::completed;
      EXPECT_TRUE(decide(r.run, Complete{WorkerId(1), report}, r.ctx).ok());
    }
  }
  EXPECT_EQ(r.run_state(), "completed");
  EXPECT_EQ(r.run.counts[static_cast<std::size_t>(TaskState::completed)], 100'002u);
  EXPECT_EQ(r.state("each[99999]"), TaskState::completed);
}

TEST(FanOut, OfSleepsAndGates) {
  TestRun r(R"(
inputs: {list: {}}
tasks:
  nap: {for_each: "${{ inputs.list }}", action: sleep, with: {for: "${{ item + 1 }}s"}}
  ask: {for_each: "${{ inputs.list }}", action: gate, with: {question: "Take ${{ item }}?"}}
)",
            numbers(2));
  r.start();
  EXPECT_EQ(r.states(),
            "nap=running nap[0]=waiting nap[1]=waiting ask=running ask[0]=waiting ask[1]=waiting");
  EXPECT_EQ(r.extra("ask[1]").question, "Take 1?");
  r.advance(std::chrono::milliseconds(1500));
  EXPECT_EQ(
      r.states(),
      "nap=running nap[0]=completed nap[1]=waiting ask=running ask[0]=waiting ask[1]=waiting");
  EXPECT_TRUE(r.approve("ask[0]").ok());
  EXPECT_TRUE(r.reject("ask[1]").ok());
  EXPECT_EQ(r.state("ask"), TaskState::failed);
  r.advance(std::chrono::seconds(1));
  EXPECT_EQ(r.run_state(), "failed");
  EXPECT_TRUE(r.run.rejected);
}

}  // namespace
}  // namespace pawl::core
