// Cases on runs: what is written is read, versions guard, batches are whole, start-up finds the
// open.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/text.h"
#include "store/conformance_testing.h"

namespace pawl::store {

namespace {

using core::RunState;
using core::Verdict;

RunWrite full_run(std::int64_t id) {
  auto write = new_run(id);
  auto& h = write.header;
  h.verdict = Verdict::warning;
  h.constrained = true;
  h.finished = h.created + std::chrono::hours(2);
  h.wake = h.created - std::chrono::hours(1);
  h.parent = RunId(7);
  h.source = RunId(0x7fffffffffff);
  h.tasks = 0xffffffff;
  h.tasks_done = 17;
  h.tasks_failed = 4;
  h.name = "n\xc3\xa4me \xf0\x9f\x90\xbe";
  h.job = "job/\xe2\x82\xac";
  h.labels = R"({"team":"\u00e4","n":"1"})";
  write.fixed = std::string("a\0b", 3);
  write.state = std::string("\0\xff\0", 3);
  return write;
}

void reads_back_every_field(const Backend& backend) {
  StoreUnderTest store(backend);
  auto write = full_run(12);
  write.segments = {{0, "zero"}, {3, std::string("\0three", 6)}};
  write.cells = {{0, "cell"}, {4'000'000'000u, ""}};
  must_commit(*store, batch_of({write}));
  for (int round = 0; round < 2; ++round, store.reopen()) {
    expect_image(*store, write);
    auto loaded = store->load_run(RunId(12));
    ASSERT_TRUE(loaded.ok() && loaded->has_value());
    const auto& image = **loaded;
    ASSERT_EQ(image.segments.size(), 2u);
    EXPECT_EQ(image.segments[1].number, 3u);
    EXPECT_EQ(image.segments[1].bytes, write.segments[1].bytes);
    ASSERT_EQ(image.cells.size(), 2u);
    EXPECT_EQ(image.cells[0].bytes, "cell");
    EXPECT_EQ(image.cells[1].task, 4'000'000'000u);
    auto row = store->find_run(RunId(12));
    ASSERT_TRUE(row.ok() && row->has_value());
    expect_same(write.header, (*row)->header);
  }
}

void absent_runs_are_nothing(const Backend& backend) {
  StoreUnderTest store(backend);
  EXPECT_FALSE(store->load_run(RunId(1))->has_value());
  EXPECT_FALSE(store->find_run(RunId(1))->has_value());
  EXPECT_TRUE(store->scan_open(RunId(0), 10, false)->empty());
  EXPECT_TRUE(store->read_events(RunId(1), 0)->empty());
  EXPECT_FALSE(store->read_payload(RunId(1), "ab")->has_value());
  EXPECT_EQ(store->last_run_id()->value, 0);
  must_commit(*store, Batch{});
}

void updates_keep_what_is_fixed(const Backend& backend) {
  StoreUnderTest store(backend);
  auto write = full_run(3);
  write.segments = {{0, "old"}, {1, "kept"}};
  write.cells = {{5, "old"}, {6, "kept"}};
  must_commit(*store, batch_of({write}));
  auto next = next_version(write);
  next.header.name = next.header.job = next.header.labels = "ignored";
  next.header.verdict = Verdict::fail;
  next.header.started = next.header.wake = kNoTime;
  next.segments = {{0, "new"}, {2, "added"}};
  next.cells = {{5, ""}, {7, "added"}};
  must_commit(*store, batch_of({next}));
  auto wanted = next;
  wanted.header.name = write.header.name;
  wanted.header.job = write.header.job;
  wanted.header.labels = write.header.labels;
  wanted.fixed = write.fixed;
  wanted.insert = true;
  store.reopen();
  expect_image(*store, wanted);
  auto image = **store->load_run(RunId(3));
  ASSERT_EQ(image.segments.size(), 3u);
  EXPECT_EQ(image.segments[0].bytes, "new");
  EXPECT_EQ(image.segments[1].bytes, "kept");
  EXPECT_EQ(image.segments[2].bytes, "added");
  ASSERT_EQ(image.cells.size(), 3u);
  EXPECT_EQ(image.cells[0].bytes, "");
  EXPECT_EQ(image.cells[1].bytes, "kept");
}

// Everything else of the batch is valid, and none of it may be seen.
void expect_refused(StoreUnderTest& store, Batch batch, std::int64_t victim) {
  batch.runs.insert(batch.runs.begin(), new_run(100));
  batch.runs.push_back(new_run(101));
  batch.workflows.push_back(test_workflow(50, "refused"));
  batch.keys.push_back({"refused", RunId(100), "f", kTestStart});
  batch.meta.emplace_back("refused", "1");
  auto done = store->commit(batch);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, Errc::conflict) << done.error().message;
  EXPECT_NE(done.error().message.find(str("run ", victim)), std::string::npos)
      << done.error().message;
  EXPECT_FALSE(store->load_run(RunId(100))->has_value());
  EXPECT_FALSE(store->load_run(RunId(101))->has_value());
  EXPECT_FALSE(store->load_workflow(WorkflowId(50))->has_value());
  EXPECT_FALSE(store->find_key("refused")->has_value());
  EXPECT_FALSE(store->meta("refused")->has_value());
}

void wrong_version_rolls_back(const Backend& backend) {
  StoreUnderTest store(backend);
  must_commit(*store, batch_of({new_run(1), new_run(2)}));
  auto good = next_version(new_run(1));
  must_commit(*store, batch_of({good}));  // run 1 is at version 2
  auto stale = next_version(new_run(1));
  stale.state = "stale";
  expect_refused(store, batch_of({next_version(new_run(2)), stale}), 1);
  auto ahead = next_version(next_version(next_version(new_run(1))));
  expect_refused(store, batch_of({next_version(new_run(2)), ahead}), 1);
  expect_image(*store, [&] {
    auto w = good;
    w.fixed = "";
    return w;
  }());
  auto untouched = new_run(2);
  expect_image(*store, untouched);
  must_commit(*store, batch_of({next_version(good), next_version(untouched)}));
  expect_sound(*store);
}

void absent_run_cannot_be_updated(const Backend& backend) {
  StoreUnderTest store(backend);
  must_commit(*store, batch_of({new_run(1)}));
  auto ghost = next_version(new_run(9));
  expect_refused(store, batch_of({next_version(new_run(1)), ghost}), 9);
  auto first = new_run(9);
  first.insert = false;  // version 1 of nothing
  expect_refused(store, batch_of({first}), 9);
  EXPECT_FALSE(store->load_run(RunId(9))->has_value());
  expect_image(*store, new_run(1));
}

void duplicate_id_is_refused(const Backend& backend) {
  StoreUnderTest store(backend);
  must_commit(*store, batch_of({new_run(5)}));
  auto again = new_run(5);
  again.state = "again";
  expect_refused(store, batch_of({again}), 5);
  expect_refused(store, batch_of({new_run(6), new_run(6)}), 6);
  expect_image(*store, new_run(5));
}

void one_run_twice_in_a_batch(const Backend& backend) {
  StoreUnderTest store(backend);
  auto first = new_run(5);
  auto second = next_version(first);
  auto third = next_version(second);
  must_commit(*store, batch_of({first, second, third}));
  expect_image(*store, third);
  expect_refused(store, batch_of({next_version(third), next_version(third)}), 5);
}

void events_in_order(const Backend& backend) {
  StoreUnderTest store(backend);
  auto write = new_run(1);
  write.events = {{1, 10, "one"}, {11, 30, std::string("t\0o", 3)}};
  must_commit(*store, batch_of({write, new_run(2)}));
  auto next = next_version(write);
  next.events = {{31, 31, ""}};
  must_commit(*store, batch_of({next}));
  store.reopen();
  auto all = *store->read_events(RunId(1), 0);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].first_seq, 1u);
  EXPECT_EQ(all[1].bytes, std::string("t\0o", 3));
  EXPECT_EQ(all[2].last_seq, 31u);
  EXPECT_EQ(store->read_events(RunId(1), 10)->size(), 2u);
  EXPECT_EQ(store->read_events(RunId(1), 29)->size(), 2u);
  EXPECT_EQ(store->read_events(RunId(1), 30)->size(), 1u);
  EXPECT_TRUE(store->read_events(RunId(1), 31)->empty());
  EXPECT_TRUE(store->read_events(RunId(2), 0)->empty());
  auto twice = next_version(next);
  twice.events = {{31, 40, "other"}};
  expect_refused(store, batch_of({twice}), 1);
  EXPECT_EQ(store->read_events(RunId(1), 30)->front().last_seq, 31u);
}

void payloads_once(const Backend& backend) {
  StoreUnderTest store(backend);
  Random random(1);
  std::string hash(64, 'a'), other(64, 'b');
  auto large = random_bytes(random, 200'000);
  auto write = new_run(1);
  write.payloads = {{hash, large}, {other, std::string(100'000, 'z')}, {other, "ignored"}};
  must_commit(*store, batch_of({write, new_run(2)}));
  auto next = next_version(write);
  next.payloads = {{hash, "ignored: it is there"}};
  must_commit(*store, batch_of({next}));
  store.reopen();
  EXPECT_TRUE(*store->read_payload(RunId(1), hash) == large);
  EXPECT_TRUE(*store->read_payload(RunId(1), other) == std::string(100'000, 'z'));
  EXPECT_FALSE(store->read_payload(RunId(2), hash)->has_value());
  EXPECT_FALSE(store->read_payload(RunId(1), std::string(64, 'c'))->has_value());
}

void sizes(const Backend& backend) {
  StoreUnderTest store(backend);
  Random random(2);
  std::vector<RunWrite> writes;
  std::int64_t id = 0;
  for (std::size_t size : {0, 1, 4095, 4096, 65536, 16 << 20}) {
    auto write = new_run(++id);
    write.state = random_bytes(random, size);
    write.fixed = random_bytes(random, size);
    write.header.name = std::string(size / 64, 'n');
    write.segments = {{0, random_bytes(random, size / 2)}};
    write.cells = {{0, random_bytes(random, size / 2)}};
    writes.push_back(write);
  }
  must_commit(*store, batch_of(writes));
  store.reopen();
  for (const auto& write : writes) {
    expect_image(*store, write);
    auto image = **store->load_run(write.header.id);
    EXPECT_TRUE(image.segments.at(0).bytes == write.segments[0].bytes);
    EXPECT_TRUE(image.cells.at(0).bytes == write.cells[0].bytes);
  }
  // Grown and shrunk.
  auto small = next_version(writes.back());
  small.state = "small";
  auto large = next_version(writes.front());
  large.state = writes.back().state;
  must_commit(*store, batch_of({small, large}));
  EXPECT_EQ((*store->load_run(small.header.id))->state, "small");
  EXPECT_TRUE((*store->load_run(large.header.id))->state == writes.back().state);
  expect_sound(*store);
}

void start_up_finds_open_runs(const Backend& backend) {
  StoreUnderTest store(backend);
  std::vector<RunWrite> runs;
  for (std::int64_t id = 1; id <= 5000; ++id) {
    auto write = new_run(id);
    if (id % 7 == 0) write.header.constrained = true;
    if (id % 500 == 0) write.cells = {{1, str("cell of ", id)}};
    runs.push_back(write);
  }
  must_commit(*store, batch_of(runs));
  std::vector<RunWrite> ended;
  std::vector<std::int64_t> open, constrained;
  for (const auto& run : runs) {
    auto id = run.header.id.value;
    if (id % 100 != 0 && (id < 1500 || id > 3800)) {  // whole stretches end
      ended.push_back(next_version(run));
      finish(ended.back(), RunState::completed, run.header.created + std::chrono::hours(1));
    } else {
      open.push_back(id);
      if (run.header.constrained) constrained.push_back(id);
    }
  }
  must_commit(*store, batch_of(ended));
  for (int round = 0; round < 2; ++round, store.reopen()) {
    EXPECT_EQ(ids(*store->scan_open(RunId(0), 10'000, false)), open);
    EXPECT_EQ(ids(*store->scan_open(RunId(0), 10'000, true)), constrained);
    std::vector<std::int64_t> paged;
    for (RunId after(0);;) {
      auto page = *store->scan_open(after, 37, false);
      if (page.empty()) break;
      EXPECT_LE(page.size(), 37u);
      for (const auto& image : page) {
        paged.push_back(image.header.id.value);
        bool has_cell = image.header.id.value % 500 == 0;
        EXPECT_EQ(image.cells.size(), has_cell ? 1u : 0u);
        EXPECT_EQ(image.fixed, str("inputs of ", image.header.id.value));
      }
      after = page.back().header.id;
    }
    EXPECT_EQ(paged, open);
  }
  EXPECT_TRUE(store->scan_open(RunId(5000), 10, false)->empty());
}

void runs_may_reopen(const Backend& backend) {
  StoreUnderTest store(backend);
  auto write = new_run(4);
  must_commit(*store, batch_of({write}));
  auto failed = next_version(write);
  finish(failed, RunState::failed, kTestStart + std::chrono::hours(1));
  must_commit(*store, batch_of({failed}));
  EXPECT_TRUE(store->scan_open(RunId(0), 10, false)->empty());
  store.reopen();
  auto again = next_version(failed);
  again.header.open = true;
  again.header.constrained = true;
  again.header.state = RunState::recovering;
  must_commit(*store, batch_of({again}));
  EXPECT_EQ(ids(*store->scan_open(RunId(0), 10, false)), std::vector<std::int64_t>{4});
  EXPECT_EQ(ids(*store->scan_open(RunId(0), 10, true)), std::vector<std::int64_t>{4});
  auto free = next_version(again);
  free.header.constrained = false;
  must_commit(*store, batch_of({free}));
  EXPECT_TRUE(store->scan_open(RunId(0), 10, true)->empty());
  expect_image(*store, free);
}

void last_ids_grow(const Backend& backend) {
  StoreUnderTest store(backend);
  must_commit(*store, batch_of({new_run(7), new_run(3)}));
  EXPECT_EQ(store->last_run_id()->value, 7);
  must_commit(*store, batch_of({new_run(5)}));
  store.reopen();
  EXPECT_EQ(store->last_run_id()->value, 7);
}

// Readers see a run at one version: all of its parts, or none of them.
void readers_see_whole_commits(const Backend& backend) {
  StoreUnderTest store(backend);
  auto run_at = [](std::int64_t id, std::uint64_t version) {
    auto write = new_run(id);
    write.header.version = version;
    write.insert = version == 1;
    write.state = str(version);
    write.cells = {{0, str(version)}};
    write.segments = {{0, str(version)}};
    return write;
  };
  must_commit(*store, batch_of({run_at(1, 1), run_at(2, 1)}));
  std::atomic<bool> stop{false};
  std::atomic<int> reads{0};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!stop) {
        auto images = store->scan_open(RunId(0), 10, false);
        ASSERT_TRUE(images.ok()) << images.error().message;
        ASSERT_EQ(images->size(), 2u);
        auto version = images->at(0).header.version;
        EXPECT_GE(version, last);
        last = version;
        for (const auto& image : *images) {
          EXPECT_EQ(image.header.version, version);
          EXPECT_EQ(image.state, str(version));
          EXPECT_EQ(image.cells.at(0).bytes, str(version));
          EXPECT_EQ(image.segments.at(0).bytes, str(version));
        }
        ++reads;
      }
    });
  }
  for (std::uint64_t version = 2; version < 200 || reads < 100; ++version) {
    must_commit(*store, batch_of({run_at(1, version), run_at(2, version)}));
    if (version % 50 == 0) {
      ASSERT_TRUE(store->idle().ok());
    }
  }
  stop = true;
  for (auto& reader : readers)
    reader.join();
}

}  // namespace

std::vector<ConformanceCase> run_cases() {
  return {
      {"reads_back_every_field", reads_back_every_field},
      {"absent_runs_are_nothing", absent_runs_are_nothing},
      {"updates_keep_what_is_fixed", updates_keep_what_is_fixed},
      {"wrong_version_rolls_back", wrong_version_rolls_back},
      {"absent_run_cannot_be_updated", absent_run_cannot_be_updated},
      {"duplicate_id_is_refused", duplicate_id_is_refused},
      {"one_run_twice_in_a_batch", one_run_twice_in_a_batch},
      {"events_in_order", events_in_order},
      {"payloads_once", payloads_once},
      {"sizes", sizes},
      {"start_up_finds_open_runs", start_up_finds_open_runs},
      {"runs_may_reopen", runs_may_reopen},
      {"last_ids_grow", last_ids_grow},
      {"readers_see_whole_commits", readers_see_whole_commits},
  };
}

}  // namespace pawl::store
