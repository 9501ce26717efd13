// What a kill -9 leaves, and how the next life goes on with it: the engine's process is killed, the
// spawner's, both; a second engine; orphans; output while nobody listens.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/text.h"
#include "worker/worker_testing.h"

namespace pawl::worker {
namespace {

using core::ReportKind;
using core::Stream;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The engine in a process of its own (main_test.cc), to be killed.
class EngineProcess {
 public:
  EngineProcess(const std::string& data, const std::string& script) {
    int out[2];
    PAWL_ASSERT(::pipe2(out, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, out[1], 1);
    std::string name = "engine", role = "__engine", dir = data, text = script;
    char* argv[] = {name.data(), role.data(), dir.data(), text.data(), nullptr};
    PAWL_ASSERT(::posix_spawn(&pid_, "/proc/self/exe", &files, nullptr, argv, environ) == 0);
    posix_spawn_file_actions_destroy(&files);
    ::close(out[1]);
    out_.reset(out[0]);
  }
  ~EngineProcess() { kill(); }
  std::string line() {
    std::string text;
    char c;
    while (::read(out_.get(), &c, 1) == 1 && c != '\n')
      text.push_back(c);
    return text;
  }
  void kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  UniqueFd out_;
};

class Adoption : public ::testing::Test {
 protected:
  void begin(const std::string& script) {
    engine.emplace(dir / "data", script);
    ASSERT_EQ(engine->line(), "started");
  }
  void open(const Clock* clock = nullptr) {
    auto started = Worker::start(port, registry, {.data_dir = dir / "data", .clock = clock});
    ASSERT_TRUE(started.ok()) << started.error().message;
    worker = std::move(*started);
  }
  std::string in_run(const char* name) { return dir / str("data/work/7/", name); }
  void let(const char* name) { ASSERT_TRUE(write_file_atomic(in_run(name), "\n").ok()); }
  void kill_spawner() {
    const auto pids = spawners_of(dir / "data");
    ASSERT_EQ(pids.size(), 1u);
    ::kill(static_cast<pid_t>(pids[0]), SIGKILL);
    ASSERT_TRUE(gone(pids[0]));
  }
  void TearDown() override {
    if (worker) worker->drain(Duration(0));
    worker.reset();
    for (long pid : spawners_of(dir / "data"))
      EXPECT_TRUE(gone(pid));
  }

