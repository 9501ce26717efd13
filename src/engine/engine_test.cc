// The engine with its threads, over SQLite: many callers at once, watchers, stops at any moment.
#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "base/fs_testing.h"
#include "base/random.h"
#include "base/text.h"
#include "engine/faulty_store_testing.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::engine {
namespace {

// Completes whatever it is given, on a thread of its own.
class NoopWorker final : public core::WorkerLink, public std::enable_shared_from_this<NoopWorker> {
 public:
  void start(Engine& engine, std::uint32_t slots) {
    engine_ = &engine;
    id_ = engine.join({.name = "noop"}, shared_from_this(), {});
    engine.offer(id_, slots);
    thread_ = std::thread([this] { work(); });
  }
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
    engine_->leave(id_);
  }
  void assign(std::vector<core::Assignment> batch) override {
    std::lock_guard lock(mutex_);
    for (auto& a : batch) {
      if (!seen.insert({a.fence.run.value, a.fence.task, a.fence.attempt}).second) ++twice;
      inbox_.push_back(a.fence);
    }
    wake_.notify_one();
  }
  void cancel(const core::Fence&) override {}
  void refused(const core::Fence&) override {}
  std::set<std::tuple<std::int64_t, TaskId, Attempt>> seen;
  std::atomic<int> twice = 0;

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return stopping_ || !inbox_.empty(); });
      auto batch = std::move(inbox_);
      inbox_.clear();
      bool stopping = stopping_;
      if (batch.empty() && stopping) return;
      lock.unlock();
      std::vector<core::Report> reports;
      for (const auto& f : batch) {
        core::Report r;
        r.fence = f;
        r.kind = stopping ? core::ReportKind::released : core::ReportKind::completed;
        reports.push_back(std::move(r));
      }
      auto n = static_cast<std::uint32_t>(reports.size());
      engine_->report(id_, std::move(reports), stopping ? 0 : n);
      lock.lock();
    }
  }
  Engine* engine_ = nullptr;
  WorkerId id_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<core::Fence> inbox_;
  bool stopping_ = false;
  std::thread thread_;
};

struct Count final : Subscriber {
  std::mutex mutex;
  std::map<RunId, std::uint64_t> last;
  int gaps = 0;
  void on_events(RunId run, const std::vector<core::Event>& events) override {
    std::lock_guard lock(mutex);
    for (const auto& e : events) {
      auto& seq = last[run];
      if (seq != 0 && e.seq != seq + 1) ++gaps;
      seq = e.seq;
    }
  }
  void on_log(const core::LogBatch&) override {}
  void on_progress(RunId, TaskId, const core::Progress&) override {}
};

std::unique_ptr<store::Store> open_store(const TempDir& dir) {
  store::SqliteOptions s;
  s.directory = dir.path();
  auto opened = store::open_sqlite(s);
  PAWL_ASSERT(opened.ok());
  return std::move(*opened);
}

std::unique_ptr<Engine> open_engine(store::Store& store) {
  Options o;
  o.store = &store;
  o.seed = 1;
  o.cache_bytes = 256 << 10;
  auto engine = Engine::open(std::move(o));
  PAWL_ASSERT(engine.ok());
  return std::move(*engine);
}

constexpr const char* kWork = R"(pawl: 1
name: work
tasks:
  a: {action: noop, for_each: "${{ range(3) }}"}
  gate: {action: gate, needs: [a], with: {question: ok?}}
  b: {action: noop, needs: [gate]}
)";

