#include "core/run_codec.h"

#include <gtest/gtest.h>

#include "base/codec.h"
#include "base/text.h"
#include "core/flow_testing.h"

namespace pawl::core {
namespace {

// The parts of a run's image, each by reference, to be spoilt.
std::vector<std::string*> parts_of(TestStore& store) {
  std::vector<std::string*> parts{&store.fixed, &store.state};
  for (auto& [n, bytes] : store.segments)
    parts.push_back(&bytes);
  for (auto& [t, bytes] : store.cells)
    parts.push_back(&bytes);
  return parts;
}

// Puts a right checksum behind a spoilt part: what then is refused, is refused by the decoder.
void seal_again(std::string& part) {
  if (part.size() < 4) return;
  part.resize(part.size() - 4);
  Writer(part).u32(crc32c(part));
}

Json numbers(int n) {
  Json list = Json::array();
  for (int i = 0; i < n; ++i)
    list.push(i);
  return Json::object().set("list", list);
}

// A run with something in every field, of each size class: all in one, rows apart, cells apart.
TestRun full(int elements) {
  TestRun r(R"(
inputs: {list: {}}
concurrency: {key: one}
tasks:
  a: {action: noop, retry: {max_attempts: 3}, timeout: {queue: 1h}}
  b: {action: train, params: {n: 8}, recover: [{on: oom, set: {n: 4}, resume: scratch, run: clean}]}
  ask: {action: gate, with: {question: q, preview: [1, 2.5], timeout: 1h}}
  sub: {action: workflow, with: {workflow: o}}
  each: {for_each: "${{ inputs.list }}", max_parallel: 3, action: noop}
  bad: {action: noop, allow_failure: true}
)",
            numbers(elements));
  r.start();
  r.claim();
  r.fail("a", {.failure_class = FailureClass::network, .message = "no route", .exit_code = -9});
  r.fail("b", {.failure_class = FailureClass::oom});
  r.fail("bad", {.no_retry = true});
  r.complete("each[0]", Json::object().set("big", std::string(500, 'x')).set("n", 1e300));
  r.claim();
  Report p = r.report_of("each[1]", ReportKind::progress);
  p.metrics = {{"loss", 0.5}};
  p.has_checkpoint = p.best_checkpoint = true;
  p.checkpoint = std::string("\0\xff", 2);
  p.warnings = {"w"};
  EXPECT_TRUE(r.report(p).ok());
  r.lose("each[1]");
  EXPECT_TRUE(r.pause("ann").ok());
  return r;
}

TEST(RunCodec, EverythingComesBack) {
  for (int elements : {3, 80, 300}) {
    TestRun r = full(elements);
    r.crash();
    auto again = dump_run(r.run);
    r.run.dirty = true;
    TestStore other;
    for (TaskId t = 0; t < r.run.task_count(); ++t) {
      r.run.dirty_segments.push_back(t / kRowsPerSegment);
      r.run.dirty_cells.push_back(t);
    }
    other.commit(r.run);
    auto loaded = other.load(r.run);
    ASSERT_TRUE(loaded.ok());
    EXPECT_EQ(dump_run(*loaded), again);
    EXPECT_TRUE(r.resume().ok());
    r.work();
  }
}

TEST(RunCodec, ASmallRunIsOnePartALargeOneIsMany) {
  TestRun small = full(3), middle = full(80), large = full(300);
  EXPECT_TRUE(small.store.segments.empty());
  EXPECT_EQ(small.store.cells.size(), 1u);  // the output that is too large
  EXPECT_TRUE(middle.store.segments.empty());
  EXPECT_GT(middle.store.cells.size(), 5u);
  EXPECT_EQ(large.store.segments.size(), 3u);
}

TEST(RunCodec, UntouchedTasksCostAByte) {
  std::string text = "tasks: {first: {action: noop}";
  for (int i = 0; i < 100; ++i)
    text += str(", t", i, ": {needs: [first], action: noop}");
  TestRun r(text + "}");
  EXPECT_LT(r.store.state.size(), 101u + 60u);
}

TEST(RunCodec, SpoiltBytesAreRefused) {
  Random random(7);
  int flips = 0;
  for (int elements : {3, 80, 300}) {
    TestRun r = full(elements);
    for (std::string* part : parts_of(r.store)) {
      const std::string good = *part;
      for (std::size_t n = 0; n < good.size(); n += 1 + good.size() / 50) {
        *part = good.substr(0, n);
        auto cut = r.store.load(r.run);
        ASSERT_FALSE(cut.ok()) << n;
        EXPECT_EQ(cut.error().code, Errc::corrupt);
      }
      for (int i = 0; i < 40; ++i, ++flips) {
        *part = good;
        (*part)[random.below(good.size())] ^= static_cast<char>(1 + random.below(255));
        EXPECT_FALSE(r.store.load(r.run).ok());
      }
      *part = good;
    }
    EXPECT_TRUE(r.store.load(r.run).ok());
  }
  EXPECT_GT(flips, 200);
}

TEST(RunCodec, NoBytesMakeItCrash) {
  // With a right checksum behind them, spoilt bytes reach the decoder itself: it may find a run in
  // them, which then can be written again, or refuse them.
  Random random(8);
  int refused = 0, taken = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    RandomStory story(seed);
    for (int i = 0; i < 30; ++i)
      story.step();
    TestRun grown = full(seed % 2 ? 300 : 3);
    for (TestRun* r : {&story.run(), &grown}) {
      for (std::string* part : parts_of(r->store)) {
        const std::string good = *part;
        for (int i = 0; i < 60; ++i) {
          *part = good;
          for (auto n = random.below(3) + 1; n > 0; --n) {
            // Beyond the format byte, so that the decoder goes on.
            (*part)[1 + random.below(good.size() - 5)] = static_cast<char>(random.below(256));
          }
          if (random.below(4) == 0) part->resize(5 + random.below(good.size() - 5));
          seal_again(*part);
          auto loaded = r->store.load(r->run);
          ++(loaded.ok() ? taken : refused);
          if (loaded.ok()) {
            std::string out;
            encode_state(*loaded, out);
            EXPECT_FALSE(dump_run(*loaded).empty());
          }
        }
        *part = good;
      }
    }
  }
  EXPECT_GT(refused, taken / 4);
}

