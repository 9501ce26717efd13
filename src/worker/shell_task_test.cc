// What a shell task sees and promises, with real processes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/text.h"
#include "worker/worker_testing.h"

namespace pawl::worker {
namespace {

using core::FailureClass;
using core::ReportKind;
using core::Stream;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ShellTask : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = Worker::start(port, registry, {.data_dir = dir / "data"});
    ASSERT_TRUE(started.ok()) << started.error().message;
    worker = std::move(*started);
  }
  void TearDown() override { worker->drain(Duration(0)); }

  const Seen& run(core::Assignment a) {
    const auto fence = a.fence;
    port.submit(std::move(a));
    return port.wait_for_end(fence);
  }
  const Seen& run(std::string text, const std::function<void(core::TaskDef&)>& change = {}) {
    return run(shell_task(fence_of(1, next_task++), std::move(text), change));
  }

  TempDir dir;
  RecordingPort port;
  actions::Registry registry = actions::Registry::built_in();
  std::unique_ptr<Worker> worker;
  TaskId next_task = 0;
};

TEST_F(ShellTask, CompletesWithItsOutputs) {
  const auto& seen = run(R"(echo hello; echo oops >&2; echo '{"rows": 3}' > "$PAWL_OUTPUT" )");
  EXPECT_EQ(seen.last.kind, ReportKind::completed) << seen.last.message;
  EXPECT_EQ(seen.last.outputs.dump(), R"({"rows":3})");
  EXPECT_EQ(seen.text(Stream::out), "hello\n");
  EXPECT_EQ(seen.text(Stream::err), "oops\n");
}

TEST_F(ShellTask, WithoutOutputFileOutputsAreNull) {
  const auto& seen = run("true");
  EXPECT_EQ(seen.last.kind, ReportKind::completed);
  EXPECT_TRUE(seen.last.outputs.is_null());
}

TEST_F(ShellTask, BadOutputFailsAndSaysWhatWasFound) {
  const auto& text = run(R"(echo 'rows: 3' > "$PAWL_OUTPUT")").last;
  EXPECT_EQ(text.kind, ReportKind::failed);
  EXPECT_EQ(text.failure_class, FailureClass::user);
  EXPECT_THAT(text.message, HasSubstr("line 1, column 1"));
  EXPECT_THAT(text.message, HasSubstr("one JSON object"));
  EXPECT_THAT(run(R"(echo '[1]' > "$PAWL_OUTPUT")").last.message, HasSubstr("holds array"));
  EXPECT_THAT(run(R"(head -c 17000000 /dev/zero > "$PAWL_OUTPUT")").last.message,
              HasSubstr("larger than 16 MiB"));
  EXPECT_THAT(run(R"(ln -s /etc/passwd "$PAWL_OUTPUT")").last.message, HasSubstr("PAWL_OUTPUT"));
  EXPECT_THAT(run(R"(mkfifo "$PAWL_OUTPUT")").last.message, HasSubstr("not a plain file"));
}

TEST_F(ShellTask, ExitCodesAndSignals) {
  const auto& failed = run("echo one; echo two >&2; exit 3").last;
  EXPECT_EQ(failed.kind, ReportKind::failed);
  EXPECT_EQ(failed.exit_code, 3);
  EXPECT_EQ(failed.failure_class, FailureClass::user);
  EXPECT_EQ(failed.message, "exited with code 3; last lines of stderr:\ntwo");
  EXPECT_FALSE(failed.no_retry || failed.try_later);
  const auto& killed = run("kill -SEGV $$").last;
  EXPECT_EQ(killed.exit_code, -SIGSEGV);
  EXPECT_THAT(killed.message, StartsWith("killed by SIGSEGV (signal 11"));
  EXPECT_TRUE(run("exit 75").last.try_later);
  EXPECT_TRUE(run("exit 78").last.no_retry);
  EXPECT_EQ(run("kill -KILL $$").last.failure_class, FailureClass::oom);
}

TEST_F(ShellTask, MessageHoldsTheLastLinesOnly) {
  const auto& seen = run("seq 1 100 >&2; exit 1");
  EXPECT_THAT(seen.last.message, HasSubstr("\n81\n"));
  EXPECT_THAT(seen.last.message, Not(HasSubstr("\n80\n")));
  EXPECT_LT(run("i=0; while [ $i -lt 30 ]; do printf '%01000d\n' 7 >&2; i=$((i+1)); done; exit 1")
                .last.message.size(),
            4300u);
}