TEST(EngineThreads, ManyCallersAtOnce) {
  TempDir dir;
  auto store = open_store(dir);
  auto engine = open_engine(*store);
  auto id = engine->register_workflow({kWork, "", {}});
  ASSERT_TRUE(id.ok());
  auto count = std::make_shared<Count>();
  auto number = engine->subscribe({}, count);
  std::vector<std::shared_ptr<NoopWorker>> workers;
  for (int i = 0; i < 2; ++i) {
    workers.push_back(std::make_shared<NoopWorker>());
    workers.back()->start(*engine, 8);
  }
  std::atomic<int> ended = 0;
  auto caller = [&](int n) {
    Random random(static_cast<std::uint64_t>(n));
    for (int i = 0; i < 25; ++i) {
      auto run = engine->submit({.workflow = *id, .idempotency_key = str(n, "/", i)});
      ASSERT_TRUE(run.ok());
      if (random.below(3) == 0 && engine->pause(*run, "me").ok()) (void)engine->resume(*run, "me");
      bool open = false;
      for (int look = 0; !open && look < 100'000; ++look) {
        ASSERT_TRUE(engine
                        ->inspect(*run,
                                  [&](const core::Run& r) {
                                    open =
                                        r.rows[*r.find("gate")].state == core::TaskState::waiting;
                                  })
                        .ok());
      }
      if (random.below(4) == 0) {
        (void)engine->cancel(*run, "me");
      } else {
        EXPECT_TRUE(engine->approve(*run, {"", {}, "me", ""}).ok());
      }
      (void)engine->situation(*run);
      (void)engine->statistics();
      auto end = engine->wait_for_end(*run, Mono::max());
      ASSERT_TRUE(end.ok() && *end);
      ++ended;
    }
  };
  std::vector<std::thread> callers;
  for (int n = 0; n < 4; ++n)
    callers.emplace_back(caller, n);
  for (auto& t : callers)
    t.join();
  for (auto& w : workers)
    w->stop();
  engine->unsubscribe(number);
  engine->stop();
  EXPECT_EQ(ended, 100);
  std::lock_guard lock(count->mutex);
  EXPECT_EQ(count->last.size(), 100u);
  EXPECT_EQ(count->gaps, 0);
  for (auto& w : workers)
    EXPECT_EQ(w->twice, 0);
}

TEST(EngineThreads, StopAtAnyMomentAndGoOn) {
  TempDir dir;
  constexpr const char* kChain =
      "pawl: 1\nname: chain\ntasks:\n  a: {action: noop}\n  b: {action: noop, needs: [a]}\n";
  std::set<std::int64_t> acknowledged;
  for (std::uint64_t round = 0; round < 12; ++round) {
    auto store = open_store(dir);
    auto engine = open_engine(*store);
    auto id = engine->register_workflow({kChain, "", {}});
    ASSERT_TRUE(id.ok());
    auto worker = std::make_shared<NoopWorker>();
    worker->start(*engine, 4);
    std::mutex mutex;
    std::atomic<int> submitted = 0;
    std::thread caller([&] {
      for (;;) {  // until it is refused
        auto run = engine->submit({.workflow = *id});
        if (!run.ok()) break;
        std::lock_guard lock(mutex);
        acknowledged.insert(run->value);
        ++submitted;
      }
    });
    std::thread waiter([&] { (void)engine->wait_for_end(RunId(1), Mono::max()); });
    while (submitted < static_cast<int>(5 + round * 7))
      std::this_thread::yield();
    worker->stop();
    engine->stop();
    caller.join();
    waiter.join();
    EXPECT_EQ(worker->twice, 0);
  }
  auto store = open_store(dir);
  auto engine = open_engine(*store);
  auto worker = std::make_shared<NoopWorker>();
  worker->start(*engine, 8);
  for (auto run : acknowledged) {
    auto end = engine->wait_for_end(RunId(run), Mono::max());
    ASSERT_TRUE(end.ok() && *end);
  }
  worker->stop();
  engine->stop();
  auto found = store->check();
  ASSERT_TRUE(found.ok());
  EXPECT_THAT(*found, testing::IsEmpty());
}

TEST(EngineThreads, DecidesWhileACommitIsHeldAndStopsWhileStalled) {
  TempDir dir;
  auto sqlite = open_store(dir);
  FaultyStore store(*sqlite);
  auto engine = open_engine(store);
  auto id = engine->register_workflow({"pawl: 1\nname: w\ntasks: {a: {action: noop}}\n", "", {}});
  ASSERT_TRUE(id.ok());
  store.hold();
  std::atomic<int> answered = 0;
  for (int i = 0; i < 200; ++i) {
    engine->submit_async({.workflow = *id}, [&](Result<RunId> r) { answered += r.ok(); });
  }
  store.wait_held();
  EXPECT_EQ(answered, 0);
  store.release();
  auto last = engine->submit({.workflow = *id});
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(answered, 200);
  store.fail_commit(1, Errc::disk_full, FaultyStore::When::before, 1'000'000);
  auto refused = engine->submit({.workflow = *id});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Errc::disk_full);
  EXPECT_FALSE(engine->statistics().trouble.ok());
  engine->stop();
  EXPECT_EQ(engine->submit({.workflow = *id}).error().code, Errc::unavailable);
}

}  // namespace
}  // namespace pawl::engine
