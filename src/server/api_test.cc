// What the API's routes do, over a real engine. Roles and shapes are openapi_test's.
#include "server/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <thread>

#include "base/fs.h"
#include "base/text.h"
#include "server/api_testing.h"

namespace pawl::server {
namespace {

using testing::HasSubstr;
using testing::Not;

const Json& item(const Answer& a, std::size_t i, Json& keep) {
  keep = a.json()["items"];
  return keep[i];
}

std::vector<std::string> ids(const Answer& a) {
  std::vector<std::string> out;
  const auto items = a.json()["items"];
  for (std::size_t i = 0; i < items.size(); ++i)
    out.push_back(items[i]["run_id"].as_string());
  return out;
}

Json first_error(const Answer& a) { return a.json()["errors"][std::size_t{0}]; }

TEST(ApiRuns, PagesStayTogetherWhileRunsComeIn) {
  ApiBed bed;  // run 1
  for (int i = 0; i < 6; ++i)
    bed.submit();
  auto page = bed.get("/api/v1/runs?limit=3&workflow=gated");
  EXPECT_EQ(ids(page), (std::vector<std::string>{"7", "6", "5"}));
  EXPECT_THAT(page.header("Link"), HasSubstr("rel=\"next\""));
  bed.submit();
  const auto cursor = page.json()["next_cursor"].as_string();
  auto next = bed.get("/api/v1/runs?limit=3&workflow=gated&cursor=" + cursor);
  EXPECT_EQ(ids(next), (std::vector<std::string>{"4", "3", "2"}));
  auto last = bed.get(
      str("/api/v1/runs?limit=3&workflow=gated&cursor=", next.json()["next_cursor"].as_string()));
  EXPECT_EQ(ids(last), (std::vector<std::string>{"1"}));
  EXPECT_TRUE(last.json()["next_cursor"].is_null());
  EXPECT_EQ(bed.get("/api/v1/runs?limit=3&cursor=" + cursor).status, 400);
  EXPECT_EQ(bed.get("/api/v1/runs?limit=3&workflow=gated&cursor=x").status, 400);
  EXPECT_EQ(bed.get("/api/v1/runs?limit=0").status, 400);
  EXPECT_EQ(bed.get("/api/v1/runs?limit=501").status, 400);
}

TEST(ApiRuns, FiltersFindWhatTheySay) {
  ApiBed bed;
  bed.submit(Json::object().set("day", "2026-03-01"));
  bed.ask("POST", "/api/v1/runs", "operator",
          R"({"workflow": "gated", "labels": {"team": "ads"}, "job": "j-1"})");
  ASSERT_TRUE(bed.engine->cancel(RunId{1}, "x").ok());
  EXPECT_EQ(ids(bed.get("/api/v1/runs?state=cancelled")), (std::vector<std::string>{"1"}));
  EXPECT_EQ(ids(bed.get("/api/v1/runs?state=running,cancelled")).size(), 3u);
  EXPECT_EQ(ids(bed.get("/api/v1/runs?name=DAY%202026-03")), (std::vector<std::string>{"2"}));
  EXPECT_EQ(ids(bed.get("/api/v1/runs?label=team%3Dads")), (std::vector<std::string>{"3"}));
  EXPECT_EQ(ids(bed.get("/api/v1/runs?job=j-1")), (std::vector<std::string>{"3"}));
  EXPECT_EQ(ids(bed.get("/api/v1/runs?workflow=other")).size(), 0u);
  EXPECT_EQ(ids(bed.get("/api/v1/runs?since=1h")).size(), 3u);
  EXPECT_EQ(ids(bed.get("/api/v1/runs?since=2999-01-01T00:00:00Z")).size(), 0u);
  for (const char* wrong : {"state=done", "label=team", "label=%3Dads", "since=yesterday"})
    EXPECT_EQ(bed.get(str("/api/v1/runs?", wrong)).status, 400) << wrong;
}

TEST(ApiRuns, AHundredPostsOfOneKeyMakeOneRun) {
  ApiBed bed;
  std::mutex mutex;
  std::set<std::string> made;
  std::vector<std::thread> threads;
  for (int t = 0; t < 10; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        auto a = bed.ask("POST", "/api/v1/runs", "operator", R"({"workflow": "gated"})",
                         {{"Idempotency-Key", "\"k-1\""}});
        std::lock_guard lock(mutex);
        EXPECT_EQ(a.status, 201) << a.body;
        made.insert(a.json()["run_id"].as_string());
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(made, std::set<std::string>{"2"});
  auto other = bed.ask("POST", "/api/v1/runs", "operator",
                       R"({"workflow": "gated", "inputs": {"day": "2026-05-05"}})",
                       {{"Idempotency-Key", "k-1"}});
  EXPECT_EQ(other.status, 422);
  EXPECT_EQ(bed.ask("POST", "/api/v1/runs", "operator", R"({"workflow": "gated"})",
                    {{"Idempotency-Key", "a b"}})
                .status,
            400);
}

TEST(ApiRuns, WhatIsWrongWithASubmissionIsAllNamed) {
  ApiBed bed;
  auto post = [&](std::string_view body) {
    return bed.ask("POST", "/api/v1/runs", "operator", body);
  };
  auto fields = post(R"({"workflw": "gated", "priority": 1000, "labels": {"a": 1}, "name": 3})");
  EXPECT_EQ(fields.status, 400);
  EXPECT_EQ(fields.json()["errors"].size(), 5u) << fields.body;
  auto inputs = post(R"({"workflow": "gated", "inputs": {"day": "today", "color": 1}})");
  EXPECT_EQ(inputs.status, 422);
  EXPECT_EQ(inputs.json()["code"], "invalid_input");
  EXPECT_EQ(inputs.json()["errors"].size(), 2u) << inputs.body;
  EXPECT_EQ(first_error(inputs)["pointer"], "/inputs/day");
  EXPECT_EQ(post(R"({"workflow": "none"})").status, 404);
  EXPECT_EQ(post(R"({"workflow": "gated", "version": 9})").status, 404);
  EXPECT_EQ(post("").status, 400);
  EXPECT_EQ(bed.store->last_run_id().value(), RunId{1});
}

TEST(ApiRuns, AnUnchangedRunCostsNoBody) {
  ApiBed bed;
  auto run = bed.get("/api/v1/runs/1");
  const auto tag = run.header("ETag");
  ASSERT_FALSE(tag.empty());
  auto same =
      bed.ask("GET", "/api/v1/runs/1", "viewer", "", {{"If-None-Match", "\"x\", W/" + tag}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(bed.ask("POST", "/api/v1/runs/1/pause", "operator", R"({"message": "why"})").status,
            200);
  auto other = bed.ask("GET", "/api/v1/runs/1", "viewer", "", {{"If-None-Match", tag}});
  EXPECT_EQ(other.status, 200);
  EXPECT_EQ(other.json()["state"], "paused");
  EXPECT_GT(other.json()["revision"].as_integer(), run.json()["revision"].as_integer());
}

TEST(ApiRuns, WhoChangedSomethingIsInItsHistory) {
  ApiBed bed;
  bed.ask("POST", "/api/v1/runs/1/pause", "operator", R"({"message": "the disk"})");
  EXPECT_THAT(bed.get("/api/v1/runs/1/events").body, HasSubstr("operator: the disk"));
  EXPECT_EQ(bed.ask("POST", "/api/v1/runs/1/pause", "operator").status, 409);
  EXPECT_EQ(bed.ask("POST", "/api/v1/runs/1/resume", "operator").json()["state"], "running");
  EXPECT_EQ(bed.ask("POST", "/api/v1/runs/x/pause", "operator").status, 404);
  EXPECT_EQ(bed.ask("POST", "/api/v1/runs/1/cancel", "operator", R"({"mesage": "x"})").status, 400);
}

TEST(ApiRuns, SecretsAreNeverShown) {
  ApiBed bed;
  const std::string canary = "canary-9f8e7d";
  auto made = bed.ask("POST", "/api/v1/runs", "operator",
                      str(R"({"workflow": "gated", "inputs": {"key": ")", canary, "\"}}"));
  ASSERT_EQ(made.status, 201);
  for (const char* target : {"/api/v1/runs/2", "/api/v1/runs/2/tasks", "/api/v1/runs/2/events",
                             "/api/v1/runs", "/api/v1/gates", "/api/v1/runs/2/why"})
    EXPECT_THAT(bed.get(target).body, Not(HasSubstr(canary))) << target;
  auto plan = bed.ask("POST", "/api/v1/workflows/gated/plan", "viewer",
                      str(R"({"inputs": {"key": ")", canary, "\"}}"));
  EXPECT_THAT(plan.body, Not(HasSubstr(canary)));
}

TEST(ApiGates, ShowWhatTheyAskAndTakeOneAnswer) {
  ApiBed bed;
  bed.submit();
  Json keep;
  auto gates = bed.get("/api/v1/gates");
  EXPECT_EQ(item(gates, 0, keep)["gate_id"], "2.approve");
  EXPECT_EQ(item(gates, 1, keep)["question"], "Load 2026-01-31?");
  EXPECT_EQ(item(gates, 1, keep)["preview"]["rows"], 3);
  EXPECT_EQ(item(gates, 1, keep)["form"][std::size_t{0}]["name"], "limit");
  EXPECT_FALSE(item(gates, 1, keep)["until"].is_null());
  auto page = bed.get("/api/v1/gates?limit=1");
  EXPECT_EQ(page.json()["items"].size(), 1u);
  auto next = bed.get("/api/v1/gates?limit=1&cursor=" + page.json()["next_cursor"].as_string());
  EXPECT_EQ(item(next, 0, keep)["gate_id"], "1.approve");
  auto wrong =
      bed.ask("POST", "/api/v1/gates/1.approve/approve", "operator", R"({"data": {"limit": 0}})");
  EXPECT_EQ(wrong.status, 422);
  EXPECT_EQ(first_error(wrong)["pointer"], "/data/limit");
  EXPECT_EQ(bed.ask("POST", "/api/v1/gates/1.approve/approve", "operator",
                    R"({"data": {"limit": 7}, "message": "fine"})")
                .status,
            200);
  EXPECT_EQ(bed.ask("POST", "/api/v1/gates/1.approve/approve", "operator").status, 409);
  auto task = bed.get("/api/v1/runs/1/tasks/approve");
  EXPECT_EQ(task.json()["outputs"]["limit"], 7) << task.body;
  EXPECT_EQ(bed.get("/api/v1/gates/1.approve").json()["open"], false);
  EXPECT_EQ(bed.get("/api/v1/gates/1.train").status, 404);
  EXPECT_EQ(bed.get("/api/v1/gates/1").status, 404);
  EXPECT_EQ(bed.ask("POST", "/api/v1/gates/2.approve/reject", "operator").json()["state"],
            "failed");
}

TEST(ApiWorkflows, AreRegisteredOnceAndKeepTheirVersions) {
  ApiBed bed;
  const AskHeaders yaml = {{"Content-Type", "application/yaml"}};
  auto post = [&](std::string_view text) {
    return bed.ask("POST", "/api/v1/workflows", "admin", text, yaml);
  };
  const std::string first = "pawl: 1\nname: w\ntasks: {a: {action: noop}}\n";
  EXPECT_EQ(post(first).status, 201);
  EXPECT_EQ(post(first).status, 200);
  EXPECT_EQ(post(first + "# changed\n").json()["version"], 2);
  auto versions = bed.get("/api/v1/workflows/w/versions?limit=1");
  Json keep;
  EXPECT_EQ(item(versions, 0, keep)["version"], 2);
  auto older = bed.get("/api/v1/workflows/w/versions?limit=1&cursor=" +
                       versions.json()["next_cursor"].as_string());
  EXPECT_EQ(item(older, 0, keep)["version"], 1);
  EXPECT_TRUE(older.json()["next_cursor"].is_null());
  EXPECT_EQ(bed.get("/api/v1/workflows/w?version=1").json()["text"], first);
  EXPECT_EQ(bed.get("/api/v1/workflows").json()["items"].size(), 2u);
  auto wrong = post("pawl: 1\nname: w\ntasks:\n  a: {action: nop}\n  b: {needs: [c]}\n");
  EXPECT_EQ(wrong.status, 422);
  EXPECT_GE(wrong.json()["errors"].size(), 2u) << wrong.body;
  EXPECT_THAT(first_error(wrong)["detail"].as_string(), HasSubstr("workflow.yaml:4:"));
  EXPECT_EQ(post("").status, 400);
  EXPECT_EQ(post("\xff\xfe").status, 400);
  auto checked = bed.ask("POST", "/api/v1/workflows/validate", "viewer", "pawl: 2\n", yaml);
  EXPECT_EQ(checked.status, 200);
  EXPECT_EQ(checked.json()["valid"], false);
}

TEST(ApiWorkflows, ABundleBringsItsChildren) {
  ApiBed bed;
  const Bundle bundle{
      {{"/w/child.yaml", "pawl: 1\nname: child\ntasks: {a: {action: noop}}\n", {}},
       {"/w/parent.yaml",
        "pawl: 1\nname: parent\ntasks: {c: {action: workflow, with: {file: child.yaml}}}\n",
        {{"child.yaml", 0}}}}};
  auto made = bed.ask("POST", "/api/v1/workflows", "admin",
                      Json::object().set("bundle", bundle_to_json(bundle)).dump());
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.json()["name"], "parent");
  EXPECT_EQ(bed.get("/api/v1/workflows/child").status, 200);
}

// Takes what it is given and keeps it.
class Link final : public core::WorkerLink {
 public:
  void assign(std::vector<core::Assignment> batch) override {
    std::lock_guard lock(mutex_);
    for (auto& a : batch)
      fences_.push_back(a.fence);
    came_.notify_all();
  }
  void cancel(const core::Fence&) override {}
  void refused(const core::Fence&) override {}
  core::Fence wait() {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, std::chrono::seconds(30), [&] { return !fences_.empty(); });
    return fences_.empty() ? core::Fence{} : fences_.front();
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<core::Fence> fences_;
};

TEST(ApiRunParts, LinesAndEventsAreReadPageByPage) {
  ApiBed bed;
  ASSERT_TRUE(bed.engine->approve(RunId{1}, {"approve", Json(), "me", ""}).ok());
  auto link = std::make_shared<Link>();
  const auto worker = bed.engine->join({}, link, {});
  bed.engine->offer(worker, 1);
  const auto fence = link->wait();
  core::LogBatch batch;
  batch.fence = fence;
  for (int i = 0; i < 25; ++i)
    batch.lines.push_back({system_clock().now(), core::Stream::out, str("line ", i)});
  bed.engine->log(worker, batch);
  core::Report started, done;
  started.fence = done.fence = fence;
  started.kind = core::ReportKind::started;
  done.kind = core::ReportKind::completed;
  bed.engine->report(worker, {started, done}, 0);
  ASSERT_TRUE(
      bed.engine->wait_for_end(RunId{1}, system_clock().mono() + std::chrono::minutes(1)).value());
  bed.engine->leave(worker);
  Json keep;
  auto a = bed.get("/api/v1/runs/1/tasks/train/logs?limit=10");
  EXPECT_EQ(a.json()["items"].size(), 10u);
  EXPECT_EQ(a.json()["next_line"], 10);
  auto b = bed.get("/api/v1/runs/1/tasks/train/logs?limit=10&from_line=20");
  EXPECT_EQ(item(b, 4, keep)["text"], "line 24");
  EXPECT_EQ(b.json()["open"], false);
  EXPECT_EQ(b.json()["next_line"], 25);
  EXPECT_EQ(bed.get("/api/v1/runs/1/tasks/train/logs?attempt=2").json()["items"].size(), 0u);
  EXPECT_EQ(bed.get("/api/v1/runs/1/tasks/approve/logs").json()["attempt"], 0);
  auto lost = bed.get("/api/v1/runs/1/tasks/trian/logs");
  EXPECT_EQ(lost.status, 404);
  EXPECT_THAT(lost.json()["hint"].as_string(), HasSubstr("train"));

  std::int64_t after = 0;
  std::vector<std::int64_t> seen;
  for (bool more = true; more;) {
    auto page = bed.get(str("/api/v1/runs/1/events?limit=2&after_seq=", after)).json();
    for (std::size_t i = 0; i < page["items"].size(); ++i)
      seen.push_back(page["items"][i]["seq"].as_integer());
    after = page["last_seq"].as_integer();
    more = page["more"].as_bool();
  }
  ASSERT_GT(seen.size(), 4u);
  for (std::size_t i = 0; i < seen.size(); ++i)
    EXPECT_EQ(seen[i], static_cast<std::int64_t>(i + 1));

  auto tasks = bed.get("/api/v1/runs/1/tasks?limit=1");
  EXPECT_EQ(item(tasks, 0, keep)["name"], "approve");
  EXPECT_EQ(item(tasks, 0, keep).find("outputs"), nullptr);
  auto rest =
      bed.get("/api/v1/runs/1/tasks?limit=1&cursor=" + tasks.json()["next_cursor"].as_string());
  EXPECT_EQ(item(rest, 0, keep)["name"], "train");
  EXPECT_TRUE(rest.json()["next_cursor"].is_null());
  EXPECT_EQ(bed.get("/api/v1/runs/1/tasks?state=failed").json()["items"].size(), 0u);
  EXPECT_EQ(bed.get("/api/v1/runs/1/tasks?state=done").status, 400);
}

TEST(ApiSystem, ReadinessEndsWhenTheServerStops) {
  ApiBed bed;
  EXPECT_EQ(bed.ask("GET", "/readyz", "").body, "ok\n");
  EXPECT_THAT(bed.ask("GET", "/readyz?verbose", "").body, HasSubstr("[+]store: can be written"));
  bed.api->stopping = true;
  auto a = bed.ask("GET", "/readyz?verbose", "");
  EXPECT_EQ(a.status, 503);
  EXPECT_THAT(a.body, HasSubstr("[-]stopping"));
  EXPECT_EQ(bed.ask("GET", "/livez", "").status, 200);
  EXPECT_EQ(bed.ask("GET", "/problems/conflict", "").status, 200);
}

TEST(ApiSystem, TheDashboardAsksForMetricsThatThereAre) {
  ApiBed bed;
  const auto text = bed.get("/metrics").body;
  const auto file = read_file(PAWL_SOURCE_DIR "/packaging/grafana/pawl.json").value();
  const auto dashboard = Json::parse(file);
  ASSERT_TRUE(dashboard.ok());
  int asked = 0;
  for (const auto& panel : (*dashboard)["panels"].as_array()) {
    for (const auto& target : panel["targets"].as_array()) {
      const std::string expr = target["expr"].as_string();
      for (auto at = expr.find("pawl_"); at != std::string::npos; at = expr.find("pawl_", at + 1)) {
        const auto name = expr.substr(at, expr.find('{', at) - at);
        EXPECT_THAT(text, HasSubstr(str("# TYPE ", name, " "))) << expr;
        ++asked;
      }
    }
  }
  EXPECT_GT(asked, 15);
}

TEST(ApiSystem, MetricsAreThoseOfTheirPage) {
  ApiBed bed;
  bed.get("/api/v1/runs");
  std::set<std::string> told, documented;
  const auto text = bed.get("/metrics").body;
  for (auto line : split(text, '\n')) {
    if (line.starts_with("# TYPE ")) told.insert(std::string(split(line, ' ')[2]));
    if (line.empty() || line.starts_with('#')) continue;
    const auto name = line.substr(0, line.find_first_of("{ "));
    EXPECT_TRUE(told.count(std::string(name))) << line;
  }
  const auto page = read_file(PAWL_SOURCE_DIR "/docs/reference/metrics.md").value();
  for (auto line : split(page, '\n')) {
    if (line.starts_with("| `pawl_")) documented.insert(std::string(split(line, '`')[1]));
  }
  EXPECT_EQ(told, documented);
  EXPECT_THAT(bed.get("/metrics").body,
              HasSubstr("pawl_http_requests_total{operation=\"list_runs\",class=\"2xx\"} 1\n"));
}

}  // namespace
}  // namespace pawl::server
