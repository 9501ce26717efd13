#include "core/run_json.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "core/run_testing.h"

namespace pawl::core {
namespace {

const Json* task_named(const Json& run, std::string_view name) {
  for (const Json& t : run["tasks"].as_array()) {
    if (t["name"].as_string() == name) return &t;
  }
  return nullptr;
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.as_object())
    names.push_back(key);
  return names;
}

constexpr const char* kFlow = R"(
inputs: {list: {}, key: {type: string, secret: true}}
tasks:
  each: {title: All of them, for_each: "${{ inputs.list }}", action: noop}
  g: {tasks: {x: {action: noop}, y: {needs: [x], action: noop}}}
  ask: {action: gate, with: {question: Go?, timeout: 1h}}
finally: {tidy: {action: noop}}
outputs: {n: 3}
verdict: "${{ 'warning' }}"
)";

Json inputs() { return Json::object().set("list", Json::array({1, 2})).set("key", "hunter2"); }

TEST(RunJson, OfARunThatHasJustBegun) {
  TestRun r(kFlow, inputs());
  r.start();
  Json j = run_to_json(r.run, r.ctx);
  EXPECT_EQ(keys(j),
            (std::vector<std::string>{
                "run_id",       "workflow",   "version",    "name",        "job",     "labels",
                "priority",     "state",      "verdict",    "inputs",      "outputs", "error",
                "exit_code",    "created_at", "started_at", "finished_at", "parent",  "source",
                "pause_reason", "counts",     "tasks"}));
  EXPECT_EQ(j["run_id"].dump(), R"("41")");
  EXPECT_EQ(j["state"].as_string(), "running");
  for (const char* key : {"verdict", "outputs", "error", "exit_code", "finished_at", "parent",
                          "source", "job", "pause_reason"}) {
    EXPECT_TRUE(j[key].is_null()) << key;
  }
  EXPECT_EQ(j["created_at"].as_string(), "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(j["labels"].dump(), "{}");
  EXPECT_EQ(j["inputs"].dump(), R"({"list":[1,2],"key":"***"})");
  EXPECT_EQ(j.dump().find("hunter2"), std::string::npos);
  EXPECT_EQ(j["counts"].dump(), R"({"pending":2,"queued":3,"running":2,"waiting":1})");
}

TEST(RunJson, TasksStandFlatAParentBeforeItsChildren) {
  TestRun r(kFlow, inputs());
  r.start();
  Json j = run_to_json(r.run, r.ctx);
  std::string names;
  for (const Json& t : j["tasks"].as_array()) {
    names += str(t["name"].as_string(), t["parent"].is_null() ? "" : "<",
                 t["parent"].is_null() ? "" : t["parent"].as_string(), " ");
  }
  EXPECT_EQ(names, "each each[0]<each each[1]<each g g.x<g g.y<g ask tidy ");
  const Json& each = *task_named(j, "each");
  EXPECT_EQ(each["title"].as_string(), "All of them");
  EXPECT_EQ(each["action"].as_string(), "noop");
  EXPECT_EQ(task_named(j, "each[1]")->operator[]("index").as_integer(), 1);
  EXPECT_EQ((*task_named(j, "g"))["action"].as_string(), "group");
  const Json& ask = *task_named(j, "ask");
  EXPECT_EQ(ask["question"].as_string(), "Go?");
  EXPECT_EQ(ask["wake_at"].as_string(), "2023-11-14T23:13:20.000Z");
  EXPECT_TRUE(ask["queue"].is_null());
  EXPECT_EQ(ask["reason"].as_string(), "gate");
}

TEST(RunJson, OfATask) {
  TestRun r("tasks: {a: {action: noop, queue: gpu, retry: {max_attempts: 2, backoff: 1m..1m}}}");
  r.start();
  r.claim();
  Report p = r.report_of("a", ReportKind::progress);
  p.has_progress = true;
  p.progress = {3, 10, "epoch"};
  p.metrics = {{"loss", 0.5}};
  p.warnings = {"w"};
  EXPECT_TRUE(r.report(p).ok());
  Json t = task_to_json(r.run, 0, r.ctx);
  EXPECT_EQ(t["progress"].dump(), R"({"current":3.0,"total":10.0,"unit":"epoch"})");
  EXPECT_EQ(t["metrics"].dump(), R"({"loss":0.5})");
  EXPECT_EQ(t["warnings"].as_integer(), 1);
  EXPECT_EQ(t["worker"].as_integer(), 1);
  EXPECT_EQ(t["queue"].as_string(), "gpu");
  EXPECT_EQ(t["attempts"].as_integer(), 1);
  r.fail("a", {.failure_class = FailureClass::network, .message = "no route", .exit_code = 7});
  t = task_to_json(r.run, 0, r.ctx);
  EXPECT_EQ(t["error"].as_string(), "no route");
  EXPECT_EQ(t["failure_class"].as_string(), "network");
  EXPECT_EQ(t["exit_code"].as_integer(), 7);
  EXPECT_EQ(t["reason"].as_string(), "backoff");
  EXPECT_FALSE(t["wake_at"].is_null());
  EXPECT_TRUE(t["finished_at"].is_null());
  EXPECT_FALSE(t["started_at"].is_null());
  r.advance(std::chrono::minutes(2));
  r.claim();
  r.complete("a", Json::object().set("rows", 3));
  t = task_to_json(r.run, 0, r.ctx);
  EXPECT_EQ(t["outputs"].dump(), R"({"rows":3})");
  EXPECT_EQ(t["verdict"].as_string(), "warning");
  for (const char* key : {"error", "failure_class", "exit_code", "reason", "wake_at", "worker"}) {
    EXPECT_TRUE(t[key].is_null()) << key;
  }
  EXPECT_EQ(t["attempts"].as_integer(), 2);
}

TEST(RunJson, OutputsOfElementsAndMembersStandAtTheParentToo) {
  TestRun r(kFlow, inputs());
  r.start();
  r.claim();
  r.complete("each[1]", Json::object().set("n", 1));
  Json j = run_to_json(r.run, r.ctx);
  EXPECT_EQ((*task_named(j, "each"))["outputs"].dump(), R"([null,{"n":1}])");
  EXPECT_TRUE((*task_named(j, "g"))["outputs"].is_null());
  r.complete("g.x", Json::object().set("m", 2));
  r.work();
  EXPECT_TRUE(r.approve().ok());
  r.work();
  j = run_to_json(r.run, r.ctx);
  EXPECT_EQ((*task_named(j, "g"))["outputs"].dump(), R"({"x":{"m":2},"y":null})");
  EXPECT_EQ(j["outputs"].dump(), R"({"n":3})");
  EXPECT_EQ(j["verdict"].as_string(), "warning");
  EXPECT_EQ(j["exit_code"].as_integer(), 0);
  EXPECT_EQ((*task_named(j, "ask"))["note"].as_string(), "approved");
}

TEST(RunJson, ALargeOutputIsReadWhereItLies) {
  TestRun r("tasks: {a: {action: noop}}");
  r.start();
  r.work();
  r.run.extras[0].output_hash = "abc";
  EXPECT_TRUE(task_to_json(r.run, 0, r.ctx)["outputs"].is_null());
  r.ctx.payload = [](RunId, const std::string& hash) -> Result<Json> { return Json(hash); };
  EXPECT_EQ(task_to_json(r.run, 0, r.ctx)["outputs"].as_string(), "abc");
}

TEST(RunJson, ElementsOfAReplacedExpansionAreNotShown) {
  TestRun r(R"(
tasks:
  list: {action: noop}
  e: {needs: [list], for_each: "${{ tasks.list.outputs.l }}", action: noop}
  f: {needs: [list], for_each: "${{ tasks.list.outputs.l }}", action: noop}
)");
  r.start();
  r.claim();
  r.complete("list", Json::object().set("l", Json::array({1, 2})));
  r.claim();
  r.fail("e[0]");
  r.work();
  EXPECT_TRUE(r.recover("list").ok());
  r.claim();
  r.complete("list", Json::object().set("l", Json::array({1})));
  EXPECT_EQ(r.states(), "list=completed e=running e[0]=queued f=running f[0]=queued");
}

TEST(ExitCode, OfEveryEnd) {
  TestRun r("tasks: {a: {action: noop}}");
  auto& run = r.run;
  EXPECT_EQ(run_exit_code(run, false), 1);
  run.state = RunState::completed;
  EXPECT_EQ(run_exit_code(run, false), 0);
  run.verdict = Verdict::pass;
  EXPECT_EQ(run_exit_code(run, true), 0);
  run.verdict = Verdict::warning;
  EXPECT_EQ(run_exit_code(run, false), 0);
  EXPECT_EQ(run_exit_code(run, true), 4);
  run.verdict = Verdict::fail;
  EXPECT_EQ(run_exit_code(run, false), 4);
  run.state = RunState::failed;
  run.verdict = Verdict::none;
  EXPECT_EQ(run_exit_code(run, false), 3);
  run.rejected = true;
  EXPECT_EQ(run_exit_code(run, false), 5);
  run.state = RunState::cancelled;
  EXPECT_EQ(run_exit_code(run, false), 5);
}

TEST(EventJson, SaysWhatHappened) {
  TestRun r("tasks: {a: {action: noop}}");
  r.start();
  r.claim();
  r.fail("a");
  std::vector<std::string> lines;
  for (const Event& e : r.history)
    lines.push_back(event_to_json(r.run, e).dump());
  EXPECT_EQ(lines[1],
            R"({"seq":2,"time":"2023-11-14T22:13:20.000Z","kind":"run_state","task":null,)"
            R"("attempt":null,"state":"running","reason":null,"text":null})");
  EXPECT_EQ(lines[4],
            R"({"seq":5,"time":"2023-11-14T22:13:20.000Z","kind":"task_state","task":"a",)"
            R"("attempt":1,"state":"failed","reason":"error","text":"it broke"})");
  EXPECT_EQ(r.history.back().run_state, RunState::failed);
  for (std::size_t i = 0; i < r.history.size(); ++i)
    EXPECT_EQ(r.history[i].seq, i + 1);
}

}  // namespace
}  // namespace pawl::core