TEST(RunCodec, OtherFormatsAreRefused) {
  TestRun r = full(300);
  for (std::string* part : {&r.store.fixed, &r.store.state}) {
    const std::string good = *part;
    (*part)[0] = 2;
    auto newer = r.store.load(r.run);
    ASSERT_FALSE(newer.ok());
    EXPECT_EQ(newer.error().code, Errc::newer_version);
    EXPECT_NE(newer.error().message.find("newer Pawl"), std::string::npos);
    (*part)[0] = 0;
    EXPECT_EQ(r.store.load(r.run).error().code, Errc::corrupt);
    *part = good;
  }
  for (std::string* part : {&r.store.segments.begin()->second, &r.store.cells.begin()->second}) {
    const std::string good = *part;
    (*part)[0] = 2;
    EXPECT_EQ(r.store.load(r.run).error().code, Errc::corrupt);
    *part = good;
  }
}

TEST(RunCodec, TheEventTailIsReadWithoutThePlan) {
  TestRun r("tasks: {a: {action: noop}}");
  r.start();
  auto tail = decode_tail(r.store.state);
  ASSERT_TRUE(tail.ok());
  EXPECT_EQ(tail->first, r.run.tail_first);
  auto events = decode_events(tail->bytes, tail->first, r.run.created);
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(events->size(), r.history.size());
  EXPECT_FALSE(decode_tail("").ok());
  EXPECT_FALSE(decode_tail(r.store.state.substr(0, 20)).ok());
  auto cut = std::string_view(tail->bytes).substr(0, tail->bytes.size() - 1);
  EXPECT_FALSE(decode_events(cut, 1, r.run.created).ok());
  EXPECT_FALSE(decode_events("\x63", 1, r.run.created).ok());
}

TEST(RunCodec, TimesBeforeTheRunBegan) {
  // What a recovered run took over ended before it was created.
  TestRun old("tasks: {a: {action: noop}, b: {needs: [a], action: noop}}");
  old.start();
  old.work();
  old.clock.advance(std::chrono::hours(1));
  old.ctx.now = old.clock.now();
  auto made = recover_as_new(old.run, {"b", {}, ""}, RunId(9), {}, old.ctx);
  ASSERT_TRUE(made.ok());
  TestRun r(old, std::move(*made));
  r.crash();
  EXPECT_LT(r.row("a").finished, r.run.created);
}

}  // namespace
}  // namespace pawl::core
