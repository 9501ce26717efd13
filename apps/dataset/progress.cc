#include "dataset/progress.h"

#include <cstdio>

namespace dataset {

using pawl::TaskState;
using pawl::Value;

namespace {

std::string state_word(TaskState state) {
  switch (state) {
    case TaskState::pending:
    case TaskState::queued:
      return "waiting";
    default:
      return pawl::to_string(state);
  }
}

std::string percent_text(double percent) {
  return std::to_string(static_cast<int>(percent)) + " %";
}

// "download" of "download[3]".
std::string group_of(const std::string& name) { return name.substr(0, name.find('[')); }

}  // namespace

std::vector<StepProgress> steps_of(const pawl::RunInfo& run) {
  std::vector<StepProgress> steps;
  std::map<std::string, std::size_t> places;
  std::map<std::string, double> sums;
  for (const pawl::TaskInfo& task : run.tasks) {
    std::string group = group_of(task.name);
    bool element = group != task.name;
    auto [place, is_new] = places.emplace(group, steps.size());
    if (is_new) steps.push_back({.name = group});
    StepProgress& step = steps[place->second];
    if (!element) step.state = state_word(task.state), step.percent = task.percent;
    if (element) {
      ++step.elements;
      step.done += task.state == TaskState::completed;
      sums[group] += task.state == TaskState::completed ? 100 : task.percent;
      if (task.state == TaskState::retrying) step.state = "retrying";
    }
    bool troubled = task.state == TaskState::retrying || task.state == TaskState::failed;
    if (troubled && !task.error.empty()) step.trouble = task.error;
  }
  for (StepProgress& step : steps) {
    if (step.elements > 0) step.percent = sums[step.name] / step.elements;
    if (step.state == "completed") step.percent = 100;
  }
  return steps;
}

Value status_value(const pawl::RunInfo& run) {
  Value steps = Value::array();
  for (const StepProgress& s : steps_of(run)) {
    steps.push(Value::object({{"step", s.name},
                              {"state", s.state},
                              {"percent", static_cast<int>(s.percent)},
                              {"batches", s.elements},
                              {"done", s.done},
                              {"trouble", s.trouble}}));
  }
  return Value::object({{"run", run.id},
                        {"job", run.job},
                        {"state", pawl::to_string(run.state)},
                        {"percent", static_cast<int>(run.percent)},
                        {"error", run.error},
                        {"steps", steps},
                        {"summary", run.output}});
}

std::string status_text(const Value& status) {
  std::string text(status.get("state").as_string());
  text += "  " + std::string(status.get("job").as_string()) + ", " +
          std::to_string(status.get("percent").as_integer()) + " %\n";
  Value steps = status.get("steps");
  for (std::size_t i = 0; i < steps.size(); ++i) {
    Value s = steps.at(i);
    char line[160];
    std::snprintf(line, sizeof line, "  %-12s %-10s",
                  std::string(s.get("step").as_string()).c_str(),
                  std::string(s.get("state").as_string()).c_str());
    text += line;
    if (s.get("batches").as_integer() > 0) {
      text += " " + std::to_string(s.get("done").as_integer()) + " of " +
              std::to_string(s.get("batches").as_integer()) + " batches";
    }
    std::string trouble(s.get("trouble").as_string());
    while (!text.empty() && text.back() == ' ')
      text.pop_back();
    text += trouble.empty() ? "\n" : "\n    " + trouble + "\n";
  }
  return text;
}

std::string Progress::line(const pawl::RunInfo& run, const std::vector<StepProgress>& steps) {
  const StepProgress* now = nullptr;
  for (const StepProgress& s : steps)
    if (s.state == "running" || s.state == "retrying") now = &s;
  constexpr int kBar = 24;
  int full = static_cast<int>(run.percent * kBar / 100);
  std::string text = "[" + std::string(static_cast<std::size_t>(full), '=') +
                     std::string(static_cast<std::size_t>(kBar - full), ' ') + "] " +
                     percent_text(run.percent);
  if (now) {
    text += "  " + now->name;
    if (now->elements > 0) text += " " + percent_text(now->percent);
    if (now->state == "retrying") text += ", trying again";
  }
  return text.substr(0, 78);
}

std::string Progress::show(const pawl::RunInfo& run) {
  auto steps = steps_of(run);
  std::string text;
  for (const StepProgress& s : steps) {
    std::string& told = told_[s.name];
    std::string state = s.trouble.empty() ? s.state : s.state + " (" + s.trouble + ")";
    bool first_wait = told.empty() && s.state == "waiting";
    if (told == state || first_wait || live_) continue;
    told = state;
    text += s.name + ": " + state;
    if (s.elements > 0) text += ", " + std::to_string(s.elements) + " batches";
    text += "\n";
  }
  if (!live_) return text;
  std::string now = line(run, steps);
  if (now == drawn_) return "";
  drawn_ = now;
  return "\r\x1b[K" + now;
}

std::string Progress::clear() {
  if (drawn_.empty()) return "";
  drawn_.clear();
  return "\r\x1b[K";
}

}  // namespace dataset