TEST_F(ShellTask, FailureClasses) {
  EXPECT_EQ(run("echo 'RuntimeError: CUDA out of memory. Tried' >&2; exit 1").last.failure_class,
            FailureClass::cuda_oom);
  EXPECT_EQ(run("echo 'x: No space left on device' >&2; exit 1").last.failure_class,
            FailureClass::disk_full);
  EXPECT_EQ(
      run(R"(echo '{"failure_class": "diverged"}' >> "$PAWL_EVENTS"; exit 1)").last.failure_class,
      FailureClass::diverged);
}

// Nothing of it has begun, and a retry budget is for what the task does.
TEST_F(ShellTask, WaitsWhereTheDiskHasNoRoomForItsInput) {
  worker->drain(Duration(0));
  worker.reset();
  ASSERT_TRUE(arm_failpoints("task.file.written:1:error", "").ok());
  SetUp();
  const auto& seen = run("true").last;
  EXPECT_EQ(seen.failure_class, FailureClass::disk_full);
  EXPECT_TRUE(seen.try_later);
  EXPECT_FALSE(seen.no_retry);
  worker->drain(Duration(0));
  worker.reset();
  ASSERT_TRUE(arm_failpoints("", "").ok());
  SetUp();
  EXPECT_EQ(run("true").last.kind, core::ReportKind::completed);
}

