// Damaged files: a flipped byte, a cut, garbage. Whatever is done to them, the store says so or
// answers right; it never answers wrong.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/fs.h"
#include "base/text.h"
#include "store/conformance_testing.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::store {

namespace {

constexpr std::int64_t kRuns = 300;

RunWrite sample(std::int64_t id) {
  auto write = new_run(id);
  write.header.labels = R"({"team":"a"})";
  write.cells = {{0, str("cell ", id)}};
  if (id % 10 == 0) write.segments = {{0, std::string(6000, 's')}};
  if (id % 3 == 0) finish(write, core::RunState::failed, kTestStart + std::chrono::hours(1));
  return write;
}

// A directory as a process leaves it that was killed: everything in the WAL, or all in the file.
void make_store(const std::string& directory, bool in_wal) {
  auto store = open_sqlite({.directory = directory + "/live"});
  ASSERT_TRUE(store.ok()) << store.error().message;
  Batch workflow;
  workflow.workflows = {test_workflow(1, "sample")};
  must_commit(**store, workflow);
  for (std::int64_t id = 1; id <= kRuns; id += 10) {
    std::vector<RunWrite> runs;
    for (auto i = id; i < id + 10; ++i)
      runs.push_back(sample(i));
    must_commit(**store, batch_of(runs));
  }
  if (!in_wal) store->reset();
  std::filesystem::create_directory(directory + "/copy");
  for (const char* name : {"pawl.db", "pawl.db-wal"}) {
    if (file_exists(directory + "/live/" + name)) {
      std::filesystem::copy(directory + "/live/" + name, directory + "/copy/" + name);
    }
  }
}

// Asks everything. True if each answer was right, false if something was refused; a wrong answer
// fails the test.
bool answers_right(const std::string& directory) {
  auto store = open_sqlite({.directory = directory});
  if (!store.ok()) {
    EXPECT_TRUE(store.error().code == Errc::corrupt || store.error().code == Errc::newer_version)
        << to_string(store.error().code) << " " << store.error().message;
    EXPECT_FALSE(store.error().message.empty());
    return false;
  }
  bool right = true;
  auto refused = [&](const Error& error) {
    EXPECT_EQ(to_string(error.code), std::string("corrupt")) << error.message;
    right = false;
  };
  std::vector<std::int64_t> open, failed;
  for (std::int64_t id = 1; id <= kRuns; ++id) {
    auto wanted = sample(id);
    (wanted.header.open ? open : failed).push_back(id);
    auto image = (*store)->load_run(RunId(id));
    if (!image.ok()) {
      refused(image.error());
      continue;
    }
    EXPECT_TRUE(image->has_value()) << "run " << id << " vanished";
    if (!image->has_value()) continue;
    expect_same(wanted.header, (*image)->header);
    EXPECT_TRUE((*image)->state == wanted.state && (*image)->fixed == wanted.fixed);
    EXPECT_EQ((*image)->cells.size(), 1u);
    EXPECT_EQ((*image)->segments.size(), wanted.segments.size());
  }
  auto scanned = (*store)->scan_open(RunId(0), 10'000, false);
  if (!scanned.ok())
    refused(scanned.error());
  else
    EXPECT_EQ(ids(*scanned), open);
  RunFilter filter;
  filter.limit = 10'000;
  filter.states = 1u << static_cast<unsigned>(core::RunState::failed);
  filter.workflow = "sample";
  auto listed = (*store)->list_runs(filter);
  std::reverse(failed.begin(), failed.end());
  if (!listed.ok())
    refused(listed.error());
  else
    EXPECT_EQ(ids(*listed), failed);
  auto findings = (*store)->check();
  if (!findings.ok())
    refused(findings.error());
  else if (!findings->empty())
    right = false;
  else
    EXPECT_TRUE(right) << "check() found nothing, though something was refused";
  return right;
}

void restore(const std::string& directory) {
  std::filesystem::remove_all(directory + "/try");
  std::filesystem::copy(directory + "/copy", directory + "/try");
}

void overwrite(const std::string& path, std::size_t at, const std::string& bytes) {
  auto text = *read_file(path);
  text.replace(at, bytes.size(), bytes);
  ASSERT_TRUE(write_file_atomic(path, text).ok());
}

TEST(Damage, FlippedBytesInPages) {
  TestDirectory dir;
  make_store(dir.path(), false);
  restore(dir.path());
  ASSERT_TRUE(answers_right(dir.file("try")));
  auto size = read_file(dir.file("copy/pawl.db"))->size();
  Random random(7);
  int found = 0;
  constexpr int kFlips = 150;
  for (int i = 0; i < kFlips && !testing::Test::HasFailure(); ++i) {
    restore(dir.path());
    auto at = random.below(size);
    auto byte = static_cast<char>((*read_file(dir.file("try/pawl.db")))[at] ^
                                  static_cast<char>(1u << random.below(8)));
    SCOPED_TRACE(str("byte ", at, ", page ", at / 4096 + 1));
    overwrite(dir.file("try/pawl.db"), at, std::string(1, byte));
    if (!answers_right(dir.file("try"))) ++found;
  }
  // Every page carries a sum, so only a byte in a page that nobody reads (free) may go unseen.
  EXPECT_GE(found, kFlips * 9 / 10);
}

TEST(Damage, ZeroedAndSwappedPages) {
  TestDirectory dir;
  make_store(dir.path(), false);
  auto text = *read_file(dir.file("copy/pawl.db"));
  Random random(8);
  int found = 0;
  for (int i = 0; i < 30 && !testing::Test::HasFailure(); ++i) {
    restore(dir.path());
    auto page = [&] { return random.below(text.size() / 4096) * 4096; };
    auto from = page(), to = page();
    if (from == to) continue;
    SCOPED_TRACE(str("page ", from / 4096 + 1, " over ", to / 4096 + 1));
    overwrite(dir.file("try/pawl.db"), to,
              i % 2 ? std::string(4096, '\0') : text.substr(from, 4096));
    if (!answers_right(dir.file("try"))) ++found;
  }
  EXPECT_GE(found, 24);
}

TEST(Damage, FlippedBytesInTheWal) {
  TestDirectory dir;
  make_store(dir.path(), true);
  restore(dir.path());
  ASSERT_TRUE(answers_right(dir.file("try")));
  auto wal = *read_file(dir.file("copy/pawl.db-wal"));
  // The last two commits cannot be told from a torn write; leave them alone.
  auto size = wal.size() * 8 / 10;
  Random random(9);
  int found = 0;
  for (int i = 0; i < 60 && !testing::Test::HasFailure(); ++i) {
    restore(dir.path());
    auto at = i < 10 ? random.below(32) : random.below(size);
    SCOPED_TRACE(str("byte ", at));
    overwrite(
        dir.file("try/pawl.db-wal"), at,
        std::string(1, static_cast<char>(wal[at] ^ static_cast<char>(1u << random.below(8)))));
    if (!answers_right(dir.file("try"))) ++found;
  }
  EXPECT_EQ(found, 60);
}

TEST(Damage, CutFiles) {
  TestDirectory dir;
  make_store(dir.path(), false);
  auto size = read_file(dir.file("copy/pawl.db"))->size();
  for (std::size_t keep : {std::size_t{0}, std::size_t{1}, std::size_t{100}, std::size_t{4096},
                           size / 2, size - 4096, size - 1}) {
    SCOPED_TRACE(str("cut to ", keep));
    restore(dir.path());
    std::filesystem::resize_file(dir.file("try/pawl.db"), keep);
    bool right = answers_right(dir.file("try"));
    // The last page may be one that nothing needs.
    EXPECT_FALSE(right && keep < size - 4096);
  }
}

// In the middle of a page: SQLite by itself would take zeroes for the rest, and find fewer rows.
TEST(Damage, LogsCutWithinAPage) {
  TestDirectory dir;
  {
    auto store = open_sqlite({.directory = dir.file("live")});
    ASSERT_TRUE(store.ok());
    for (std::int64_t id = 1; id <= 40; ++id) {
      Batch batch = batch_of({new_run(id)});
      if (id > 1) batch.logs = {log_chunk(id - 1, 0, 1, 0, 5)};
      must_commit(**store, batch);
    }
  }
  const auto size = std::filesystem::file_size(dir.file("live/logs.db"));
  for (std::size_t cut = 300; cut + 4096 < size; cut += 900) {
    SCOPED_TRACE(cut);
    std::filesystem::remove_all(dir.file("try"));
    std::filesystem::copy(dir.file("live"), dir.file("try"));
    std::filesystem::resize_file(dir.file("try/logs.db"), size - cut);
    auto store = open_sqlite({.directory = dir.file("try")});
    ASSERT_TRUE(store.ok());
    for (std::int64_t id = 1; id < 40; ++id) {
      auto read = (*store)->read_logs({.run = RunId(id)});
      if (read.ok()) {
        EXPECT_EQ(flat(*read), flat({log_chunk(id, 0, 1, 0, 5)})) << "run " << id;
      } else {
        EXPECT_EQ(to_string(read.error().code), std::string("corrupt"));
      }
    }
  }
}

TEST(Damage, GarbageAndMissingFiles) {
  TestDirectory dir;
  make_store(dir.path(), true);
  Random random(10);
  restore(dir.path());
  overwrite(dir.file("try/pawl.db"), 0, random_bytes(random, 4096));
  answers_right(dir.file("try"));  // right, as the WAL has a newer first page
  overwrite(dir.file("try/pawl.db"), 0, random_bytes(random, 4096));
  EXPECT_FALSE(answers_right(dir.file("try")));
  restore(dir.path());
  ASSERT_TRUE(write_file_atomic(dir.file("try/pawl.db"), "this is no database\n").ok());
  EXPECT_FALSE(answers_right(dir.file("try")));
  restore(dir.path());
  std::filesystem::remove(dir.file("try/pawl.db"));  // and its WAL is there
  EXPECT_FALSE(answers_right(dir.file("try")));
}

}  // namespace

}  // namespace pawl::store
