// One process owns a data directory; commands in other terminals reach what it carries, and take
// over when it leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/text.h"
#include "tests/pawl_testing.h"

namespace pawl::e2e {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// Says that it runs, then waits to be let go.
constexpr std::string_view kHeld = R"(
pawl: 1
name: held
inputs: {ready: {type: string}, hold: {type: string}}
tasks:
  work:
    action: shell
    shell: bash
    kill_after: 1s
    env: {READY: "${{ inputs.ready }}", HOLD: "${{ inputs.hold }}"}
    run: |
      echo working; echo began >> began; echo ready > "$READY"
      read line < "$HOLD"; echo "got $line"
  gate: {needs: [work], action: gate, with: {question: Go on?, preview: {rows: 3}}}
  last: {needs: [gate], action: shell, run: "echo done"}
)";

class CliOwner : public testing::Test {
 protected:
  CliOwner()
      : hold_(place_.pipe("hold")),
        ready_(place_.pipe("ready")),
        keep_open_(hold_),
        signs_(ready_) {
    place_.write("w.yaml", kHeld);
  }
  Child start(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"run",           "w.yaml", "-i",
                                      "hold=" + hold_, "-i",     "ready=" + ready_};
    words.insert(words.end(), more.begin(), more.end());
    return place_.start(words);
  }
  void let_go() { place_.sh("echo go > hold"); }
  Place place_;
  std::string hold_, ready_;
  LineReader keep_open_, signs_;
};

