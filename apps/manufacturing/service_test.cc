// The app without a socket: posted batches, statuses, results, and what survives a restart.
#include "manufacturing/service.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pawl/orchestrator.h>

#include <cmath>

#include "manufacturing/batch_testing.h"

namespace manufacturing {
namespace {

using pawl::Request;
using pawl::Response;
using pawl::Role;
using pawl::RunState;
using pawl::Value;
using testing::HasSubstr;

class ServiceTest : public testing::Test {
 protected:
  void open(const std::string& dag = default_dag()) {
    service_ = Service::open(folder_.at("dir"), read_dag("d", dag).value()).value();
    pawl::Options options;
    options.directory = service_->state();
    options.threads = 2;
    pawl_ = pawl::Orchestrator::open(std::move(options)).value();
    ASSERT_TRUE(service_->sweep(*pawl_).ok());
    app_ = service_->app();
    auto attached = app_.attach(*pawl_);
    ASSERT_TRUE(attached.ok()) << attached.text();
  }
  void close() {
    pawl_.reset();
    service_.reset();
  }
  Response ask(const std::string& method, const std::string& path, const std::string& body = "",
               std::map<std::string, std::string> query = {}) {
    return app_.handle({.method = method,
                        .path = path,
                        .query = std::move(query),
                        .body = body,
                        .role = Role::admin});
  }
  Value json(const Response& response, int status = 200) {
    EXPECT_EQ(response.status, status) << response.body;
    return Value::parse(response.body).value_or({});
  }
  pawl::RunId post(const std::string& batch) {
    return json(ask("POST", "/workflow", batch)).get("workflow_id").as_integer();
  }
  // The result of a batch.
  Value analysed(const std::string& batch) {
    auto run = post(batch);
    auto done = pawl_->wait(run, std::chrono::minutes(1));
    EXPECT_TRUE(done.ok()) << done.status().text();
    EXPECT_EQ(done->state, RunState::completed) << done->error;
    return json(ask("GET", "/results/" + std::to_string(run)));
  }
  std::size_t folders() const { return list_folder(folder_.at("dir/batches")).value().size(); }

