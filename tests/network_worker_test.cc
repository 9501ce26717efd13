// `pawl worker` against a server, both real processes, killed and stopped at the worst moments:
// what is acknowledged is kept, what runs is not run twice, and what is done again is recorded
// once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>

#include "base/text.h"
#include "tests/pawl_testing.h"
#include "tests/server_testing.h"

namespace pawl::e2e {
namespace {

using testing::HasSubstr;

constexpr Duration kLease = std::chrono::seconds(3);

// Says that it began, goes on once the file `go` is there, and tells its attempt.
constexpr const char* kOne = R"(pawl: 1
name: one
inputs: {dir: {type: string}, began: {type: string}}
tasks:
  work:
    action: shell
    shell: bash
    env: {DIR: "${{ inputs.dir }}", BEGAN: "${{ inputs.began }}"}
    run: |
      echo "line of $PAWL_ATTEMPT"
      echo "$PAWL_ATTEMPT" > "$BEGAN"
      while [ ! -e "$DIR/go" ]; do read -t 0.05 < "$DIR/hold"; done
      echo "$PAWL_ATTEMPT" >> "$DIR/ended"
      echo "{\"attempt\": $PAWL_ATTEMPT}" > "$PAWL_OUTPUT"
outputs: {attempt: "${{ tasks.work.outputs.attempt }}"}
)";

struct NetworkWorker : testing::Test {
  Place place, first, second;  // the server's, and a machine for each worker
  ServerChild server{place.file("data"), kLease};
  // Nobody ever writes to it: a read with a time limit is a pause that needs no process.
  LineReader hold{place.pipe("hold")};

  Child worker(const Place& machine, std::vector<std::string> more = {"--slots", "1"}) {
    std::vector<std::string> words = {"worker", "--server", server.url(), "--data",
                                      machine.file("w")};
    words.insert(words.end(), more.begin(), more.end());
    // RoleDoor: the token is the role's name.
    machine.write("token", "worker\n");
    words.insert(words.end(), {"--token-file", machine.file("token")});
    return machine.start(words);
  }
  std::int64_t submit_one(const std::string& began) {
    return server.submit(kOne, Json::object().set("dir", place.path()).set("began", began));
  }
  void go() { place.write("go", ""); }
  static void expect_done(const Json& run, int attempt) {
    ASSERT_FALSE(run.is_null());
    EXPECT_EQ(run["state"].as_string(), "completed");
    EXPECT_EQ(run["outputs"].dump(), str("{\"attempt\":", attempt, "}"));
    EXPECT_EQ(run["tasks"][0]["attempts"].as_integer(), attempt);
  }
};

TEST_F(NetworkWorker, TwoWorkersCarryOutARunAndLeave) {
  server.start();
  auto a = worker(first), b = worker(second);
  auto run = server.submit(R"(pawl: 1
name: many
inputs: {file: {type: string}}
tasks:
  part:
    for_each: "${{ range(12) }}"
    action: shell
    env: {N: "${{ item }}", FILE: "${{ inputs.file }}"}
    run: echo "$N" >> "$FILE"; echo "part $N"; echo "{\"n\":$N}" > "$PAWL_OUTPUT"
  last: {action: noop, needs: [part]}
)",
                           Json::object().set("file", place.file("ran")));
  auto end = server.end_of(run);
  ASSERT_EQ(end["state"].as_string(), "completed") << end.dump();
  std::map<std::string, int> ran;
  for (auto line : split(place.read("ran"), '\n'))
    if (!line.empty()) ++ran[std::string(line)];
  EXPECT_EQ(ran.size(), 12u);
  for (const auto& [n, times] : ran)
    EXPECT_EQ(times, 1) << n;
  for (auto* child : {&a, &b}) {
    child->signal(SIGTERM);
    auto out = child->wait();
    EXPECT_EQ(out.code, 0) << out.err;
    EXPECT_THAT(out.err, HasSubstr("registered at 127.0.0.1:"));
    EXPECT_THAT(out.err, HasSubstr("the worker has left"));
  }
  auto logs = place.pawl({"logs", str(run), "--data", place.file("data")});
  EXPECT_THAT(logs.out, HasSubstr("part 11"));
}

TEST_F(NetworkWorker, AWorkerWhoseMachineDiesIsReplacedOnceItsLeaseHasEnded) {
  server.start();
  auto a = worker(first);
  LineReader began(place.pipe("began"));
  auto run = submit_one(place.file("began"));
  ASSERT_EQ(began.next(), "1");
  auto b = worker(second);
  ASSERT_TRUE(b.says("registered"));
  const auto died = system_clock().mono();
  a.signal(SIGKILL);
  a.wait();
  first.kill_spawner();
  ASSERT_EQ(began.next(), "2");
  // It was heard of at most a heartbeat, a third of the lease, before it died.
  EXPECT_GE(system_clock().mono() - died, kLease / 2);
  go();
  expect_done(server.end_of(run), 2);
  EXPECT_EQ(place.read("ended"), "2\n");
}

TEST_F(NetworkWorker, AWorkerThatIsStartedAgainGoesOnWithItsTask) {
  server.start();
  auto a = worker(first);
  LineReader began(place.pipe("began"));
  auto run = submit_one(place.file("began"));
  ASSERT_EQ(began.next(), "1");
  a.signal(SIGKILL);
  a.wait();
  auto again = worker(first);
  ASSERT_TRUE(again.says("registered"));
  go();
  expect_done(server.end_of(run), 1);
  EXPECT_EQ(place.read("ended"), "1\n");
}

