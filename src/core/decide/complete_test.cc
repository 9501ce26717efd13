#include <gtest/gtest.h>

#include "base/text.h"
#include "core/run_testing.h"

namespace pawl::core {
namespace {

constexpr const char* kTwo =
    "tasks: {a: {action: noop, retry: {max_attempts: 3}}, b: {needs: [a], action: noop}}";

TEST(Complete, StoresOutputsAndMovesOn) {
  TestRun r(kTwo);
  r.start();
  r.claim();
  r.complete("a", Json::object().set("rows", 12));
  EXPECT_EQ(r.extra("a").output.dump(), R"({"rows":12})");
  EXPECT_EQ(r.states(), "a=completed b=queued");
}

TEST(Complete, RefusesWhatIsNotTheLiveAttempt) {
  TestRun r(kTwo);
  r.start();
  r.claim();
  Report good = r.report_of("a", ReportKind::completed);
  auto refused = [&](Report report, WorkerId worker = WorkerId(1)) {
    auto s = r.report(report, worker);
    return !s.ok() && s.error().code == Errc::stale_attempt && r.effects.refused.size() == 1 &&
           r.effects.refused[0].fence == report.fence;
  };
  Report bad = good;
  bad.fence.task = 1;
  EXPECT_TRUE(refused(bad));
  bad.fence.task = 99;
  EXPECT_TRUE(refused(bad));
  bad.fence.task = kNoTask;
  EXPECT_TRUE(refused(bad));
  bad = good;
  ++bad.fence.attempt;
  EXPECT_TRUE(refused(bad));
  bad = good;
  ++bad.fence.lease;
  EXPECT_TRUE(refused(bad));
  bad.fence.lease = 0;
  EXPECT_TRUE(refused(bad));
  EXPECT_TRUE(refused(good, WorkerId(2)));
  EXPECT_EQ(r.states(), "a=running b=pending");
  EXPECT_TRUE(r.report(good).ok());
  EXPECT_TRUE(refused(good)) << "a report arrives twice";
}

TEST(Complete, EveryKindOfLateReportChangesNothing) {
  for (auto kind : {ReportKind::started, ReportKind::progress, ReportKind::completed,
                    ReportKind::failed, ReportKind::released, ReportKind::cancelled}) {
    TestRun r(kTwo);
    r.start();
    r.claim();
    Report late = r.report_of("a", kind);
    late.has_checkpoint = late.has_progress = true;
    late.checkpoint = "old";
    late.warnings = {"old"};
    r.lose("a");
    EXPECT_EQ(r.report(late).error().code, Errc::stale_attempt);
    r.claim();
    EXPECT_EQ(r.report(late).error().code, Errc::stale_attempt);
    EXPECT_EQ(r.extra("a").checkpoint, "");
    r.complete("a");
    EXPECT_EQ(r.states(), "a=completed b=queued");
  }
}

TEST(Complete, OutputMustBeAnObjectOfBoundedSize) {
  TestRun r(kTwo);
  r.start();
  r.claim();
  r.complete("a", Json::array({1}));
  EXPECT_EQ(r.reasons(), "a=failed(error) b=skipped(upstream_failed)");
  EXPECT_EQ(r.run.error, "a: its output must be one JSON object, found array");

  TestRun big(kTwo);
  big.ctx.limits.max_output_bytes = 100;
  big.start();
  big.claim();
  big.complete("a", Json::object().set("text", std::string(200, 'x')));
  EXPECT_EQ(big.reasons(), "a=failed(error) b=skipped(upstream_failed)");
  EXPECT_NE(big.run.error.find("the limit is 100"), std::string::npos) << big.run.error;
}

TEST(Complete, SignsOfLifeAreKept) {
  TestRun r("tasks: {a: {action: noop, retry: {max_attempts: 3}}}");
  r.start();
  r.claim();
  Report p = r.report_of("a", ReportKind::progress);
  p.has_progress = true;
  p.progress = {3, 10, "epoch"};
  p.metrics = {{"loss", 0.5}};
  p.warnings = {"slow disk"};
  p.has_checkpoint = true;
  p.checkpoint = std::string("\0bytes", 6);
  EXPECT_TRUE(r.report(p).ok());
  EXPECT_TRUE(r.report(r.report_of("a", ReportKind::started)).ok());
  p.metrics = {{"loss", 0.25}, {"auc", 0.9}};
  p.warnings = {};
  EXPECT_TRUE(r.report(p).ok());
  EXPECT_EQ(r.state("a"), TaskState::running);
  EXPECT_EQ(r.extra("a").progress.current, 3);
  EXPECT_EQ(r.extra("a").metrics,
            (std::vector<std::pair<std::string, double>>{{"loss", 0.25}, {"auc", 0.9}}));
  EXPECT_EQ(r.extra("a").warnings, 1);
  r.lose("a");
  r.claim();
  EXPECT_EQ(r.held("a").checkpoint, std::string("\0bytes", 6));
  r.complete("a");
  EXPECT_EQ(r.run_state(), "completed/warning");
}

TEST(Complete, MetricsOfALargeRunAreStored) {
  Json list = Json::array();
  for (int i = 0; i < 200; ++i)
    list.push(i);
  TestRun r("inputs: {l: {}}\ntasks: {a: {for_each: '${{ inputs.l }}', action: noop}}",
            Json::object().set("l", list));
  r.start();
  r.claim();
  Report p = r.report_of("a[150]", ReportKind::progress);
  p.metrics = {{"loss", 0.5}};
  EXPECT_TRUE(r.report(p).ok());
  r.crash();
  EXPECT_EQ(r.extra("a[150]").metrics.size(), 1u);
}

TEST(Complete, ReleasedGoesBackToTheQueueUnharmed) {
  TestRun r("tasks: {a: {action: noop}}");
  r.start();
  r.claim();
  r.release("a");
  EXPECT_EQ(r.reasons(), "a=queued(released)");
  EXPECT_EQ(r.row("a").failures, 0);
  EXPECT_EQ(r.row("a").losses, 0);
  r.claim();
  EXPECT_EQ(r.row("a").attempt, 2u);
  // Stopped by its worker, though nobody asked: as good as given back.
  r.stopped("a");
  EXPECT_EQ(r.reasons(), "a=queued(released)");
  r.work();
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(Complete, AFailureWithoutAClassIsTheTasksOwn) {
  TestRun r("tasks: {a: {action: noop}}");
  r.start();
  r.claim();
  r.fail("a", {.failure_class = FailureClass::none});
  EXPECT_EQ(r.extra("a").failure, FailureClass::user);
}

}  // namespace
}  // namespace pawl::core
