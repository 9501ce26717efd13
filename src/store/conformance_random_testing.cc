// Seeded random sequences of everything the seam offers, each answer compared with the in-memory
// store's. Valid and refused batches are mixed; a case counts what it did, so that it cannot pass
// idly.

#include <gtest/gtest.h>

#include <map>

#include "base/text.h"
#include "store/conformance_testing.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::store {

namespace {

class Sequence {
 public:
  Sequence(const Backend& backend, std::uint64_t seed)
      : store_(backend), model_(open_memory()), random_(seed) {
    Batch batch;
    for (int id = 1; id <= 6; ++id) {
      batch.workflows.push_back(test_workflow(id, id % 2 ? "odd" : "even", 1 + id / 2));
    }
    must_commit(*store_, batch);
    must_commit(*model_, batch);
  }

  void step() {
    switch (random_.below(12)) {
      case 0:
        store_.reopen();
        break;
      case 1:
        purge();
        break;
      case 2:
        ASSERT_TRUE(store_->idle().ok());
        break;
      default:
        commit();
        break;
    }
    for (int i = 0; i < 3; ++i)
      look();
  }
  void finish() { expect_sound(*store_); }

  int commits = 0, conflicts = 0, purged = 0, listed = 0, lines = 0;

 private:
  std::int64_t some_id() { return 1 + static_cast<std::int64_t>(random_.below(40)) * 97; }
  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }
  Time some_time() { return kTestStart + std::chrono::minutes(random_.below(600)); }
  std::string some_bytes() { return random_bytes(random_, chance(3) ? 9000 : random_.below(200)); }

  void commit() {
    Batch batch;
    auto versions = versions_;
    for (auto n = random_.below(12); n > 0; --n)
      batch.runs.push_back(write_of(versions));
    if (chance(2)) batch.workflows.push_back(test_workflow(3, "there already"));
    if (chance(15) && some_run() != 0) {
      batch.keys.push_back({str("key ", random_.below(20)), RunId(some_run()), "f", some_time()});
    }
    if (chance(20)) batch.meta.emplace_back(str("name ", random_.below(3)), some_bytes());
    for (auto n = random_.below(3); n > 0 && some_run() != 0; --n) {
      auto task = static_cast<TaskId>(random_.below(2));
      auto attempt = static_cast<Attempt>(1 + random_.below(2));
      batch.logs.push_back(
          log_chunk(some_run(), task, attempt, random_.below(30), random_.below(20)));
    }
    auto wanted = model_->commit(batch);
    auto done = store_->commit(batch);
    ASSERT_EQ(wanted.ok(), done.ok()) << (wanted.ok() ? done : wanted).error().message;
    if (!done.ok()) {
      EXPECT_EQ(done.error().code, Errc::conflict) << done.error().message;
      ++conflicts;
      return;
    }
    versions_ = std::move(versions);
    for (const auto& chunk : batch.logs)
      lines += static_cast<int>(chunk.lines.size());
    ++commits;
  }

  // Mostly what fits; sometimes a wrong version.
  RunWrite write_of(std::map<std::int64_t, std::uint64_t>& versions) {
    auto id = some_id();
    auto write = new_run(id);
    auto& h = write.header;
    auto known = versions.find(id);
    write.insert = known == versions.end();
    h.version = write.insert ? 1 : known->second + 1;
    if (chance(2)) {
      h.version += 1 + random_.below(2);
      write.insert = !write.insert && chance(50);
    }
    versions[id] = h.version;
    h.workflow = WorkflowId(static_cast<std::int64_t>(1 + random_.below(6)));
    h.state = static_cast<core::RunState>(random_.below(core::kRunStateCount));
    h.open = !core::is_final(h.state);
    h.verdict = static_cast<core::Verdict>(random_.below(4));
    h.constrained = chance(20);
    h.created = kTestStart + std::chrono::minutes(id / 10);
    h.started = h.created;
    h.finished = h.open ? kNoTime : h.created + std::chrono::minutes(random_.below(300));
    h.wake = chance(30) ? some_time() : kNever;
    if (chance(10)) h.parent = RunId(some_id());
    if (chance(20)) h.job = str("job ", id % 5);
    if (chance(20)) h.labels = str(R"({"k":"v)", id % 3, R"("})");
    write.fixed = some_bytes();
    write.state = some_bytes();
    if (chance(20))
      write.segments.push_back({static_cast<std::uint32_t>(random_.below(4)), some_bytes()});
    if (chance(20)) write.cells.push_back({static_cast<TaskId>(random_.below(9)), some_bytes()});
    if (chance(20)) {
      auto first = h.version * 10;
      write.events.push_back({first, first + random_.below(10), some_bytes()});
    }
    if (chance(10)) write.payloads.push_back({str("hash ", random_.below(3)), some_bytes()});
    return write;
  }