TEST_F(NetworkWorker, WhatEndsWhileTheServerIsDeadIsDeliveredAndNotRunAgain) {
  server.start();
  auto a = worker(first), b = worker(second);
  LineReader began(place.pipe("began"));
  auto run = submit_one(place.file("began"));
  ASSERT_EQ(began.next(), "1");
  server.kill();
  go();
  for (int i = 0; i < 1000 && place.read("ended").empty(); ++i)
    ASSERT_FALSE(a.ends_within(std::chrono::milliseconds(20)));
  server.start();
  expect_done(server.end_of(run), 1);
  EXPECT_EQ(place.read("ended"), "1\n");
  auto logs = place.pawl({"logs", str(run), "--data", place.file("data")});
  EXPECT_THAT(logs.out, HasSubstr("line of 1"));
  a.signal(SIGTERM);
  b.signal(SIGTERM);
  EXPECT_EQ(a.wait().code, 0);
  EXPECT_EQ(b.wait().code, 0);
}

TEST_F(NetworkWorker, WhatRunsWhileTheServerIsStartedAgainRunsOn) {
  server.start();
  auto a = worker(first), b = worker(second);
  LineReader began(place.pipe("began"));
  auto run = submit_one(place.file("began"));
  ASSERT_EQ(began.next(), "1");
  server.kill();
  server.start();
  // Both are back: nobody is waited for any more, and it still runs.
  ASSERT_TRUE(a.says("registered again") && b.says("registered again"));
  go();
  expect_done(server.end_of(run), 1);
}

TEST_F(NetworkWorker, ALateReportOfAWorkerThatWasStoppedIsRefused) {
  server.start();
  auto a = worker(first);
  LineReader began(place.pipe("began"));
  auto run = submit_one(place.file("began"));
  ASSERT_EQ(began.next(), "1");
  auto b = worker(second);
  ASSERT_TRUE(b.says("registered"));
  a.signal(SIGSTOP);
  ASSERT_EQ(began.next(), "2");
  go();  // both end; only one is on record
  auto end = server.end_of(run);
  expect_done(end, 2);
  a.signal(SIGCONT);
  ASSERT_TRUE(a.says("did not know this worker any more"));
  a.signal(SIGTERM);
  auto left = a.wait();
  EXPECT_EQ(left.code, 0) << left.err;
  EXPECT_EQ(server.show(run)["tasks"].dump(), end["tasks"].dump());
}

TEST_F(NetworkWorker, AServerThatIsNotThereIsSaidAndWaitedFor) {
  server.start();
  server.kill();
  auto a = worker(first);
  ASSERT_TRUE(a.says("the server is away (cannot connect to 127.0.0.1:"));
  server.start();
  ASSERT_TRUE(a.says("registered at"));
}

// Any language can be a worker: examples/worker.py is one, and is held to the same.
TEST_F(NetworkWorker, TheExampleInPythonCarriesOutTasksAndOutlivesTheServer) {
  server.start();
  auto python = place.start_other({"/usr/bin/env", "PAWL_TOKEN=worker", "python3",
                                   PAWL_SOURCE_DIR "/examples/worker.py", server.url(), "2"});
  ASSERT_TRUE(python.says("registered as worker"));
  LineReader began(place.pipe("began"));
  auto run = submit_one(place.file("began"));
  ASSERT_EQ(began.next(), "1");
  auto other = submit_one(place.file("began"));
  ASSERT_EQ(began.next(), "1");
  EXPECT_EQ(server.show(other)["tasks"][0]["state"].as_string(), "running");
  server.kill();
  go();
  server.start();
  expect_done(server.end_of(run), 1);
  expect_done(server.end_of(other), 1);
  auto logs = place.pawl({"logs", str(run), "--data", place.file("data")});
  EXPECT_THAT(logs.out, HasSubstr("line of 1"));
  // A task that is cancelled is stopped; the slots are free again.
  place.sh("rm go");
  auto cancelled = submit_one(place.file("began"));
  ASSERT_EQ(began.next(), "1");
  EXPECT_EQ(place.pawl({"cancel", str(cancelled), "--data", place.file("data")}).code, 0);
  EXPECT_EQ(server.end_of(cancelled)["state"].as_string(), "cancelled");
}

TEST_F(NetworkWorker, WhatCannotBeIsRefusedAtOnce) {
  EXPECT_EQ(place.pawl({"worker"}).code, 2);
  auto tls = place.pawl({"worker", "--server", "https://x"});
  EXPECT_EQ(tls.code, 2);
  EXPECT_THAT(tls.err, HasSubstr("tunnel"));
  place.write("token", "two words");
  auto token = place.pawl({"worker", "--server", "http://x", "--token-file", place.file("token")});
  EXPECT_EQ(token.code, 2);
  EXPECT_THAT(token.err, HasSubstr("token"));
  place.sh("mkdir -p d && : > d/pawl.db");
  auto taken = place.pawl({"worker", "--server", "http://x", "--data", place.file("d")});
  EXPECT_EQ(taken.code, 9);
  EXPECT_THAT(taken.err, HasSubstr("a directory of its own"));
}

}  // namespace
}  // namespace pawl::e2e