TEST_F(ShellTask, Environment) {
  ::setenv("LEAKED_SECRET", "do-not-pass", 1);
  auto a = shell_task(fence_of(42, 5, 2, 9), "env | sort; pwd; cat \"$PAWL_INPUT\"");
  a.path = "clean[0]";
  a.input = *Json::parse(R"({"inputs":{"day":"x"}})");
  a.env = *Json::parse(R"({"EPOCHS":"3","SPACED":"a b=c","PAWL_TASK":"forged"})");
  const auto text = run(std::move(a)).text(Stream::out);
  const auto data = dir / "data/work/42";
  for (const auto& want :
       {std::string("PAWL_RUN_ID=42\n"), std::string("PAWL_TASK=clean[0]\n"),
        std::string("PAWL_ATTEMPT=2\n"), str("PAWL_OUTPUT=", data, "/5.2.output\n"),
        str("PAWL_EVENTS=", data, "/5.2.events\n"),
        str("PAWL_CHECKPOINT=", data, "/5.checkpoint\n"), std::string("EPOCHS=3\n"),
        std::string("SPACED=a b=c\n"), std::string("PATH="), str("\n", data, "\n"),
        std::string(R"({"inputs":{"day":"x"}})")}) {
    EXPECT_THAT(text, HasSubstr(want));
  }
  EXPECT_THAT(text, Not(HasSubstr("LEAKED")));
  struct stat info;
  ASSERT_EQ(::stat(data.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(ShellTask, InheritsNothing) {
  const auto& seen =
      run("ls -l /proc/self/fd | awk '{print $9, $10, $11}' | grep -v 'proc' ; "
          "grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status; cut -d' ' -f5 /proc/self/stat; echo $$");
  // ls's own descriptors: 0, 1, 2, and 3 for the directory that it lists.
  EXPECT_THAT(seen.text(Stream::out), HasSubstr("0 -> /dev/null\n1 -> pipe"));
  EXPECT_THAT(seen.text(Stream::out), Not(HasSubstr("\n4 ->")));
  EXPECT_THAT(seen.text(Stream::out), Not(HasSubstr("socket")));
  EXPECT_THAT(seen.text(Stream::out), HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_THAT(seen.text(Stream::out), HasSubstr("SigIgn:\t0000000000000000"));
  const std::string text = seen.text(Stream::out);
  const auto lines = split(trim(text), '\n');
  EXPECT_EQ(lines[lines.size() - 1], lines[lines.size() - 2]);  // its pid is its group
}

TEST_F(ShellTask, ABrokenPipeKillsQuietly) {
  const auto& last = run("yes | head -1", [](auto& def) { def.shell = "bash -o pipefail"; }).last;
  EXPECT_EQ(last.exit_code, 141) << last.message << last.outputs.dump();
}

TEST_F(ShellTask, ArgumentVectorMeetsNoShell) {
  auto a = shell_task(fence_of(1, 900), "");
  a.args = *Json::parse(R"j(["printf", "%s|", "a b", "$(id)", "*", "'"])j");
  EXPECT_EQ(run(std::move(a)).text(Stream::out), "a b|$(id)|*|'|\n");
}

TEST_F(ShellTask, WhatCannotStartSaysWhy) {
  auto with_args = [&](const char* json, std::string cwd = "") {
    auto a = shell_task(fence_of(1, next_task++), "");
    a.args = *Json::parse(json);
    a.cwd = std::move(cwd);
    return run(std::move(a)).last;
  };
  const auto missing = with_args(R"(["no-such-program"])");
  EXPECT_EQ(missing.message, "command 'no-such-program' not found in PATH");
  EXPECT_TRUE(missing.no_retry);
  EXPECT_THAT(with_args(R"(["/etc/passwd"])").message, HasSubstr("not executable"));
  EXPECT_THAT(with_args(R"(["/no/where"])").message, HasSubstr("no such file"));
  EXPECT_THAT(with_args(R"(["true"])", "/no/dir").message, HasSubstr("directory '/no/dir'"));
  auto big = shell_task(fence_of(1, next_task++), "");
  big.args = Json::array({Json("echo"), Json(std::string(200'000, 'x'))});
  EXPECT_THAT(run(std::move(big)).last.message, HasSubstr("too large"));
  EXPECT_THAT(with_args(R"([])").message, HasSubstr("args is empty"));
}

TEST_F(ShellTask, WorkDirectory) {
  ASSERT_TRUE(make_dirs(dir / "base/sub").ok());
  auto a = shell_task(fence_of(1, 901), "pwd");
  a.base_dir = dir / "base";
  EXPECT_EQ(run(std::move(a)).text(Stream::out), (dir / "base") + "\n");
  auto b = shell_task(fence_of(1, 902), "pwd");
  b.base_dir = dir / "base";
  b.cwd = "sub";
  EXPECT_EQ(run(std::move(b)).text(Stream::out), (dir / "base/sub") + "\n");
}

TEST_F(ShellTask, LinesAsPeopleSeeThem) {
  const auto& seen = run(R"(printf 'a\r\nb\n10%%\r50%%\r100%%\nlast'; printf 'bad\377\n' >&2)");
  EXPECT_EQ(seen.text(Stream::out), "a\nb\n100%\nlast\n");
  EXPECT_EQ(seen.text(Stream::err), "bad\xEF\xBF\xBD\n");
  const auto& longer = run("head -c 150000 /dev/zero | tr '\\0' x");
  ASSERT_EQ(longer.log.size(), 3u);
  EXPECT_EQ(longer.log[0].text.size(), 65536u);
  EXPECT_EQ(longer.log[2].text.size(), 150000u - 2 * 65536u);
}

TEST_F(ShellTask, SecretsAreMasked) {
  auto a = shell_task(fence_of(1, 903),
                      R"(echo "got $TOKEN"; printf %s "$TOKEN" | base64 >&2
                         printf 'x%s' "$TOKEN" | base64
                         echo "{\"token\": \"$TOKEN\"}" > "$PAWL_OUTPUT"
                         echo "{\"warning\": \"$TOKEN\"}" > "$PAWL_EVENTS"
                         echo "fail $TOKEN" >&2; exit ${CODE:-0})");
  a.secrets = {{"token", "s3cr3t-Value/9"}};
  a.env = *Json::parse(R"({"TOKEN": "s3cr3t-Value/9", "CODE": "0"})");
  auto b = a;
  const auto& seen = run(std::move(a));
  std::string all = seen.text(Stream::out) + seen.text(Stream::err) + seen.last.outputs.dump();
  for (const auto& r : seen.reports)
    for (const auto& w : r.warnings)
      all += w;
  EXPECT_THAT(all, Not(HasSubstr("s3cr3t")));
  EXPECT_THAT(all, Not(HasSubstr("czNjcjN0")));
  EXPECT_THAT(all, HasSubstr("got ***"));
  EXPECT_EQ(seen.last.outputs.dump(), R"({"token":"***"})");
  b.fence = fence_of(1, 904);
  b.env.set("CODE", "1");
  EXPECT_THAT(run(std::move(b)).last.message, HasSubstr("fail ***"));
}

TEST_F(ShellTask, EventsAreReadWhileItRuns) {
  const auto fence = fence_of(3, 0);
  port.submit(shell_task(fence, R"(
    echo '{"progress": {"current": 3, "total": 10, "unit": "epoch"}}' >> "$PAWL_EVENTS"
    while [ ! -e go ]; do read -t 0.02 x <> <(:); done
    echo 'not json' >> "$PAWL_EVENTS"
    printf '{"metric": {"loss": 0.5, "acc": 1}}' >> "$PAWL_EVENTS")",
                         [](auto& def) { def.shell = "bash"; }));
  port.wait([&] {
    const auto& reports = port.seen(fence).reports;
    return !reports.empty() && reports.back().has_progress;
  });
  EXPECT_EQ(port.seen(fence).reports.back().progress.current, 3);
  EXPECT_EQ(port.seen(fence).reports.back().progress.unit, "epoch");
  ASSERT_TRUE(write_file_atomic(dir / "data/work/3/go", "").ok());
  const auto& seen = port.wait_for_end(fence);
  EXPECT_EQ(seen.last.kind, ReportKind::completed);
  ASSERT_FALSE(seen.reports.back().metrics.empty());
  EXPECT_EQ(seen.reports.back().metrics[0], (std::pair<std::string, double>("loss", 0.5)));
  EXPECT_THAT(seen.text(Stream::pawl), HasSubstr("PAWL_EVENTS line 2"));
}

TEST_F(ShellTask, CheckpointOutlivesTheAttempt) {
  const auto& first = run(shell_task(fence_of(4, 0, 1), "echo 17 > $PAWL_CHECKPOINT; exit 1"));
  EXPECT_TRUE(first.last.has_checkpoint);
  EXPECT_EQ(first.last.checkpoint, "17\n");
  const auto& second = run(shell_task(fence_of(4, 0, 2), "cat $PAWL_CHECKPOINT"));
  EXPECT_EQ(second.text(Stream::out), "17\n");
  EXPECT_FALSE(second.last.has_checkpoint);  // it did not change
  auto scratch = shell_task(fence_of(4, 0, 3), "[ ! -e $PAWL_CHECKPOINT ]");
  scratch.resume = core::Resume::scratch;
  EXPECT_EQ(run(std::move(scratch)).last.kind, ReportKind::completed);
  auto moved = shell_task(fence_of(4, 1, 2), "cat $PAWL_CHECKPOINT");
  moved.checkpoint = "from elsewhere\n";
  EXPECT_EQ(run(std::move(moved)).text(Stream::out), "from elsewhere\n");
}

TEST_F(ShellTask, BestCheckpoint) {
  const auto& first = run(shell_task(fence_of(4, 2, 1), R"(
    echo good > $PAWL_CHECKPOINT
    echo '{"checkpoint": "best"}' >> "$PAWL_EVENTS"
    while [ ! -e "$PAWL_CHECKPOINT.best" ]; do :; done
    echo bad > $PAWL_CHECKPOINT; exit 1)"));
  ASSERT_FALSE(first.reports.empty());
  EXPECT_TRUE(first.reports.back().best_checkpoint);
  EXPECT_EQ(first.reports.back().checkpoint, "good\n");
  auto second = shell_task(fence_of(4, 2, 2), "cat $PAWL_CHECKPOINT");
  second.resume = core::Resume::best_checkpoint;
  EXPECT_EQ(run(std::move(second)).text(Stream::out), "good\n");
}

TEST_F(ShellTask, CleanUpRunsBefore) {
  auto a = shell_task(fence_of(5, 0), "echo main; echo '\"quoted\" $HOME'");
  a.before = "echo cleaning";
  EXPECT_EQ(run(std::move(a)).text(Stream::out), "cleaning\nmain\n\"quoted\" $HOME\n");
  auto b = shell_task(fence_of(5, 1), "echo main");
  b.before = "exit 4";
  const auto& seen = run(std::move(b));
  EXPECT_EQ(seen.last.exit_code, 4);
  EXPECT_THAT(seen.last.message, HasSubstr("clean-up before this attempt failed"));
  EXPECT_THAT(seen.text(Stream::out), Not(HasSubstr("main")));
}

TEST_F(ShellTask, AttemptTimeoutKillsTheGroup) {
  const auto& seen = run("trap '' TERM; sleep 300 & echo $!; wait; wait; sleep 300", [](auto& def) {
    def.timeout.attempt = std::chrono::milliseconds(300);
    def.kill_after = std::chrono::milliseconds(200);
  });
  EXPECT_EQ(seen.last.kind, ReportKind::failed);
  EXPECT_EQ(seen.last.failure_class, FailureClass::timeout);
  EXPECT_EQ(seen.last.message, "timeout.attempt: it was still running after 300ms and was killed");
  EXPECT_FALSE(alive(number(seen.log[0].text)));
}

TEST_F(ShellTask, HeartbeatTimeout) {
  const auto& seen =
      run("for i in 1 2 3 4; do echo $i; read -t 0.2 x <> <(:); done; sleep 300", [](auto& def) {
        def.shell = "bash";
        def.timeout.heartbeat = std::chrono::milliseconds(700);
        def.kill_after = Duration(0);
      });
  EXPECT_EQ(seen.text(Stream::out), "1\n2\n3\n4\n");
  EXPECT_THAT(seen.last.message, HasSubstr("timeout.heartbeat: no output and no event for 700ms"));
}

TEST_F(ShellTask, CancelReachesStoppedAndEscapedProcesses) {
  const auto fence = fence_of(6, 0);
  port.submit(shell_task(fence, R"(
    setsid sleep 300 & echo $! > escaped
    sleep 300 & echo $! > stopped; kill -STOP $!
    echo ready; wait)",
                         [](auto& def) { def.kill_after = std::chrono::seconds(20); }));
  port.wait_for_line(fence, "ready");
  port.cancel(fence);
  const auto& seen = port.wait_for_end(fence);
  EXPECT_EQ(seen.last.kind, ReportKind::cancelled);
  EXPECT_FALSE(seen.last.unconfirmed);
  for (const char* name : {"escaped", "stopped"}) {
    EXPECT_FALSE(alive(number(wait_for_file(dir / str("data/work/6/", name))))) << name;
  }
}

TEST_F(ShellTask, AGrandchildThatKeepsThePipeIsNotWaitedForLong) {
  const Mono before = system_clock().mono();
  const auto& seen = run("echo main; sleep 60 & echo $! > sleeper");
  EXPECT_EQ(seen.last.kind, ReportKind::completed);
  EXPECT_EQ(seen.text(Stream::out), "main\n");
  EXPECT_THAT(seen.text(Stream::pawl), HasSubstr("keeps its output open"));
  EXPECT_LT(system_clock().mono() - before, std::chrono::seconds(20));
  ::kill(number(wait_for_file(dir / "data/work/1/sleeper")), SIGKILL);
}

TEST_F(ShellTask, RefusedWorkStopsWithoutAReport) {
  const auto fence = fence_of(6, 1);
  port.submit(shell_task(fence, "echo $$; exec sleep 300"));
  port.wait([&] { return !port.seen(fence).log.empty(); });
  const long pid = number(port.seen(fence).log[0].text);
  port.refuse(fence);
  EXPECT_TRUE(gone(pid));
  port.wait([&] { return port.credit == 1024; });
  EXPECT_FALSE(port.seen(fence).ended);
}

TEST_F(ShellTask, FilesGoOnceTheReportIsDurable) {
  run(shell_task(fence_of(8, 0), "echo '{}' > $PAWL_OUTPUT; echo > $PAWL_EVENTS"));
  run(shell_task(fence_of(8, 1), "true"));
  run(shell_task(fence_of(8, 2), "true"));
  EXPECT_FALSE(file_exists(dir / "data/work/8/0.1.output"));
  EXPECT_FALSE(file_exists(dir / "data/work/8/0.1.events"));
}

}  // namespace
}  // namespace pawl::worker