TEST_F(CliOwner, SecondTerminalSeesAndDecides) {
  auto owner = start();
  ASSERT_EQ(signs_.next(), "ready");
  struct stat info {};
  ASSERT_EQ(::stat(place_.file(".pawl/control.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(place_.pawl({"show", "1", "--json"}).json()["state"].as_string(), "running");
  EXPECT_THAT(place_.pawl({"ls"}).out, HasSubstr("running"));
  EXPECT_EQ(place_.pawl({"approve", "1"}).code, 9);  // not open yet
  auto paused = place_.pawl({"pause", "1", "--json"});
  EXPECT_EQ(paused.json()["state"].as_string(), "paused") << paused.err;
  EXPECT_EQ(place_.pawl({"resume", "1"}).code, 0);
  let_go();
  auto gate = place_.start({"watch", "1", "--progress", "json"});
  EXPECT_TRUE(owner.says("pawl approve 1 gate"));
  EXPECT_EQ(place_.pawl({"wait", "1", "--timeout", "100ms"}).code, 124);
  auto approved = place_.pawl({"approve", "1", "gate", "-m", "looks right"});
  EXPECT_EQ(approved.code, 0) << approved.err;
  EXPECT_EQ(gate.wait().code, 0);
  auto end = owner.wait();
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_THAT(end.err, HasSubstr("gate gate: Go on?"));
  EXPECT_THAT(end.err, HasSubstr("pawl approve 1 gate"));
  EXPECT_THAT(end.err, HasSubstr("looks right"));
  EXPECT_FALSE(file_exists(place_.file(".pawl/control.sock")));
}

TEST_F(CliOwner, InterruptedRunStopsCleanlyAndGoesOn) {
  auto owner = start();
  ASSERT_EQ(signs_.next(), "ready");
  owner.signal(SIGINT);
  auto stopped = owner.wait();
  EXPECT_EQ(stopped.code, 130);
  EXPECT_THAT(stopped.err, HasSubstr("Carry on with: pawl watch 1"));
  auto shown = place_.pawl({"show", "1", "--json"}).json();
  EXPECT_EQ(shown["state"].as_string(), "running");
  EXPECT_EQ(shown["tasks"][std::size_t{0}]["state"].as_string(), "queued");
  EXPECT_EQ(shown["tasks"][std::size_t{0}]["attempts"].as_integer(), 1);  // not given out again
  // Decided while nobody carries it: recorded, and said how to go on.
  auto paused = place_.pawl({"pause", "1"});
  EXPECT_EQ(paused.code, 0);
  EXPECT_THAT(paused.out, HasSubstr("pawl resume 1"));
  EXPECT_THAT(place_.pawl({"resume", "1"}).out, HasSubstr("carry it on: pawl watch 1"));
  auto watch = place_.start({"watch", "1"});
  ASSERT_EQ(signs_.next(), "ready");
  EXPECT_EQ(place_.pawl({"cancel", "1"}).code, 0);
  EXPECT_EQ(watch.wait().code, 5);
}

TEST_F(CliOwner, AStoppedOwnerIsNotWaitedForForEver) {
  auto owner = start();
  ASSERT_EQ(signs_.next(), "ready");
  owner.signal(SIGSTOP);
  const auto pid = str("process ", owner.pid());
  auto listed = place_.pawl({"ls"});
  EXPECT_EQ(listed.code, 0);
  EXPECT_THAT(listed.out, HasSubstr("running"));
  EXPECT_THAT(listed.err, HasSubstr(pid));
  EXPECT_THAT(listed.err, HasSubstr("does not answer; this is what it has stored"));
  EXPECT_EQ(place_.pawl({"show", "1", "--json"}).json()["state"].as_string(), "running");
  auto paused = place_.pawl({"pause", "1"});
  EXPECT_EQ(paused.code, 10);
  EXPECT_THAT(paused.err, HasSubstr(pid));
  EXPECT_THAT(paused.err, HasSubstr("kill -CONT"));
  owner.signal(SIGCONT);
  EXPECT_THAT(place_.pawl({"ls"}).err, IsEmpty());
  EXPECT_EQ(place_.pawl({"cancel", "1"}).code, 0);
  EXPECT_EQ(owner.wait().code, 5);
}

TEST_F(CliOwner, TimeoutLeavesTheRunOpen) {
  auto owner = start({"--timeout", "300ms", "--json"});
  ASSERT_EQ(signs_.next(), "ready");
  auto end = owner.wait();
  EXPECT_EQ(end.code, 124);
  EXPECT_EQ(end.json()["exit_code"].as_integer(), 124) << end.out;
  EXPECT_THAT(end.err, HasSubstr("pawl watch 1"));
}

TEST_F(CliOwner, WatcherTakesOverWithoutLosingWhatRuns) {
  auto owner = start();
  ASSERT_EQ(signs_.next(), "ready");
  auto watcher = place_.start({"watch", "1", "--progress", "json"});
  ASSERT_TRUE(watcher.says("snapshot"));
  owner.signal(SIGTERM);
  EXPECT_EQ(owner.wait().code, 143);
  let_go();
  ASSERT_TRUE(watcher.says("\"gate\""));
  EXPECT_EQ(place_.pawl({"approve", "1"}).code, 0);
  EXPECT_EQ(watcher.wait().code, 0);
  EXPECT_EQ(place_.read("began"), "began\n");  // handed over, not started again
}

TEST_F(CliOwner, SecondRunIsCarriedByTheOwner) {
  auto owner = start();
  ASSERT_EQ(signs_.next(), "ready");
  place_.write("quick.yaml", "pawl: 1\nname: quick\ntasks: {a: {action: shell, run: echo hi}}\n");
  auto quick = place_.pawl({"run", "quick.yaml"});
  EXPECT_EQ(quick.code, 0) << quick.err;
  EXPECT_THAT(quick.err, HasSubstr("carried by pid"));
  EXPECT_EQ(place_.pawl({"cancel", "1"}).code, 0);
  EXPECT_EQ(owner.wait().code, 5);
}

TEST_F(CliOwner, CancelEndsWhatACrashLeftRunning) {
  auto owner = start();
  ASSERT_EQ(signs_.next(), "ready");
  owner.signal(SIGKILL);
  owner.wait();
  auto cancelled = place_.pawl({"cancel", "1", "--json"});
  EXPECT_EQ(cancelled.code, 0) << cancelled.err;
  EXPECT_EQ(cancelled.json()["state"].as_string(), "cancelled");
  EXPECT_EQ(place_.pawl({"watch", "1"}).code, 5);
}

TEST_F(CliOwner, AnOwnerThatDoesNotAnswer) {
  auto owner = start();
  ASSERT_EQ(signs_.next(), "ready");
  ::unlink(place_.file(".pawl/control.sock").c_str());
  auto refused = place_.pawl({"pause", "1"});
  EXPECT_EQ(refused.code, 9);
  EXPECT_THAT(refused.err, HasSubstr("pawl run w.yaml, pid "));
  EXPECT_THAT(refused.err, HasSubstr("hint:"));
  EXPECT_EQ(place_.pawl({"ls"}).code, 0);  // reading needs no owner
}

TEST_F(CliOwner, LogsAreFollowedToTheEnd) {
  auto owner = start();
  ASSERT_EQ(signs_.next(), "ready");
  auto logs = place_.start({"logs", "1", "work", "-f"});
  let_go();
  ASSERT_TRUE(owner.says("pawl approve 1 gate"));
  EXPECT_EQ(place_.pawl({"reject", "1", "-m", "no"}).code, 0);
  EXPECT_EQ(owner.wait().code, 5);
  auto followed = logs.wait();
  EXPECT_EQ(followed.code, 0);
  EXPECT_EQ(followed.out, "working\ngot go\n");
}

TEST(CliReading, EveryViewOfAFailedRun) {
  Place place;
  place.write("w.yaml", R"(
pawl: 1
name: failing
tasks:
  ok: {action: noop}
  boom: {needs: [ok], action: shell, run: "seq 30; echo no such table >&2; exit 4"}
  after: {needs: [boom], action: noop}
)");
  auto run = place.pawl({"run", "w.yaml", "--progress", "none"});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, HasSubstr("  boom, attempt 1: exited with code 4\n"));
  EXPECT_THAT(run.err, HasSubstr("  | 30\n"));
  EXPECT_THAT(run.err, testing::Not(HasSubstr("  | 10\n")));  // the last twenty lines, no more
  EXPECT_THAT(run.err, HasSubstr("  pawl retry 1"));
  auto show = place.pawl({"show", "failing"});
  EXPECT_EQ(show.code, 0);
  EXPECT_THAT(show.out, HasSubstr("exited with code 4: no such table"));
  EXPECT_THAT(place.pawl({"why", "1", "after"}).out, HasSubstr("boom failed"));
  EXPECT_THAT(place.pawl({"graph", "1", "-o", "mermaid"}).out, HasSubstr("n0 --> n1"));
  EXPECT_THAT(place.pawl({"history", "1", "--json"}).out, HasSubstr("\"state\":\"failed\""));
  EXPECT_EQ(place.pawl({"ls", "-q", "--state", "failed"}).out, "1\n");
  for (const char* command : {"ls", "show", "why", "history", "graph"}) {
    std::vector<std::string> words = {command, "--json"};
    if (words.front() != "ls") words.emplace_back("@last");
    EXPECT_FALSE(place.pawl(words).json().is_null()) << command;
  }
  EXPECT_EQ(place.pawl({"wait", "1"}).code, 3);
  EXPECT_EQ(place.pawl({"retry", "1"}).code, 0);
  EXPECT_EQ(place.pawl({"wait", "1"}).code, 9);  // nobody carries it on
  EXPECT_EQ(place.pawl({"watch", "1"}).code, 3);
  EXPECT_EQ(place.pawl({"schema"}).json()["type"].as_string(), "object");
}

TEST(CliReading, PlanStartsNothing) {
  Place place;
  place.write("w.yaml", R"(
pawl: 1
name: planned
inputs: {day: {type: string, required: true}}
tasks:
  list: {action: noop}
  group: {needs: [list], tasks: {x: {action: noop}, y: {needs: [x], action: noop}}}
  last: {needs: [group], action: gate, with: {question: Go?}}
finally: {tidy: {action: noop}}
)");
  auto plan = place.pawl({"plan", "w.yaml", "--json"});
  EXPECT_EQ(plan.code, 0) << plan.err;
  std::string waves;
  const auto shown = plan.json();
  for (const auto& task : shown["tasks"].as_array()) {
    waves += str(task["wave"].as_integer(), task["name"].as_string(), ' ');
  }
  EXPECT_EQ(waves, "1list 2group 2group.x 3group.y 4last 5tidy ");
  EXPECT_FALSE(file_exists(place.file(".pawl")));
}

}  // namespace
}  // namespace pawl::e2e