  TempDir dir;
  RecordingPort port;
  actions::Registry registry = actions::Registry::built_in();
  std::optional<EngineProcess> engine;
  std::unique_ptr<Worker> worker;
};

// Waits for the file `go` without a sleep that a kill could orphan.
const std::string kWaitForGo = "while [ ! -e go ]; do read -t 0.01 x <> fifo; done; ";
std::string script(const std::string& before, const std::string& after) {
  return "exec bash -c 'echo run >> starts; mkfifo fifo; " + before + "echo $$ > ready; " +
         kWaitForGo + after + "'";
}

TEST_F(Adoption, ARunningTaskGoesOnUnderTheNextEngine) {
  begin(script("echo one; ", "echo two; echo \"{\\\"n\\\": 2}\" > $PAWL_OUTPUT"));
  wait_for_file(in_run("ready"));
  engine->kill();
  open();
  ASSERT_EQ(port.held.size(), 1u);
  EXPECT_EQ(port.held[0], fence_of(7));
  let("go");
  const auto& seen = port.wait_for_end(fence_of(7));
  EXPECT_EQ(seen.last.kind, ReportKind::completed) << seen.last.message;
  EXPECT_EQ(seen.last.outputs.dump(), R"({"n":2})");
  EXPECT_EQ(seen.text(Stream::out), "one\ntwo\n");
  EXPECT_EQ(*read_file(in_run("starts")), "run\n");
}

// `pawl serve` carries what is left to its end; the slot it had was not ours to offer.
TEST_F(Adoption, AWorkerWithoutSlotsEndsWhatWasLeftAndTakesNothing) {
  begin(script("", "true"));
  wait_for_file(in_run("ready"));
  engine->kill();
  auto started = Worker::start(port, registry, {.data_dir = dir / "data", .slots = 0});
  ASSERT_TRUE(started.ok()) << started.error().message;
  worker = std::move(*started);
  let("go");
  EXPECT_EQ(port.wait_for_end(fence_of(7)).last.kind, ReportKind::completed);
  std::int64_t credit = -1;
  port.wait([&] {
    credit = port.credit;
    return true;
  });
  EXPECT_EQ(credit, 0);
}

// Found by torture: the clock was set while no engine was there, and the attempt was killed for
// its timeout of 50 s.
TEST_F(Adoption, ATimeoutGoesOnByMonotonicTime) {
  struct : Clock {
    Time now() const override { return system_clock().now() + std::chrono::hours(1); }
    Mono mono() const override { return system_clock().mono(); }
  } set_forward;
  begin(script("", "true"));
  wait_for_file(in_run("ready"));
  engine->kill();
  open(&set_forward);
  let("go");
  const auto& seen = port.wait_for_end(fence_of(7));
  EXPECT_EQ(seen.last.kind, ReportKind::completed) << seen.last.message;
  worker->drain(Duration(0));
  worker.reset();  // before its clock goes
}

TEST_F(Adoption, WhatEndedWhileNobodyWasThereIsOnDisk) {
  begin(script("", "seq 1 200000; exit 3"));
  wait_for_file(in_run("ready"));
  engine->kill();
  let("go");
  for (long pid : spawners_of(dir / "data"))
    ASSERT_TRUE(gone(pid));
  EXPECT_TRUE(file_exists(dir / "data/spool/7.0.1.1.job"));
  open();
  ASSERT_EQ(port.held.size(), 1u);
  const auto& seen = port.wait_for_end(fence_of(7));
  EXPECT_EQ(seen.last.exit_code, 3);
  ASSERT_EQ(seen.log.size(), 200000u);
  for (std::size_t i = 0; i < seen.log.size(); ++i)
    ASSERT_EQ(seen.log[i].text, str(i + 1));
  worker->drain(Duration(0));
  worker.reset();
  for (long pid : spawners_of(dir / "data"))
    ASSERT_TRUE(gone(pid));
  EXPECT_TRUE(list_dir(dir / "data/spool")->empty());
}

TEST_F(Adoption, AnEndThatNobodyRecordedIsToldAgain) {
  port.give_receipts = false;
  open();
  port.submit(shell_task(fence_of(7), "echo once; echo run >> starts"));
  port.wait_for_end(fence_of(7));
  worker.reset();  // as a crash: no drain
  RecordingPort next;
  auto again = Worker::start(next, registry, {.data_dir = dir / "data"});
  ASSERT_TRUE(again.ok());
  ASSERT_EQ(next.held.size(), 1u);
  const auto& seen = next.wait_for_end(fence_of(7));
  EXPECT_EQ(seen.last.kind, ReportKind::completed);
  EXPECT_EQ(seen.text(Stream::out), "once\n");
  EXPECT_EQ(*read_file(in_run("starts")), "run\n");
  (*again)->drain(Duration(0));
}

TEST_F(Adoption, WithTheSpawnerItsChildrenDieAndOrphansAreFenced) {
  begin(script("sleep 300 & echo $! > grandchild; setsid sleep 300 & echo $! > escaped; ", ""));
  const long task = number(wait_for_file(in_run("ready")));
  const long grandchild = number(wait_for_file(in_run("grandchild")));
  const long escaped = number(wait_for_file(in_run("escaped")));
  engine->kill();
  kill_spawner();
  EXPECT_TRUE(gone(task));
  EXPECT_TRUE(alive(escaped));
  open();
  EXPECT_TRUE(port.held.empty());
  EXPECT_FALSE(alive(grandchild));
  EXPECT_FALSE(alive(escaped));
}

TEST_F(Adoption, ALiveWorkerSeesItsSpawnerDie) {
  open();
  port.submit(shell_task(fence_of(7), "setsid sleep 300 & echo $!; exec sleep 300"));
  port.wait([&] { return !port.seen(fence_of(7)).log.empty(); });
  const long escaped = number(port.seen(fence_of(7)).log[0].text);
  kill_spawner();
  const auto& seen = port.wait_for_end(fence_of(7));
  EXPECT_EQ(seen.last.kind, ReportKind::lost);
  EXPECT_FALSE(alive(escaped));
  // The next task has a new one.
  port.submit(shell_task(fence_of(8), "echo again"));
  EXPECT_EQ(port.wait_for_end(fence_of(8)).text(Stream::out), "again\n");
}

// Killed before it has said a word: no task was with it, so none is lost.
TEST_F(Adoption, ASpawnerThatDiesAtItsStartIsStartedAgain) {
  auto counts = FailpointCounts::create(dir / "counts");
  ASSERT_TRUE(counts.ok());
  ::setenv("PAWL_FAILPOINT", "spawner.greeted:1", 1);
  ::setenv("PAWL_FAILPOINT_COUNTS", (dir / "counts").c_str(), 1);
  open();
  port.submit(shell_task(fence_of(7), "echo here"));
  const auto& seen = port.wait_for_end(fence_of(7));
  ::unsetenv("PAWL_FAILPOINT");
  ::unsetenv("PAWL_FAILPOINT_COUNTS");
  EXPECT_GE(counts->of(kFailpointFired), 1u);
  EXPECT_EQ(seen.last.kind, ReportKind::completed);
  EXPECT_EQ(seen.text(Stream::out), "here\n");
}

TEST_F(Adoption, ASecondEngineIsToldWhoIsThere) {
  begin(script("", ""));
  wait_for_file(in_run("ready"));
  auto second = Worker::start(port, registry, {.data_dir = dir / "data"});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Errc::in_use);
  let("go");
  EXPECT_THAT(engine->line(), StartsWith("ended"));
}

TEST_F(Adoption, RefusedAfterAdoptionMeansKilled) {
  begin(script("", ""));
  const long task = number(wait_for_file(in_run("ready")));
  engine->kill();
  open();
  port.refuse(fence_of(7));
  EXPECT_TRUE(gone(task));
  port.wait([&] { return port.credit == 1024; });
  EXPECT_FALSE(port.seen(fence_of(7)).ended);
}

TEST_F(Adoption, ABurstWhileNobodyListensWaitsInTheSpool) {
  begin(script("", "seq 1 4000000; echo done > done"));
  wait_for_file(in_run("ready"));
  engine->kill();
  let("go");
  wait_for_file(in_run("done"));
  open();
  const auto& seen = port.wait_for_end(fence_of(7));
  ASSERT_EQ(seen.log.size(), 4000000u);
  EXPECT_EQ(seen.log.back().text, "4000000");
}

TEST_F(Adoption, KilledAgainAndAgainItStartsOnceAndLosesNothing) {
  begin(script("", "for i in `seq 1 3000`; do echo $i; done"));
  wait_for_file(in_run("ready"));
  let("go");
  engine->kill();
  // Each life gets everything from the start, or from where the last acknowledged.
  for (int life = 0; life < 5; ++life) {
    engine.emplace(dir / "data", "");
    ASSERT_EQ(engine->line(), "started");
    engine->kill();
  }
  open();
  const auto& seen = port.wait_for_end(fence_of(7));
  ASSERT_EQ(seen.log.size(), 3000u);
  EXPECT_EQ(*read_file(in_run("starts")), "run\n");
}

TEST_F(Adoption, OutputOf200MegabytesIsWhole) {
  port.keep_logs = false;
  open();
  const std::string line = "a line of some forty bytes, to be counted";
  constexpr std::size_t kBytes = 200u << 20;
  port.submit(shell_task(fence_of(7), str("yes '", line, "' | head -c ", kBytes)));
  EXPECT_EQ(port.wait_for_end(fence_of(7)).last.kind, ReportKind::completed);
  // What is left over is a line of its own, without a newline.
  EXPECT_EQ(port.log_lines, kBytes / (line.size() + 1) + 1);
  EXPECT_EQ(port.log_bytes, kBytes + 1);
}

}  // namespace
}  // namespace pawl::worker
