// A writing process is killed at random instants; what it had acknowledged is there afterwards,
// once, and the store is sound. This cannot find a missing fsync (the page cache survives): see
// powerloss_test.cc for that.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/fs.h"
#include "base/text.h"
#include "store/conformance_testing.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::store {

namespace {

// Writes batch after batch: ten new runs, ten updates, some log lines; says the highest id after
// each.
[[noreturn]] void write_for_ever(const std::string& directory, int acknowledgements) {
  auto store = open_sqlite({.directory = directory});
  if (!store.ok()) ::_exit(2);
  auto next = (*store)->last_run_id()->value + 1;
  for (;; next += 10) {
    Batch batch;
    for (auto id = next; id < next + 10; ++id) {
      batch.runs.push_back(new_run(id));
      batch.runs.push_back(next_version(new_run(id)));
      batch.runs.back().cells = {{0, str("cell ", id)}};
    }
    if (next > 1) batch.logs = {log_chunk(next - 10, 0, 1, 0, 3)};
    if (!(*store)->commit(batch).ok()) ::_exit(3);
    auto last = next + 9;
    if (::write(acknowledgements, &last, sizeof last) != sizeof last) ::_exit(4);
    if (next % 50 == 1 && !(*store)->idle().ok()) ::_exit(5);
  }
}

TEST(Crash, AcknowledgedSurvivesKill) {
  TestDirectory dir;
  Random random(11);
  std::int64_t acknowledged = 0;
  int with_work = 0;
  for (int round = 0; round < 25; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
    UniqueFd in(pipe_ends[0]), out(pipe_ends[1]);
    auto child = fork();
    if (child == 0) write_for_ever(dir.path(), out.get());
    out.reset();
    // Killed after so many acknowledgements and a moment more: somewhere within a commit.
    auto wanted = random.below(30);
    std::int64_t last = 0;
    for (std::uint64_t n = 0; n < wanted && ::read(in.get(), &last, sizeof last) == sizeof last;
         ++n) {
      acknowledged = last;
    }
    struct pollfd moment {
      - 1, 0, 0
    };
    auto micros = static_cast<long>(random.below(3000)) * 1000;
    struct timespec wait {
      0, micros
    };
    ::ppoll(&moment, 0, &wait, nullptr);
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself: " << WEXITSTATUS(status);
    while (::read(in.get(), &last, sizeof last) == sizeof last)
      acknowledged = last;

    auto store = open_sqlite({.directory = dir.path()});
    ASSERT_TRUE(store.ok()) << store.error().message;
    auto highest = (*store)->last_run_id()->value;
    EXPECT_GE(highest, acknowledged);
    EXPECT_EQ(highest % 10, 0);  // whole batches only
    RunFilter filter;
    filter.limit = 100'000;
    EXPECT_EQ(static_cast<std::int64_t>((*store)->list_runs(filter)->size()), highest);
    if (highest > 0) {
      expect_image(**store, [&] {
        auto w = next_version(new_run(highest));
        return w;
      }());
      if (highest > 10) {
        EXPECT_EQ(flat(*(*store)->read_logs({.run = RunId(highest - 19)})).size(), 3u);
      }
      ++with_work;
    }
    if (round % 5 == 4) expect_sound(**store);
  }
  EXPECT_GT(with_work, 15);
  EXPECT_GT(acknowledged, 500);
}

}  // namespace

}  // namespace pawl::store
