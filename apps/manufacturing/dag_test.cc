// DAG files: the built-in one, what becomes of one, and everything that is wrong with one at once.
#include "manufacturing/dag.h"

#include <gtest/gtest.h>

#include "manufacturing/figures.h"

namespace manufacturing {
namespace {

using pawl::Value;

std::string mistakes(const std::string& text) { return read_dag("d", text).status().text(); }

TEST(Dag, TheBuiltInOne) {
  auto dag = read_dag("built-in", default_dag());
  ASSERT_TRUE(dag.ok()) << dag.status().text();
  ASSERT_EQ(dag->tasks.size(), 4u);
  const auto& outliers = std::get<OutlierOptions>(dag->task("detect_outliers")->options);
  EXPECT_EQ(outliers.deviations, 2);
  EXPECT_EQ(outliers.divisor, Divisor::sample);
  EXPECT_EQ(std::get<VerdictOptions>(dag->task("verdict")->options).rules.size(), 5u);
  auto w = dag->workflow("/nowhere");
  EXPECT_TRUE(w.validate().ok()) << w.validate().text();
  auto file = Value::parse(w.to_file()).value();
  EXPECT_EQ(file.get("name").as_string(), "manufacturing");
  const Value retry = file.get("tasks").get("detect_outliers").get("retry");
  EXPECT_EQ(
      retry.json(),
      R"({"max_attempts":3,"backoff":{"first":"2000ms","max":"60000ms","factor":2,"jitter":0}})");
}

TEST(Dag, TasksStandInAnyOrderAndHaveAnyName) {
  auto dag = read_dag("d", R"({"name": "line-7", "version": 3, "tasks": [
    {"name": "state", "task_type": "verdict", "depends_on": ["merge"],
     "input_data": {"rules": []}},
    {"name": "merge", "task_type": "synthesize", "depends_on": ["t", "o", "o3"]},
    {"name": "o", "task_type": "detect_outliers", "max_attempts": 1, "timeout_s": 5},
    {"name": "t", "task_type": "analyze_trends", "depends_on": ["o"]},
    {"name": "o3", "task_type": "analyze_trends"}]})");
  EXPECT_EQ(dag.status().text(),
            "d:4:5: synthesize must depend on exactly one task of type analyze_trends");
  dag = read_dag("d", R"({"name": "line-7", "version": 3, "tasks": [
    {"name": "state", "task_type": "verdict", "depends_on": ["merge"],
     "input_data": {"rules": []}},
    {"name": "merge", "task_type": "synthesize", "depends_on": ["t", "o"]},
    {"name": "o", "task_type": "detect_outliers", "max_attempts": 1, "timeout_s": 5},
    {"name": "t", "task_type": "analyze_trends", "depends_on": ["o"]}]})");
  ASSERT_TRUE(dag.ok()) << dag.status().text();
  std::string order;
  for (const TaskSpec& t : dag->tasks)
    order += t.name + " ";
  EXPECT_EQ(order, "o t merge state ");
  auto w = dag->workflow("/nowhere");
  EXPECT_TRUE(w.validate().ok()) << w.validate().text();
  EXPECT_EQ(w.version(), 3);
  for (const char* name : {"verdict", "state", "merge", "finally"})
    EXPECT_EQ(task_name(step_name(name)), name);
}

TEST(Dag, EverythingThatIsWrongAtOnce) {
  EXPECT_EQ(mistakes(R"({"name": "Bad Name", "version": 0, "task": 1, "tasks": [
 {"name": "a", "task_type": "detect", "depends_on": ["b", "a", "a"], "max_attempts": 0},
 {"name": "a", "task_type": "detect_outliers",
  "input_data": {"deviations": -1, "deviation": "both", "sigma": 3}},
 {"task_type": "verdict", "depends_on": "a", "lease_s": "long",
  "input_data": {"rules": [{"figure": "mood", "warning": 2, "fail": 1}, {"figure": "missing"}]}},
 7]})"),
            R"(d:1:36: "task" is no member of a DAG; there are name, version, tasks, description