  TestFolder folder_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<pawl::Orchestrator> pawl_;
  pawl::App app_{"none"};
};

// Twenty sensors with a little noise; `drift` a reading is added to the first.
std::string batch(double drift = 0, double spike = 0) {
  Value sensors = Value::object();
  for (int s = 0; s < 20; ++s) {
    Value values = Value::array();
    for (int i = 0; i < 100; ++i) {
      double v = 20 + std::sin(i * 37.0 + s) + (s == 0 ? drift * i : 0);
      values.push(s == 1 && i == 50 ? Value(v + spike) : Value(v));
    }
    sensors.set("s" + std::to_string(s), values);
  }
  return Value::object({{"batch_id", "B-9"}, {"line", 4}, {"sensors", sensors}}).json();
}

TEST_F(ServiceTest, AGoodBatchPasses) {
  open();
  Value result = analysed(batch());
  EXPECT_EQ(result.get("verdict").as_string(), "PASS");
  EXPECT_EQ(result.get("reasons").at(0).get("message").as_string(), "5 rules hold");
  EXPECT_EQ(result.get("batch_id").as_string(), "B-9");
  EXPECT_EQ(result.get("sensors").size(), 20u);
  EXPECT_EQ(result.get("figures").get("readings").as_integer(), 2000);
  Value status = json(ask("GET", "/status/1"));
  EXPECT_EQ(status.get("status").as_string(), "completed");
  EXPECT_EQ(status.get("verdict").as_string(), "PASS");
  std::string tasks;
  for (std::size_t i = 0; i < status.get("tasks").size(); ++i) {
    Value t = status.get("tasks").at(i);
    EXPECT_EQ(t.get("status").as_string(), "completed");
    EXPECT_EQ(t.get("attempts").as_integer(), 1);
    EXPECT_EQ(t.get("max_attempts").as_integer(), 3);
    for (const char* key : {"task_type", "input_data", "output_data"})
      EXPECT_FALSE(t.get(key).is_null()) << key;
    for (const char* key : {"error", "lease"})
      EXPECT_TRUE(t.has(key) && t.get(key).is_null()) << key;
    tasks += std::string(t.get("name").as_string()) + t.get("depends_on").json() + " ";
  }
  EXPECT_EQ(tasks,
            "detect_outliers[] analyze_trends[] "
            "synthesize[\"detect_outliers\",\"analyze_trends\"] verdict[\"synthesize\"] ");
  EXPECT_EQ(json(ask("GET", "/workflows")).get("workflows").at(0).get("verdict").as_string(),
            "PASS");
  EXPECT_EQ(json(ask("GET", "/logs/1")).get("lines").at(0).get("task").as_string(), "verdict");
}

TEST_F(ServiceTest, ADriftAndASpikeAreTold) {
  open();
  Value warned = analysed(batch(0.2));
  EXPECT_EQ(warned.get("verdict").as_string(), "WARNING");
  EXPECT_EQ(warned.get("reasons").at(0).get("figure").as_string(), "drifting_share");
  EXPECT_EQ(warned.get("reasons").at(0).get("sensors").json(), R"(["s0"])");
  Value trend = warned.get("sensors").at(0).get("trend");
  EXPECT_TRUE(trend.get("drifting").as_bool());
  EXPECT_NEAR(trend.get("slope").as_double(), 0.2, 0.01);
  Value failed = analysed(batch(0, 1000));
  EXPECT_EQ(failed.get("verdict").as_string(), "WARNING");
  EXPECT_THAT(failed.get("reasons").json(), HasSubstr("largest_deviation"));
  EXPECT_EQ(failed.get("reasons").at(0).get("sensors").at(0).as_string(), "s1");
  Value list = failed.get("sensors").at(1).get("outliers").get("list");
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list.at(0).get("index").as_integer(), 50);
  Value flagged = json(ask("GET", "/results/2", "", {{"sensors", "flagged"}}));
  EXPECT_EQ(flagged.get("sensors").at(0).get("sensor").as_string(), "s1");
  EXPECT_EQ(flagged.get("sensors").size(), 1u);
  EXPECT_FALSE(json(ask("GET", "/results/2", "", {{"sensors", "none"}})).has("sensors"));
}

TEST_F(ServiceTest, ABatchOfNothingFails) {
  open();
  Value result = analysed(R"({"sensors": {"a": [null, NaN], "b": []}})");
  EXPECT_EQ(result.get("verdict").as_string(), "FAIL");
  EXPECT_THAT(result.get("reasons").json(), HasSubstr("no sensor has a single reading"));
  EXPECT_TRUE(result.get("batch_id").is_null());
  EXPECT_TRUE(result.get("sensors").at(0).get("statistics").get("mean").is_null());
  EXPECT_EQ(analysed(R"({"sensors": {"a": [5]}})").get("verdict").as_string(), "PASS");
}

TEST_F(ServiceTest, TimestampsComeBackAsTheyWere) {
  open();
  std::string values, times;
  for (int i = 0; i < 30; ++i) {
    values += (i ? "," : "") + std::string(i == 20 ? "99" : i % 2 ? "1" : "2");
    char text[40];
    std::snprintf(text, sizeof text, "%s\"2026-11-21T08:00:%02dZ\"", i ? "," : "", i);
    times += text;
  }
  Value r = analysed("{\"sensors\": {\"a\": {\"values\": [" + values + "], \"timestamps\": [" +
                     times + "]}}}");
  Value sensor = r.get("sensors").at(0);
  EXPECT_EQ(sensor.get("outliers").get("list").at(0).get("timestamp").as_string(),
            "2026-11-21T08:00:20.000Z");
  EXPECT_EQ(sensor.get("trend").get("over").as_string(), "timestamp");
}

TEST_F(ServiceTest, WhatIsWrongIsAnswered) {
  open();
  auto bad = json(ask("POST", "/workflow", "{\"sensors\":\n{\"a\": [1, oops]}}"), 422);
  EXPECT_EQ(bad.get("detail").as_string(), "batch:2:11: expected a value, found 'o'");
  json(ask("POST", "/workflow", ""), 422);
  EXPECT_EQ(folders(), 0u) << "nothing is left of a refused batch";
  for (const char* path : {"/status/1", "/results/1", "/results/0", "/status/x", "/status/1x",
                           "/results/99999999999999999999", "/logs/7", "/nothing"})
    json(ask("GET", path), 404);
  json(ask("GET", "/workflow"), 405);
  json(ask("GET", "/results/1", "", {{"sensors", "some"}}), 422);
  json(ask("GET", "/workflows", "", {{"limit", "0"}}), 422);
}

TEST_F(ServiceTest, ThePageAsksNobodyElse) {
  open();
  auto page = ask("GET", "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("default-src 'none'"));
  // Nothing from elsewhere, and nothing that would make markup of what a batch says.
  for (const char* never : {"http:", "https:", "src=", "@import", "innerHTML", "insertAdjacentHTML",
                            "document.write", "eval("})
    EXPECT_THAT(page.body, testing::Not(HasSubstr(never)));
  // Every route that it asks for is there.
  for (const char* path : {"/workflows?limit=20", "/status/", "/results/", "/workflow"})
    EXPECT_THAT(page.body, HasSubstr(std::string("\"") + path));
}

TEST_F(ServiceTest, NoResultBeforeTheEnd) {
  open();
  // A run that is created and not started waits.
  auto run = pawl_->create("manufacturing", Value::object({{"folder", "x"}})).value();
  auto problem = json(ask("GET", "/results/" + std::to_string(run)), 404);
  EXPECT_THAT(problem.get("detail").as_string(), HasSubstr("has no result: it is pending"));
  // A run whose batch is gone fails at once, and says so.
  ASSERT_TRUE(pawl_->start(run).ok());
  EXPECT_EQ(pawl_->wait(run, std::chrono::minutes(1)).value().state, RunState::failed);
  problem = json(ask("GET", "/results/" + std::to_string(run)), 404);
  EXPECT_THAT(problem.get("detail").as_string(), HasSubstr("it is failed: "));
  Value status = json(ask("GET", "/status/" + std::to_string(run)));
  EXPECT_THAT(status.get("tasks").at(0).get("error").as_string(), HasSubstr("columns.bin"));
}

TEST_F(ServiceTest, TheSameKeyIsTheSameWorkflow) {
  open();
  const auto body = batch();
  auto first = json(ask("POST", "/workflow", body, {{"key", "k"}}));
  auto second = json(ask("POST", "/workflow", body, {{"key", "k"}}));
  EXPECT_EQ(first, second);
  EXPECT_EQ(folders(), 1u);
  EXPECT_NE(post(body), first.get("workflow_id").as_integer());
  EXPECT_EQ(folders(), 2u);
  auto header = app_.handle({.method = "POST",
                             .path = "/workflow",
                             .body = body,
                             .role = Role::admin,
                             .headers = {{"idempotency-key", "k"}}});
  EXPECT_EQ(json(header), first);
  json(ask("POST", "/workflow", batch(1), {{"key", "k"}}), 409);
  EXPECT_EQ(folders(), 2u) << "nothing is left of what was refused";
}

TEST_F(ServiceTest, ALargeBodyComesInAFile) {
  open();
  ASSERT_TRUE(write_file(folder_.at("body"), batch()).ok());
  Fd fd(::open(folder_.at("body").c_str(), O_RDONLY | O_CLOEXEC));
  auto response = app_.handle(
      {.method = "POST", .path = "/workflow", .role = Role::admin, .body_file = fd.get()});
  EXPECT_EQ(json(response).get("workflow_id").as_integer(), 1);
}

TEST_F(ServiceTest, ResultsAndDagsOutliveARestart) {
  open();
  Value before = analysed(batch(0.2));
  close();
  ASSERT_TRUE(make_folders(folder_.at("dir/batches/b-orphan")).ok());
  // The next version is what new batches get; the old result stays what it was.
  auto changed = Value::parse(default_dag()).value();
  changed.set("version", 2);
  Value tasks = changed.get("tasks"), again = Value::array();
  for (std::size_t i = 0; i + 1 < tasks.size(); ++i)
    again.push(tasks.at(i));
  Value last = tasks.at(tasks.size() - 1);
  last.set("input_data", Value::object({{"rules", Value::array()}}));
  again.push(last);
  changed.set("tasks", again);
  open(changed.json());
  EXPECT_EQ(folders(), 1u) << "a folder of no run goes";
  EXPECT_EQ(json(ask("GET", "/results/1")), before);
  Value lenient = analysed(batch(0.2));
  EXPECT_EQ(lenient.get("verdict").as_string(), "PASS");
  EXPECT_EQ(lenient.get("version").as_integer(), 2);
  // The same version with other tasks is refused.
  changed.set("version", 1);
  auto refused = Service::open(folder_.at("dir"), read_dag("d", changed.json()).value());
  EXPECT_EQ(refused.status().code(), pawl::Code::conflict);
}

TEST_F(ServiceTest, RunAgainFromAnyTaskItSaysTheSame) {
  open();
  Value before = analysed(batch(0.2, 50));
  for (const char* from : {"detect_outliers", "analyze_trends", "synthesize", "verdict"}) {
    SCOPED_TRACE(from);
    auto run = pawl_->recover(1, {.from = step_name(from)});
    ASSERT_TRUE(run.ok()) << run.status().text();
    ASSERT_EQ(pawl_->wait(*run, std::chrono::minutes(1)).value().state, RunState::completed);
    Value after = json(ask("GET", "/results/" + std::to_string(*run)));
    EXPECT_EQ(after.get("sensors"), before.get("sensors"));
    EXPECT_EQ(after.get("reasons"), before.get("reasons"));
  }
}

}  // namespace
}  // namespace manufacturing
