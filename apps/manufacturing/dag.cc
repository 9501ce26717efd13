#include "manufacturing/dag.h"

#include <algorithm>
#include <string_view>

#include "manufacturing/dag_reader.h"
#include "manufacturing/tasks.h"

namespace manufacturing {

using pawl::Code;
using pawl::Result;
using pawl::Status;
using pawl::Step;
using pawl::Value;

const TaskSpec* Dag::task(std::string_view task_name) const {
  for (const TaskSpec& t : tasks)
    if (t.name == task_name) return &t;
  return nullptr;
}

Result<Dag> read_dag(const std::string& file, std::string text) {
  auto root = read_tree(file, text);
  if (!root.ok()) return root.status();
  Dag dag;
  dag.text = std::move(text);
  DagReader reader(file);
  reader.read(*root, dag);
  if (reader.mistakes().empty()) return dag;
  std::string all;
  for (const std::string& m : reader.mistakes())
    all += (all.empty() ? "" : "\n") + m;
  return Status(Code::invalid, all);
}

std::string step_name(const std::string& task) {
  constexpr std::string_view kKept[] = {"outputs", "state",  "verdict", "attempts", "tasks",
                                        "inputs",  "params", "run",     "item",     "index"};
  const bool kept = std::find(std::begin(kKept), std::end(kKept), task) != std::end(kKept);
  return kept ? task + "_" : task;
}

std::string task_name(const std::string& step) {
  return step.ends_with('_') ? step.substr(0, step.size() - 1) : step;
}

namespace {

pawl::Handler handler_of(const Dag& dag, const TaskSpec& task, const std::string& batches) {
  if (const auto* o = std::get_if<OutlierOptions>(&task.options)) {
    return [batches, o = *o](Step& s) { return detect_outliers(s, batches, o); };
  }
  if (const auto* o = std::get_if<TrendOptions>(&task.options)) {
    return [batches, o = *o](Step& s) { return analyze_trends(s, batches, o); };
  }
  if (const auto* o = std::get_if<SynthesisOptions>(&task.options)) {
    auto outliers = step_name(dependency_of_type(dag, task, "detect_outliers"));
    auto trends = step_name(dependency_of_type(dag, task, "analyze_trends"));
    return [batches, outliers, trends, o = *o](Step& s) {
      return synthesize(s, batches, outliers, trends, o);
    };
  }
  auto merged = step_name(dependency_of_type(dag, task, "synthesize"));
  return
      [merged, o = std::get<VerdictOptions>(task.options)](Step& s) { return judge(s, merged, o); };
}

pawl::Millis millis(double seconds) {
  return pawl::Millis(static_cast<std::int64_t>(seconds * 1000));
}

}  // namespace

pawl::Workflow Dag::workflow(const std::string& batches) const {
  pawl::Workflow w(name, version);
  w.title("Manufacturing analysis");
  std::string last;
  for (const TaskSpec& t : tasks) {
    auto& step = w.step(step_name(t.name), handler_of(*this, t, batches)).type(t.task_type);
    for (const std::string& need : t.depends_on)
      step.after(step_name(need));
    // After the n-th failed attempt 2^n s, at most 60.
    step.retries(t.max_attempts - 1).retry_delay(millis(2), millis(60));
    step.heartbeat(millis(t.lease_s));
    if (t.timeout_s > 0) step.timeout(millis(t.timeout_s));
    if (t.task_type == "verdict") last = step_name(t.name);
  }
  w.output_of(last);
  return w;
}

}  // namespace manufacturing