d:1:10: "name" must be up to 50 of a-z, 0-9, _ and -, a letter first, no _ last
d:1:33: "version" must be a whole number from 1 to 1000000
d:2:29: "task_type" must be one of detect_outliers, analyze_trends, synthesize, verdict
d:2:64: "a" is there twice
d:2:86: "max_attempts" must be a whole number from 1 to 100
d:4:57: "sigma" is no member of detect_outliers' input_data; there are deviations, )"
            R"(deviation, listed, checkpoint_readings
d:4:32: "deviations" must be a number from 0.1 to 100
d:4:49: "deviation" must be "sample" or "population"
d:5:2: "name" is missing
d:5:41: "depends_on" must be an array of names
d:5:57: "lease_s" must be a number from 1 to 1000000
d:6:39: "figure" must be one of )" +
                figure_names() + R"(
d:6:28: "warning" is above "fail", so it would never be told
d:6:73: a rule needs "warning", "fail" or both
d:7:2: a task must be an object, this is a number
d:3:2: there are two tasks "a"
d:2:54: there is no task "b"
d:2:59: "a" depends on itself
d:5:2: verdict must depend on exactly one task of type synthesize)");
}

TEST(Dag, Circles) {
  EXPECT_EQ(mistakes(R"({"name": "x", "tasks": [
 {"name": "o", "task_type": "detect_outliers", "depends_on": ["v"]},
 {"name": "t", "task_type": "analyze_trends"},
 {"name": "s", "task_type": "synthesize", "depends_on": ["o", "t"]},
 {"name": "v", "task_type": "verdict", "depends_on": ["s"], "input_data": {"rules": []}}]})"),
            R"(d:2:2: these wait for each other: "o", "s", "v")");
  EXPECT_EQ(mistakes("{\"name\": \"x\", \"tasks\": []}"),
            "d:1:24: \"tasks\" must be an array of 1 to 100 tasks");
  EXPECT_EQ(mistakes("{\"name\": \"x\"\n \"tasks\": []}"), "d:2:2: expected , or }, found '\"'");
  EXPECT_EQ(mistakes("[]"), "d:1:1: a DAG must be an object, this is an array");
}

TEST(Verdict, TheWorstRuleDecides) {
  VerdictOptions rules{{{"outlier_share", 0.05, 0.1},
                        {"missing_share", 0.1, 0.5},
                        {"drifting_sensors", 0.0, std::nullopt},
                        {"largest_deviation", std::nullopt, 6.0}}};
  const Value worst = Value::object({{"outlier", Value::array({"press", "temp"})}});
  auto judged = [&](double outliers, double missing, int drifting, double deviation) {
    auto j = judge_figures(Value::object({{"readings", 100},
                                          {"outlier_share", outliers},
                                          {"missing_share", missing},
                                          {"drifting_sensors", drifting},
                                          {"largest_deviation", deviation}}),
                           worst, rules);
    std::string text = j.verdict;
    for (std::size_t i = 0; i < j.reasons.size(); ++i)
      text += "|" + std::string(j.reasons.at(i).get("message").as_string());
    return text;
  };
  EXPECT_EQ(judged(0.05, 0.1, 0, 6), "PASS|4 rules hold") << "a limit itself is allowed";
  EXPECT_EQ(judged(0.06, 0, 0, 1), "WARNING|6 % of the readings are outliers, more than 5 %");
  EXPECT_EQ(judged(0, 0, 3, 1), "WARNING|3 sensors drift, more than 0");
  EXPECT_EQ(judged(0.06, 0.6, 0, 1),
            "FAIL|60 % of the readings are missing, more than 50 %"
            "|6 % of the readings are outliers, more than 5 %");
  EXPECT_EQ(judged(0, 0, 0, 7.25),
            "FAIL|7.25 standard deviations from its mean is the farthest reading, more than 6");
  auto j = judge_figures(Value::object({{"readings", 9}, {"outlier_share", 0.2}}), worst, rules);
  EXPECT_EQ(j.reasons.at(0).json(),
            R"({"level":"FAIL","figure":"outlier_share","value":0.2,"limit":0.1,)"
            R"("message":"20 % of the readings are outliers, more than 10 %",)"
            R"("sensors":["press","temp"]})");
  EXPECT_EQ(judge_figures(Value::object({{"readings", 0}}), worst, rules).verdict, "FAIL");
}

}  // namespace
}  // namespace manufacturing