  std::int64_t some_run() {
    if (versions_.empty()) return 0;
    auto it = versions_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(random_.below(versions_.size())));
    return it->first;
  }

  void purge() {
    Retention retention{.keep = std::chrono::minutes(random_.below(200)),
                        .keep_runs = static_cast<std::uint32_t>(random_.below(4)),
                        .max_runs_per_step = static_cast<std::uint32_t>(1 + random_.below(5))};
    auto now = some_time();
    for (std::uint32_t removed = retention.max_runs_per_step;
         removed == retention.max_runs_per_step;) {
      auto wanted = model_->purge(now, retention);
      auto done = store_->purge(now, retention);
      ASSERT_TRUE(done.ok()) << done.error().message;
      ASSERT_EQ(*wanted, *done);
      removed = *done;
      purged += static_cast<int>(removed);
    }
    for (auto it = versions_.begin(); it != versions_.end();) {
      bool there = model_->find_run(RunId(it->first))->has_value();
      it = there ? std::next(it) : versions_.erase(it);
    }
  }

  void look() {
    RunId run(chance(80) ? some_run() : some_id());
    switch (random_.below(6)) {
      case 0:
        compare_run(run);
        break;
      case 1:
        compare_list();
        break;
      case 2: {
        RunId after(static_cast<std::int64_t>(random_.below(4000)));
        auto limit = static_cast<std::uint32_t>(1 + random_.below(30));
        auto constrained = chance(40);
        EXPECT_EQ(ids(*model_->scan_open(after, limit, constrained)),
                  ids(*store_->scan_open(after, limit, constrained)));
        break;
      }
      case 3: {
        LogQuery query{.run = run};
        if (chance(50)) {
          query.task = static_cast<TaskId>(random_.below(2));
          query.attempt = static_cast<Attempt>(1 + random_.below(2));
          query.from_line = random_.below(40);
        }
        query.limit = static_cast<std::uint32_t>(1 + random_.below(60));
        EXPECT_EQ(flat(*model_->read_logs(query)), flat(*store_->read_logs(query)));
        break;
      }
      case 4: {
        auto key = str("key ", random_.below(20));
        EXPECT_EQ(model_->find_key(key)->has_value(), store_->find_key(key)->has_value());
        auto name = str("name ", random_.below(3));
        EXPECT_EQ(*model_->meta(name), *store_->meta(name));
        auto hash = str("hash ", random_.below(3));
        EXPECT_EQ(*model_->read_payload(run, hash), *store_->read_payload(run, hash));
        break;
      }
      default:
        EXPECT_EQ(*model_->last_run_id(), *store_->last_run_id());
        break;
    }
  }

  void compare_run(RunId run) {
    auto wanted = *model_->load_run(run);
    auto found = *store_->load_run(run);
    ASSERT_EQ(wanted.has_value(), found.has_value());
    if (!wanted) return;
    expect_same(wanted->header, found->header);
    EXPECT_TRUE(wanted->fixed == found->fixed && wanted->state == found->state);
    ASSERT_EQ(wanted->segments.size(), found->segments.size());
    for (std::size_t i = 0; i < wanted->segments.size(); ++i) {
      EXPECT_EQ(wanted->segments[i].number, found->segments[i].number);
      EXPECT_TRUE(wanted->segments[i].bytes == found->segments[i].bytes);
    }
    ASSERT_EQ(wanted->cells.size(), found->cells.size());
    for (std::size_t i = 0; i < wanted->cells.size(); ++i) {
      EXPECT_EQ(wanted->cells[i].task, found->cells[i].task);
      EXPECT_TRUE(wanted->cells[i].bytes == found->cells[i].bytes);
    }
    auto after = random_.below(60);
    auto events = *model_->read_events(run, after);
    auto found_events = *store_->read_events(run, after);
    ASSERT_EQ(events.size(), found_events.size());
    for (std::size_t i = 0; i < events.size(); ++i) {
      EXPECT_EQ(events[i].first_seq, found_events[i].first_seq);
      EXPECT_EQ(events[i].last_seq, found_events[i].last_seq);
      EXPECT_TRUE(events[i].bytes == found_events[i].bytes);
    }
  }

  void compare_list() {
    RunFilter filter;
    if (chance(50)) filter.states = static_cast<std::uint32_t>(random_.below(128));
    if (chance(20)) filter.verdicts = static_cast<std::uint32_t>(random_.below(16));
    if (chance(20)) filter.workflow = chance(50) ? "odd" : "even";
    if (chance(20)) filter.job = str("job ", random_.below(5));
    if (chance(20)) filter.labels = {{"k", str("v", random_.below(3))}};
    if (chance(20)) filter.since = some_time();
    if (chance(30)) filter.before = RunId(some_id());
    filter.limit = static_cast<std::uint32_t>(1 + random_.below(20));
    auto wanted = *model_->list_runs(filter);
    auto found = *store_->list_runs(filter);
    EXPECT_EQ(ids(wanted), ids(found));
    ASSERT_EQ(wanted.size(), found.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      expect_same(wanted[i].header, found[i].header);
      EXPECT_EQ(wanted[i].workflow_name, found[i].workflow_name);
      EXPECT_EQ(wanted[i].workflow_version, found[i].workflow_version);
    }
    listed += static_cast<int>(found.size());
  }

  StoreUnderTest store_;
  std::unique_ptr<Store> model_;
  Random random_;
  std::map<std::int64_t, std::uint64_t> versions_;  // as the store should have them
};

void random_sequences(const Backend& backend) {
  int conflicts = 0, purged = 0, listed = 0, lines = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(str("seed ", seed));
    Sequence sequence(backend, seed);
    for (int i = 0; i < 150 && !testing::Test::HasFailure(); ++i)
      sequence.step();
    sequence.finish();
    EXPECT_GT(sequence.commits, 50);
    conflicts += sequence.conflicts;
    purged += sequence.purged;
    listed += sequence.listed;
    lines += sequence.lines;
  }
  EXPECT_GT(conflicts, 20);
  EXPECT_GT(purged, 50);
  EXPECT_GT(listed, 300);
  EXPECT_GT(lines, 500);
}

}  // namespace

std::vector<ConformanceCase> random_cases() { return {{"random_sequences", random_sequences}}; }

}  // namespace pawl::store
