// Cases on logs and on retention: lines once and in order, and what a purge takes or leaves.

#include <gtest/gtest.h>

#include "base/text.h"
#include "store/conformance_testing.h"

namespace pawl::store {

namespace {

using core::RunState;

Batch logs_of(std::vector<LogChunk> chunks) {
  Batch batch;
  batch.logs = std::move(chunks);
  return batch;
}

std::vector<std::string> lines(std::int64_t run, TaskId task, Attempt attempt, std::uint64_t first,
                               std::size_t count) {
  return flat({log_chunk(run, task, attempt, first, count)});
}

std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void logs_append_and_query(const Backend& backend) {
  StoreUnderTest store(backend);
  EXPECT_TRUE(store->read_logs({.run = RunId(1)})->empty());
  must_commit(*store, batch_of({new_run(1), new_run(2)}));
  auto batch =
      logs_of({log_chunk(1, 0, 1, 0, 5), log_chunk(1, 2, 1, 0, 3), log_chunk(2, 0, 1, 0, 2)});
  batch.runs = {next_version(new_run(1))};  // together with state
  must_commit(*store, batch);
  must_commit(*store, logs_of({log_chunk(1, 0, 2, 0, 4), log_chunk(1, 0, 1, 5, 2)}));
  for (int round = 0; round < 2; ++round, store.reopen()) {
    EXPECT_EQ(flat(*store->read_logs({.run = RunId(1)})),
              lines(1, 0, 1, 0, 7) + lines(1, 0, 2, 0, 4) + lines(1, 2, 1, 0, 3));
    EXPECT_EQ(flat(*store->read_logs({.run = RunId(1), .task = 0})),
              lines(1, 0, 1, 0, 7) + lines(1, 0, 2, 0, 4));
    EXPECT_EQ(flat(*store->read_logs({.run = RunId(1), .task = 0, .attempt = 2})),
              lines(1, 0, 2, 0, 4));
    EXPECT_EQ(flat(*store->read_logs({.run = RunId(1), .task = 0, .attempt = 1, .from_line = 3})),
              lines(1, 0, 1, 3, 4));
    EXPECT_EQ(flat(*store->read_logs(
                  {.run = RunId(1), .task = 0, .attempt = 1, .from_line = 2, .limit = 4})),
              lines(1, 0, 1, 2, 4));
    EXPECT_TRUE(
        store->read_logs({.run = RunId(1), .task = 0, .attempt = 1, .from_line = 7})->empty());
    EXPECT_TRUE(store->read_logs({.run = RunId(3)})->empty());
  }
  EXPECT_EQ((*store->load_run(RunId(1)))->header.version, 2u);
  expect_sound(*store);
}

void repeated_lines_are_dropped(const Backend& backend) {
  StoreUnderTest store(backend);
  must_commit(*store, batch_of({new_run(1)}));
  must_commit(*store, logs_of({log_chunk(1, 0, 1, 0, 5)}));
  must_commit(*store, logs_of({log_chunk(1, 0, 1, 0, 5)}));  // the same again
  must_commit(*store, logs_of({log_chunk(1, 0, 1, 3, 6)}));  // half of it is new
  must_commit(*store, logs_of({log_chunk(1, 0, 1, 2, 3), log_chunk(1, 0, 1, 9, 0)}));
  must_commit(*store, logs_of({log_chunk(1, 0, 1, 9, 1), log_chunk(1, 0, 1, 9, 2)}));
  store.reopen();
  EXPECT_EQ(flat(*store->read_logs({.run = RunId(1)})), lines(1, 0, 1, 0, 11));
  expect_sound(*store);
}

void odd_lines(const Backend& backend) {
  StoreUnderTest store(backend);
  must_commit(*store, batch_of({new_run(1)}));
  Random random(4);
  LogChunk chunk{RunId(1), kNoTask - 1, 0xffffffff, 0, {}};
  chunk.lines = {{kNoTime, core::Stream::err, ""},
                 {kTestStart, core::Stream::pawl, std::string("\0\xff", 2)},
                 {kTestStart - std::chrono::hours(1), core::Stream::out, "\xf0\x9f\x90\xbe"},
                 {kNever, core::Stream::out, random_bytes(random, 300'000)}};
  must_commit(*store, logs_of({chunk}));
  store.reopen();
  EXPECT_EQ(flat(*store->read_logs({.run = RunId(1)})), flat({chunk}));
}

void many_small_chunks(const Backend& backend) {
  StoreUnderTest store(backend);
  must_commit(*store, batch_of({new_run(1)}));
  for (std::uint64_t line = 0; line < 3000; line += 3) {
    must_commit(*store, logs_of({log_chunk(1, 0, 1, line, 3), log_chunk(1, 1, 1, line, 3)}));
    if (line % 300 == 0) {
      ASSERT_TRUE(store->idle().ok());
    }
  }
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(store->idle().ok());
  must_commit(*store, logs_of({log_chunk(1, 0, 1, 3000, 7)}));
  ASSERT_TRUE(store->idle().ok());
  store.reopen();
  EXPECT_EQ(flat(*store->read_logs({.run = RunId(1), .limit = 100'000})),
            lines(1, 0, 1, 0, 3007) + lines(1, 1, 1, 0, 3000));
  std::vector<std::string> paged;
  for (std::uint64_t from = 0;;) {
    auto page = *store->read_logs(
        {.run = RunId(1), .task = 0, .attempt = 1, .from_line = from, .limit = 111});
    auto part = flat(page);
    paged.insert(paged.end(), part.begin(), part.end());
    from += part.size();
    if (part.size() < 111) break;
  }
  EXPECT_EQ(paged, lines(1, 0, 1, 0, 3007));
  expect_sound(*store);
}

// -- Retention
// ---------------------------------------------------------------------------------------

constexpr auto kHour = std::chrono::hours(1);

RunWrite finished_run(std::int64_t id, Time finished, std::int64_t workflow = 1) {
  auto write = new_run(id);
  write.header.created = finished - kHour;
  write.header.workflow = WorkflowId(workflow);
  finish(write, RunState::completed, finished);
  return write;
}

std::vector<std::int64_t> all_ids(Store& store) {
  RunFilter filter;
  filter.limit = 10'000;
  return ids(*store.list_runs(filter));
}

std::uint32_t purge_all(Store& store, Time now, const Retention& retention) {
  std::uint32_t total = 0;
  for (;;) {
    auto step = store.purge(now, retention);
    EXPECT_TRUE(step.ok()) << step.error().message;
    if (!step.ok()) return total;
    total += *step;
    EXPECT_LE(*step, retention.max_runs_per_step);
    if (*step < retention.max_runs_per_step) return total;
  }
}

void purge_takes_all_of_a_run(const Backend& backend) {
  StoreUnderTest store(backend);
  auto old = finished_run(1, kTestStart);
  old.header.job = "job";
  old.header.labels = R"({"a":"b"})";
  old.segments = {{0, "s"}};
  old.cells = {{0, "c"}};
  old.events = {{1, 2, "e"}};
  old.payloads = {{std::string(64, 'a'), "p"}};
  auto young = finished_run(2, kTestStart + 10 * kHour);
  auto batch = batch_of({old, young});
  batch.keys = {{"old", RunId(1), "", kTestStart}, {"young", RunId(2), "", kTestStart}};
  batch.logs = {log_chunk(1, 0, 1, 0, 3), log_chunk(2, 0, 1, 0, 3)};
  must_commit(*store, batch);
  Retention retention{.keep = kHour};
  EXPECT_EQ(purge_all(*store, kTestStart + kHour, retention), 0u);  // just as old as is kept
  EXPECT_EQ(purge_all(*store, kTestStart + kHour + Duration(1), retention), 1u);
  for (int round = 0; round < 2; ++round, store.reopen()) {
    EXPECT_FALSE(store->load_run(RunId(1))->has_value());
    EXPECT_TRUE(store->read_events(RunId(1), 0)->empty());
    EXPECT_FALSE(store->read_payload(RunId(1), std::string(64, 'a'))->has_value());
    EXPECT_TRUE(store->read_logs({.run = RunId(1)})->empty());
    EXPECT_FALSE(store->find_key("old")->has_value());
    EXPECT_EQ(all_ids(*store), (std::vector<std::int64_t>{2}));
    EXPECT_TRUE(store->find_key("young")->has_value());
    EXPECT_EQ(flat(*store->read_logs({.run = RunId(2)})).size(), 3u);
    expect_sound(*store);
  }
  RunFilter job;
  job.job = "job";
  EXPECT_TRUE(store->list_runs(job)->empty());
}

void purge_leaves_open_runs_and_parents(const Backend& backend) {
  StoreUnderTest store(backend);
  auto child = new_run(3000);
  child.header.parent = RunId(2);
  auto ended_child = finished_run(3001, kTestStart);
  ended_child.header.parent = RunId(3);
  must_commit(*store, batch_of({new_run(1), finished_run(2, kTestStart),
                                finished_run(3, kTestStart), child, ended_child}));
  Retention retention{.keep = kHour};
  EXPECT_EQ(purge_all(*store, kTestStart + 5 * kHour, retention), 2u);
  EXPECT_EQ(all_ids(*store), (std::vector<std::int64_t>{3000, 2, 1}));
  auto done = next_version(child);
  finish(done, RunState::failed, kTestStart + kHour);
  must_commit(*store, batch_of({done}));
  EXPECT_EQ(purge_all(*store, kTestStart + 5 * kHour, retention), 2u);
  EXPECT_EQ(all_ids(*store), (std::vector<std::int64_t>{1}));
  expect_sound(*store);
}

void purge_keeps_the_newest(const Backend& backend) {
  StoreUnderTest store(backend);
  Batch batch;
  batch.workflows = {test_workflow(1, "a"), test_workflow(2, "a", 2), test_workflow(3, "b")};
  for (std::int64_t id = 1; id <= 30; ++id) {
    batch.runs.push_back(finished_run(id, kTestStart, id % 10 == 0 ? 3 : id > 15 ? 2 : 1));
  }
  batch.runs.push_back(new_run(31));  // open, and one of the newest of "a"
  must_commit(*store, batch);
  Retention retention{.keep = kHour, .keep_runs = 4};
  EXPECT_EQ(purge_all(*store, kTestStart + 5 * kHour, retention), 24u);
  EXPECT_EQ(all_ids(*store), (std::vector<std::int64_t>{31, 30, 29, 28, 27, 20, 10}));
  expect_sound(*store);
}

void purge_in_steps(const Backend& backend) {
  StoreUnderTest store(backend);
  std::vector<RunWrite> runs;
  for (std::int64_t id = 1; id <= 2500; ++id) {
    auto open = id % 100 == 0;
    runs.push_back(open ? new_run(id) : finished_run(id, kTestStart));
    if (!open) runs.back().state = std::string(2000, 'x');
  }
  must_commit(*store, batch_of(runs));
  Retention retention{.keep = kHour, .max_runs_per_step = 200};
  auto now = kTestStart + 5 * kHour;
  EXPECT_EQ(*store->purge(now, retention), 200u);
  EXPECT_EQ(purge_all(*store, now, retention), 2475u - 200u);
  EXPECT_EQ(all_ids(*store).size(), 25u);
  EXPECT_EQ(*store->purge(now, retention), 0u);
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(store->idle().ok());
  expect_sound(*store);
}

void purged_ids_are_not_reused(const Backend& backend) {
  StoreUnderTest store(backend);
  must_commit(*store, batch_of({finished_run(1, kTestStart), finished_run(2, kTestStart)}));
  EXPECT_EQ(purge_all(*store, kTestStart + 5 * kHour, {.keep = kHour}), 2u);
  EXPECT_EQ(store->last_run_id()->value, 2);
  store.reopen();
  EXPECT_EQ(store->last_run_id()->value, 2);
}

}  // namespace

std::vector<ConformanceCase> log_cases() {
  return {
      {"logs_append_and_query", logs_append_and_query},
      {"repeated_lines_are_dropped", repeated_lines_are_dropped},
      {"odd_lines", odd_lines},
      {"many_small_chunks", many_small_chunks},
  };
}

std::vector<ConformanceCase> retention_cases() {
  return {
      {"purge_takes_all_of_a_run", purge_takes_all_of_a_run},
      {"purge_leaves_open_runs_and_parents", purge_leaves_open_runs_and_parents},
      {"purge_keeps_the_newest", purge_keeps_the_newest},
      {"purge_in_steps", purge_in_steps},
      {"purged_ids_are_not_reused", purged_ids_are_not_reused},
  };
}

}  // namespace pawl::store
