// kill -9 at random instants, then `pawl watch`: what was completed is not run again, a checkpoint
// is handed on, and the result is the same as without any crash.
#include <gtest/gtest.h>
#include <signal.h>

#include <map>

#include "base/random.h"
#include "base/text.h"
#include "tests/pawl_testing.h"

namespace pawl::e2e {
namespace {

// Each task notes itself at its end; `count` goes on from its checkpoint and notes where it began.
constexpr std::string_view kWorkflow = R"(
pawl: 1
name: crash
tasks:
  list:
    action: shell
    run: |
      read -t 0.05 < "$HOLD"; echo list >> ran; echo '{"n": [1, 2, 3]}' > "$PAWL_OUTPUT"
    env: {HOLD: "${{ inputs.hold }}"}
    shell: bash
  part:
    needs: [list]
    for_each: "${{ tasks.list.outputs.n }}"
    action: shell
    shell: bash
    run: |
      read -t 0.1 < "$HOLD"; echo "part $N" >> ran; echo "{\"n\": $N}" > "$PAWL_OUTPUT"
    env: {N: "${{ item }}", HOLD: "${{ inputs.hold }}"}
  count:
    needs: [list]
    action: shell
    shell: bash
    env: {HOLD: "${{ inputs.hold }}"}
    run: |
      n=$(cat "$PAWL_CHECKPOINT" 2>/dev/null || echo 0)
      echo "from ${n:-0}" >> count
      for i in $(seq $((${n:-0} + 1)) 8); do
        read -t 0.05 < "$HOLD"; echo $i >> steps; echo $i > "$PAWL_CHECKPOINT.new"
        mv "$PAWL_CHECKPOINT.new" "$PAWL_CHECKPOINT"
      done
      echo count >> ran; echo '{"steps": 8}' > "$PAWL_OUTPUT"
  last:
    needs: [part, count]
    action: shell
    run: echo last >> ran
outputs:
  steps: "${{ tasks.count.outputs.steps }}"
  list: "${{ tasks.list.outputs.n }}"
inputs:
  hold: {type: string, required: true}
)";

std::map<std::string, int> lines_of(const std::string& text) {
  std::map<std::string, int> out;
  for (auto line : split(text, '\n')) {
    if (!line.empty()) ++out[std::string(line)];
  }
  return out;
}

std::map<std::string, std::string> states_of(const Json& run) {
  std::map<std::string, std::string> out;
  for (const auto& task : run["tasks"].as_array()) {
    out[task["name"].as_string()] = task["state"].as_string();
  }
  return out;
}

// Runs the workflow, kills the engine (and where asked the spawner) `crashes` times, watches to the
// end.
void crash_and_carry_on(std::uint64_t seed, bool whole_machine) {
  Place place;
  Random random(seed);
  auto file = place.write("w.yaml", kWorkflow);
  // A pipe that nobody ever writes to: a read with a time limit is a pause that needs no process.
  auto hold = place.pipe("hold");
  LineReader keep_open(hold);
  std::map<std::string, std::string> before;
  bool submitted = false;
  for (int crash = 0; crash < 3; ++crash) {
    auto child = submitted ? place.start({"watch", "@last"})
                           : place.start({"run", file, "-i", "hold=" + hold});
    bool ended = child.ends_within(std::chrono::milliseconds(random.below(400)));
    child.signal(SIGKILL);
    child.wait();
    if (whole_machine) place.kill_spawner();
    auto shown = place.pawl({"show", "@last", "--json"});
    submitted = shown.code == 0;
    if (submitted) before = states_of(shown.json());
    if (ended) break;
  }
  auto ran_before = lines_of(place.read("ran"));
  auto end = submitted ? place.pawl({"watch", "@last", "--json"})
                       : place.pawl({"run", file, "-i", "hold=" + hold, "--json"});
  ASSERT_EQ(end.code, 0) << end.err;
  auto run = end.json();
  EXPECT_EQ(run["state"].as_string(), "completed");
  EXPECT_EQ(run["outputs"].dump(), R"({"steps":8,"list":[1,2,3]})");
  auto ran = lines_of(place.read("ran"));
  for (const char* name : {"list", "part 1", "part 2", "part 3", "count", "last"}) {
    EXPECT_GE(ran[name], 1) << name;
    // A process outlives the engine; only with the machine gone does unfinished work begin anew.
    if (!whole_machine) {
      EXPECT_EQ(ran[name], 1) << name;
    }
  }
  for (const char* name : {"list", "count"}) {
    if (before[name] == "completed") {
      EXPECT_EQ(ran[name], ran_before[name]) << name;
    }
  }
  // No step that a checkpoint holds is done twice: each attempt begins where the last one ended.
  for (const auto& [step, times] : lines_of(place.read("steps"))) {
    EXPECT_LE(times, whole_machine ? 4 : 1) << "step " << step;
  }
}

class CliCrash : public testing::TestWithParam<int> {};

TEST_P(CliCrash, EngineKilledAtARandomInstant) {
  crash_and_carry_on(static_cast<std::uint64_t>(GetParam()), false);
}
TEST_P(CliCrash, EverythingKilledAtARandomInstant) {
  crash_and_carry_on(static_cast<std::uint64_t>(GetParam()) + 1000, true);
}

INSTANTIATE_TEST_SUITE_P(Seeds, CliCrash, testing::Range(1, 11));

TEST(CliCrashKnown, CheckpointIsHandedOnAfterThePowerWentOff) {
  Place place;
  auto file = place.write("w.yaml", R"(
pawl: 1
name: checkpoint
tasks:
  train:
    action: shell
    shell: bash
    run: |
      n=$(cat "$PAWL_CHECKPOINT" 2>/dev/null); echo "${n:-0}" >> began
      if [ -z "$n" ]; then echo 7 > "$PAWL_CHECKPOINT"; echo ready > "$READY"; read < "$HOLD"; fi
      echo "{\"from\": ${n:-0}}" > "$PAWL_OUTPUT"
    env: {READY: "${{ inputs.ready }}", HOLD: "${{ inputs.hold }}"}
outputs: {from: "${{ tasks.train.outputs.from }}"}
inputs: {ready: {type: string}, hold: {type: string}}
)");
  auto hold = place.pipe("hold"), ready = place.pipe("ready");
  LineReader keep_open(hold), signs(ready);
  auto child = place.start({"run", file, "-i", "hold=" + hold, "-i", "ready=" + ready});
  ASSERT_EQ(signs.next(), "ready");
  child.signal(SIGKILL);
  child.wait();
  place.kill_spawner();
  auto end = place.pawl({"watch", "@last", "--json"});
  ASSERT_EQ(end.code, 0) << end.err;
  EXPECT_EQ(end.json()["outputs"].dump(), R"({"from":7})");
  EXPECT_EQ(place.read("began"), "0\n7\n");
}

TEST(CliCrashKnown, RunningProcessesAreAdoptedNotStartedAgain) {
  Place place;
  auto file = place.write("w.yaml", R"(
pawl: 1
name: adopt
tasks:
  long:
    action: shell
    shell: bash
    run: |
      echo began >> began; echo before
      echo ready > "$READY"; read line < "$HOLD"; echo "after $line"
    env: {READY: "${{ inputs.ready }}", HOLD: "${{ inputs.hold }}"}
inputs: {ready: {type: string}, hold: {type: string}}
)");
  auto hold = place.pipe("hold"), ready = place.pipe("ready");
  LineReader keep_open(hold), signs(ready);
  auto child = place.start({"run", file, "-i", "hold=" + hold, "-i", "ready=" + ready});
  ASSERT_EQ(signs.next(), "ready");
  child.signal(SIGKILL);
  child.wait();
  auto watch = place.start({"watch", "1"});
  place.sh("echo go > hold");
  auto end = watch.wait();
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_EQ(place.read("began"), "began\n");
  EXPECT_EQ(place.pawl({"logs", "1", "long"}).out, "before\nafter go\n");
}

}  // namespace
}  // namespace pawl::e2e
