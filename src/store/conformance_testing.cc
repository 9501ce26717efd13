#include "store/conformance_testing.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>

#include "base/fs.h"
#include "base/text.h"

namespace pawl::store {

TestDirectory::TestDirectory() {
  path_ = testing::TempDir() + "pawl-store-XXXXXX";
  PAWL_ASSERT(::mkdtemp(path_.data()) != nullptr);
}

TestDirectory::~TestDirectory() { (void)remove_tree(path_).ok(); }

StoreUnderTest::StoreUnderTest(const Backend& backend)
    : backend_(backend), store_(backend.open(directory_.file("store"))) {
  PAWL_ASSERT(store_ != nullptr);
}

void StoreUnderTest::reopen() {
  if (!backend_.durable) return;
  store_.reset();
  store_ = backend_.open(directory_.file("store"));
  PAWL_ASSERT(store_ != nullptr);
}

std::vector<ConformanceCase> conformance_cases() {
  std::vector<ConformanceCase> all;
  for (auto part : {run_cases, list_cases, row_cases, log_cases, retention_cases, random_cases}) {
    auto cases = part();
    all.insert(all.end(), cases.begin(), cases.end());
  }
  return all;
}

WorkflowRow test_workflow(std::int64_t id, const std::string& name, std::int32_t version) {
  WorkflowRow row;
  row.id = WorkflowId(id);
  row.name = name;
  row.version = version;
  row.hash = str("hash of ", id);
  row.text = str("name: ", name, "\n");
  row.file = str(name, ".yaml");
  row.links = "{}";
  row.created = kTestStart;
  return row;
}

RunWrite new_run(std::int64_t id) {
  RunWrite write;
  auto& h = write.header;
  h.id = RunId(id);
  h.version = 1;
  h.workflow = WorkflowId(1);
  h.state = core::RunState::running;
  h.created = kTestStart + std::chrono::seconds(id);
  h.started = h.created + std::chrono::milliseconds(5);
  h.tasks = 3;
  h.name = str("run ", id);
  write.insert = true;
  write.fixed = str("inputs of ", id);
  write.state = str("state of ", id);
  return write;
}

RunWrite next_version(const RunWrite& write) {
  RunWrite next;
  next.header = write.header;
  ++next.header.version;
  next.state = write.state + "+";
  return next;
}

void finish(RunWrite& write, core::RunState state, Time finished) {
  write.header.state = state;
  write.header.open = false;
  write.header.finished = finished;
  write.header.wake = kNever;
}

std::string random_bytes(Random& random, std::size_t size) {
  std::string out(size, '\0');
  std::size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    auto bits = random.next();
    std::memcpy(out.data() + at, &bits, 8);
  }
  for (; at < size; ++at)
    out[at] = static_cast<char>(random.next());
  return out;
}

LogChunk log_chunk(std::int64_t run, TaskId task, Attempt attempt, std::uint64_t first,
                   std::size_t lines) {
  LogChunk chunk{RunId(run), task, attempt, first, {}};
  for (std::size_t i = 0; i < lines; ++i) {
    auto n = first + i;
    chunk.lines.push_back({kTestStart + Duration(n * 1000), static_cast<core::Stream>(n % 3),
                           str("line ", n, " of attempt ", attempt)});
  }
  return chunk;
}

Batch batch_of(std::vector<RunWrite> runs) {
  Batch batch;
  batch.runs = std::move(runs);
  return batch;
}

void must_commit(Store& store, const Batch& batch) {
  auto done = store.commit(batch);
  ASSERT_TRUE(done.ok()) << done.error().message;
}

void expect_same(const RunHeader& a, const RunHeader& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.workflow, b.workflow);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.verdict, b.verdict);
  EXPECT_EQ(a.open, b.open);
  EXPECT_EQ(a.constrained, b.constrained);
  EXPECT_EQ(a.created, b.created);
  EXPECT_EQ(a.started, b.started);
  EXPECT_EQ(a.finished, b.finished);
  EXPECT_EQ(a.wake, b.wake);
  EXPECT_EQ(a.parent, b.parent);
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.tasks, b.tasks);
  EXPECT_EQ(a.tasks_done, b.tasks_done);
  EXPECT_EQ(a.tasks_failed, b.tasks_failed);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.job, b.job);
  EXPECT_EQ(a.labels, b.labels);
}

void expect_image(Store& store, const RunWrite& wanted) {
  auto loaded = store.load_run(wanted.header.id);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  ASSERT_TRUE(loaded->has_value()) << "run " << wanted.header.id.value << " is not there";
  expect_same(wanted.header, (*loaded)->header);
  EXPECT_TRUE(wanted.state == (*loaded)->state) << "state of run " << wanted.header.id.value;
  if (wanted.insert) {
    EXPECT_TRUE(wanted.fixed == (*loaded)->fixed);
  }
}

std::vector<std::int64_t> ids(const std::vector<RunRow>& rows) {
  std::vector<std::int64_t> out;
  for (const auto& row : rows)
    out.push_back(row.header.id.value);
  return out;
}

std::vector<std::int64_t> ids(const std::vector<RunImage>& images) {
  std::vector<std::int64_t> out;
  for (const auto& image : images)
    out.push_back(image.header.id.value);
  return out;
}

std::vector<std::string> flat(const std::vector<LogChunk>& chunks) {
  std::vector<std::string> out;
  for (const auto& chunk : chunks) {
    for (std::size_t i = 0; i < chunk.lines.size(); ++i) {
      const auto& line = chunk.lines[i];
      out.push_back(str(chunk.task, "/", chunk.attempt, "/", chunk.first_line + i, "/",
                        static_cast<int>(line.stream), "/", line.time.time_since_epoch().count(),
                        "/", line.text));
    }
  }
  return out;
}

void expect_sound(Store& store) {
  auto findings = store.check();
  ASSERT_TRUE(findings.ok()) << findings.error().message;
  for (const auto& finding : *findings)
    ADD_FAILURE() << finding;
}

}  // namespace pawl::store
