// One scenario with every kind of task, carried to its end through a crash at each of its moments,
// a failed commit at each of its commits and failed reads at each of its reads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/text.h"
#include "engine/play_testing.h"

namespace pawl::engine {
namespace {

using testing::IsEmpty;

constexpr const char* kChild =
    "pawl: 1\nname: child\ntasks:\n  x: {action: noop}\n  y: {action: noop, needs: [x]}\n"
    "outputs: {n: 7}\n";

constexpr const char* kAll = R"(pawl: 1
name: all
inputs: {day: {type: string}}
concurrency: {key: "${{ inputs.day }}", limit: 1}
tasks:
  a: {action: noop}
  flaky: {action: noop, needs: [a], retry: {max_attempts: 50, backoff: 1s..2s}}
  fan:
    {action: noop, needs: [a], for_each: "${{ tasks.a.outputs.items }}", max_parallel: 2,
     resources: {gpu: 1}}
  nap: {action: sleep, needs: [a], with: {for: 5s}}
  ask: {action: gate, needs: [nap], with: {question: ok?, timeout: 10s, on_timeout: approve}}
  sub: {action: workflow, needs: [fan], with: {workflow: child}}
  big: {action: noop, needs: [flaky]}
  use: {action: noop, needs: [big, ask, sub], with: {n: "${{ length(tasks.big.outputs.text) }}"}}
finally:
  tidy: {action: noop}
outputs: {n: "${{ tasks.use.outputs.n }}", sub: "${{ tasks.sub.outputs.n }}"}
)";

class Scenario {
 public:
  explicit Scenario(BedOptions options) : bed(std::move(options)), play(bed, 1, act()) {}

  // Submits; faults and crashes are armed by the caller before.
  std::vector<std::string> run(int workers = 1) {
    for (int i = 0; i < workers; ++i)
      bed.worker(2);
    play.define(kChild);
    auto all = play.define(kAll);
    play.submit(all, Json::object().set("day", "mon"), "k1");
    play.submit(all, Json::object().set("day", "mon"), "k2");
    return play.to_the_end();
  }

  Bed bed;
  Play play;

 private:
  // flaky fails twice (whatever its attempt's number), everything else completes.
  Play::Act act() {
    return [this](ScriptedWorker& w, const core::Assignment& a) {
      RunId run = a.fence.run;
      if (a.path == "a") {
        return w.complete(run, a.path, *Json::parse(R"({"items": [1, 2, 3]})"));
      }
      if (a.path == "flaky" && failures_[run]++ < 2) return w.fail(run, a.path);
      if (a.path == "big") {
        return w.complete(run, a.path, Json::object().set("text", std::string(100'000, 'x')));
      }
      if (a.path == "use") return w.complete(run, a.path, Json::object().set("n", a.with["n"]));
      w.complete(run, a.path);
    };
  }
  std::map<RunId, int> failures_;
};

BedOptions tight() {
  BedOptions o;
  o.engine.cache_bytes = 1;  // everything that can leave memory does
  return o;
}

std::string expected() {
  static const std::string outcome = [] {
    Scenario s({});
    EXPECT_THAT(s.run(), IsEmpty());
    return outcome_of(s.bed, s.play.runs());
  }();
  return outcome;
}

class Quiet {  // failed commits are logged as warnings; here they are the point
 public:
  Quiet() { set_log({.level = LogLevel::off}); }
  ~Quiet() { set_log({}); }
};

TEST(LoopCrash, TheScenarioEndsWell) {
  EXPECT_THAT(expected(), testing::HasSubstr("completed {\"n\":100000,\"sub\":7}"));
  Scenario s(tight());
  EXPECT_THAT(s.run(2), IsEmpty());
  EXPECT_EQ(outcome_of(s.bed, s.play.runs()), expected());
  EXPECT_GT(s.bed.store().commits(), 30u);
}

TEST(LoopCrash, ACrashAtEveryMoment) {
  for (bool outlive : {false, true}) {
    for (std::uint64_t k = outlive ? 1 : 2;; k += 2) {
      SCOPED_TRACE(str("crash at moment ", k, outlive ? ", workers outlive it" : ""));
      Scenario s(k % 4 < 2 ? BedOptions{} : tight());
      s.bed.crash_at(k, outlive);
      ASSERT_THAT(s.run(1 + k % 3 / 2), IsEmpty());
      ASSERT_EQ(outcome_of(s.bed, s.play.runs()), expected());
      if (s.bed.crashes() == 0) {
        EXPECT_GT(k, 100u);
        break;
      }
    }
  }
}

struct Mode {
  Errc code;
  FaultyStore::When when;
  std::uint64_t times;
};

class FailedCommit : public testing::TestWithParam<Mode> {};

TEST_P(FailedCommit, AtEveryCommit) {
  Quiet quiet;
  for (std::uint64_t k = 1;; ++k) {
    SCOPED_TRACE(str("commit ", k));
    Scenario s(k % 2 ? BedOptions{} : tight());
    s.bed.store().fail_commit(k, GetParam().code, GetParam().when, GetParam().times);
    ASSERT_THAT(s.run(1 + k % 2), IsEmpty());
    ASSERT_EQ(outcome_of(s.bed, s.play.runs()), expected());
    if (s.bed.store().faults() == 0) {
      EXPECT_GT(k, 30u);
      break;
    }
    EXPECT_TRUE(s.bed.statistics().trouble.ok());
  }
}

INSTANTIATE_TEST_SUITE_P(LoopCrash, FailedCommit,
                         testing::Values(Mode{Errc::disk_full, FaultyStore::When::before, 1},
                                         Mode{Errc::unavailable, FaultyStore::When::before, 3},
                                         Mode{Errc::io, FaultyStore::When::before, 2},
                                         Mode{Errc::io, FaultyStore::When::after, 1}));

// No fence keeps progress from being taken again.
TEST(LoopCrash, ProgressIsRecordedOnceWhetherItsFailedCommitWasDoneOrNot) {
  Quiet quiet;
  for (auto when : {FaultyStore::When::before, FaultyStore::When::after}) {
    for (std::uint64_t times : {1u, 2u}) {
      Bed bed;
      auto& w = bed.worker(1);
      RunId run = bed.submit(bed.define("pawl: 1\nname: c\ntasks: {a: {action: noop}}\n"));
      core::Report sign;
      sign.fence = w.held()[0];
      sign.kind = core::ReportKind::progress;
      sign.warnings = {"careful"};
      sign.metrics = {{"loss", 0.5}};
      bed.store().fail_commit(1, Errc::io, when, times);
      w.report(std::move(sign));
      bed.settle();
      while (bed.loop().stalled())
        bed.wake();
      w.complete(run, "a");
      bed.settle();
      std::map<core::EventKind, int> events;
      for (const auto& e : bed.events(run))
        ++events[e.kind];
      EXPECT_EQ(events[core::EventKind::warning], 1);
      EXPECT_EQ(events[core::EventKind::metric], 1);
      EXPECT_EQ(bed.stored(run)->extra(0)->warnings, 1u);
      EXPECT_THAT(bed.audit(), IsEmpty());
    }
  }
}

// Found by simulation: the flight in which a worker joined failed. Of the runs it holds one is read
// again and written as its, then a read fails: the next life gave its number to another worker,
// which was believed to hold what it had never heard of.
TEST(LoopCrash, AWorkersNumberIsNotGivenAgainOnceSomethingIsWrittenAsIts) {
  Quiet quiet;
  Bed bed;
  auto id = bed.define("pawl: 1\nname: c\ntasks: {a: {action: noop}}\n");
  auto& w = bed.worker(2);
  RunId one = bed.submit(id), two = bed.submit(id);
  ASSERT_EQ(w.held().size(), 2u);
  bed.store().fail_commit(1, Errc::unavailable);
  bed.crash(true);
  bed.settle();
  ASSERT_TRUE(bed.loop().stalled());
  bed.store().fail_read(2);
  bed.wake();
  bed.settle();
  ASSERT_TRUE(bed.loop().stalled());
  ASSERT_EQ(bed.stored(one)->rows[0].worker, w.id);
  ASSERT_NE(bed.stored(two)->rows[0].worker, w.id);
  WorkerId first = w.id;
  bed.crash();
  bed.settle();
  EXPECT_NE(w.id, first);
  for (RunId run : {one, two}) {
    ASSERT_TRUE(w.holds(run, "a"));
    EXPECT_EQ(w.holds(run, "a")->fence.attempt, 2u);
  }
  EXPECT_THAT(bed.audit(), IsEmpty());
}

TEST(LoopCrash, FailedReadsAtEveryRead) {
  Quiet quiet;
  for (std::uint64_t times : {1u, 4u}) {
    for (std::uint64_t k = 1;; ++k) {
      SCOPED_TRACE(str(times, " reads fail from read ", k));
      Scenario s(tight());
      s.bed.store().fail_read(k, times);
      ASSERT_THAT(s.run(), IsEmpty());
      ASSERT_EQ(outcome_of(s.bed, s.play.runs()), expected());
      if (s.bed.store().faults() == 0) {
        EXPECT_GT(k, 12u);
        break;
      }
    }
  }
}

TEST(LoopCrash, AFailedCommitAndACrashRightAfter) {
  Quiet quiet;
  for (std::uint64_t k = 1;; ++k) {
    SCOPED_TRACE(str("commit ", k));
    Scenario s({});
    auto when = k % 2 ? FaultyStore::When::after : FaultyStore::When::before;
    s.bed.store().fail_commit(k, Errc::io, when);
    bool armed = false;
    s.bed.store().on_commit([&](const store::Batch&) {
      if (s.bed.store().faults() > 0 && !armed) {
        armed = true;
        s.bed.crash_at(3 + k % 5, k % 3 == 0);
      }
    });
    ASSERT_THAT(s.run(), IsEmpty());
    ASSERT_EQ(outcome_of(s.bed, s.play.runs()), expected());
    if (s.bed.store().faults() == 0) break;
  }
}

}  // namespace
}  // namespace pawl::engine
