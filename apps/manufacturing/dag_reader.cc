#include "manufacturing/dag_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "manufacturing/figures.h"

namespace manufacturing {

using Kind = JsonReader::Kind;

namespace {

constexpr const char* kTypes[] = {"detect_outliers", "analyze_trends", "synthesize", "verdict"};
constexpr std::size_t kMostTasks = 100, kMostName = 50;

std::string quoted(const std::string& text) { return pawl::Value(text).json(); }

bool is_type(const std::string& type) {
  return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

bool is_name(const std::string& text) {
  auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= kMostName && std::all_of(text.begin(), text.end(), fine) &&
         text[0] >= 'a' && text[0] <= 'z' && text.back() != '_';
}

std::string shown(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", v);
  return text;
}

}  // namespace

void DagReader::say(Place at, const std::string& what) {
  mistakes_.push_back(file_ + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) +
                      ": " + what);
}

bool DagReader::object(const JsonNode& node, const std::string& what,
                       std::initializer_list<const char*> known) {
  if (!node.is(Kind::object)) {
    say(node, what + " must be an object, this is " + to_string(node.kind));
    return false;
  }
  std::string all;
  for (const char* k : known)
    all += (all.empty() ? "" : ", ") + std::string(k);
  for (const JsonNode& member : node.inner) {
    auto same = [&](const char* k) { return member.key == k; };
    if (std::none_of(known.begin(), known.end(), same))
      say(member.key_place, quoted(member.key) + " is no member of " + what + "; there are " + all);
  }
  return true;
}

bool DagReader::number(const JsonNode& of, const char* key, Bounds bounds, double& into) {
  const JsonNode* node = of.get(key);
  if (!node) return true;
  const bool fits = node->is(Kind::number) && node->number >= bounds.least &&
                    node->number <= bounds.most &&
                    (!bounds.whole || std::floor(node->number) == node->number);
  if (fits) {
    into = node->number;
  } else {
    say(*node, quoted(key) + " must be a " + (bounds.whole ? "whole " : "") + "number from " +
                   shown(bounds.least) + " to " + shown(bounds.most));
  }
  return fits;
}

void DagReader::name(const JsonNode& of, const char* key, std::string& into) {
  const JsonNode* node = of.get(key);
  if (!node) {
    say(of, quoted(key) + " is missing");
  } else if (!node->is(Kind::string) || !is_name(node->text)) {
    say(*node, quoted(key) + " must be up to 50 of a-z, 0-9, _ and -, a letter first, no _ last");
  } else {
    into = node->text;
  }
}

void DagReader::read(const JsonNode& root, Dag& dag) {
  if (!object(root, "a DAG", {"name", "version", "tasks", "description"})) return;
  name(root, "name", dag.name);
  whole(root, "version", 1, 1'000'000, dag.version);
  const JsonNode* tasks = root.get("tasks");
  if (!tasks || !tasks->is(Kind::array) || tasks->inner.empty() ||
      tasks->inner.size() > kMostTasks) {
    say(tasks ? *tasks : root, "\"tasks\" must be an array of 1 to 100 tasks");
    return;
  }
  for (const JsonNode& node : tasks->inner)
    task(node, dag.tasks.emplace_back());
  check_names(*tasks, dag);
  check_kinds(*tasks, dag);
  sort(*tasks, dag);
}

void DagReader::task(const JsonNode& node, TaskSpec& task) {
  if (!object(node, "a task",
              {"name", "task_type", "depends_on", "max_attempts", "timeout_s", "lease_s",
               "input_data"}))
    return;
  name(node, "name", task.name);
  const JsonNode* type = node.get("task_type");
  if (!type) {
    say(node, "\"task_type\" is missing");
  } else if (!type->is(Kind::string) || !is_type(type->text)) {
    say(*type, "\"task_type\" must be one of detect_outliers, analyze_trends, synthesize, verdict");
  } else {
    task.task_type = type->text;
  }
  depends_on(node, task);
  whole(node, "max_attempts", 1, 100, task.max_attempts);
  number(node, "timeout_s", {0, 1e6}, task.timeout_s);
  number(node, "lease_s", {1, 1e6}, task.lease_s);
  input_data(node.get("input_data"), task);
}

void DagReader::depends_on(const JsonNode& node, TaskSpec& task) {
  const JsonNode* names = node.get("depends_on");
  if (!names) return;
  if (!names->is(Kind::array)) return say(*names, "\"depends_on\" must be an array of names");
  for (const JsonNode& n : names->inner) {
    const auto& known = task.depends_on;
    if (!n.is(Kind::string)) {
      say(n, "\"depends_on\" must be an array of names");
    } else if (std::find(known.begin(), known.end(), n.text) != known.end()) {
      say(n, quoted(n.text) + " is there twice");
    } else {
      task.depends_on.push_back(n.text);
    }
  }
}

void DagReader::input_data(const JsonNode* node, TaskSpec& task) {
  static const JsonNode nothing = [] {
    JsonNode n;
    n.kind = Kind::object;
    return n;
  }();
  const JsonNode& data = node ? *node : nothing;
  task.input_data = data.value();
  if (task.task_type == "detect_outliers") {
    outlier_options(data, task.options.emplace<OutlierOptions>());
  } else if (task.task_type == "analyze_trends") {
    trend_options(data, task.options.emplace<TrendOptions>());
  } else if (task.task_type == "synthesize") {
    auto& o = task.options.emplace<SynthesisOptions>();
    if (object(data, "synthesize's input_data", {"worst"})) whole(data, "worst", 0, 1000, o.worst);
  } else if (task.task_type == "verdict") {
    verdict_options(data, task.options.emplace<VerdictOptions>());
  }
}

void DagReader::outlier_options(const JsonNode& node, OutlierOptions& o) {
  if (!object(node, "detect_outliers' input_data",
              {"deviations", "deviation", "listed", "checkpoint_readings"}))
    return;
  number(node, "deviations", {0.1, 100}, o.deviations);
  whole(node, "listed", 0, 1'000'000, o.listed);
  whole(node, "checkpoint_readings", 1, 1e12, o.checkpoint_readings);
  const JsonNode* d = node.get("deviation");
  if (!d) return;
  if (!d->is(Kind::string) || (d->text != "sample" && d->text != "population"))
    return say(*d, "\"deviation\" must be \"sample\" or \"population\"");
  o.divisor = d->text == "sample" ? Divisor::sample : Divisor::population;
}

void DagReader::trend_options(const JsonNode& node, TrendOptions& o) {
  if (!object(node, "analyze_trends' input_data", {"r2", "t", "points", "checkpoint_readings"}))
    return;
  number(node, "r2", {0, 1}, o.r2);
  number(node, "t", {0, 1e6}, o.t);
  whole(node, "points", 3, 1e12, o.points);
  whole(node, "checkpoint_readings", 1, 1e12, o.checkpoint_readings);
}

void DagReader::verdict_options(const JsonNode& node, VerdictOptions& o) {
  if (!object(node, "verdict's input_data", {"rules"})) return;
  const JsonNode* rules = node.get("rules");
  if (!rules || !rules->is(Kind::array))
    return say(rules ? *rules : node, "a verdict needs \"rules\", an array");
  for (const JsonNode& n : rules->inner) {
    if (!object(n, "a rule", {"figure", "warning", "fail"})) continue;
    Rule& rule = o.rules.emplace_back();
    const JsonNode* figure = n.get("figure");
    if (!figure || !figure->is(Kind::string) || !find_figure(figure->text)) {
      say(figure ? *figure : n, "\"figure\" must be one of " + figure_names());
    } else {
      rule.figure = figure->text;
    }
    for (const char* level : {"warning", "fail"}) {
      double v = 0;
      if (n.get(level) && number(n, level, {0, 1e15}, v))
        (level[0] == 'w' ? rule.warning : rule.fail) = v;
    }
    if (!n.get("warning") && !n.get("fail")) say(n, "a rule needs \"warning\", \"fail\" or both");
    if (rule.warning && rule.fail && *rule.warning > *rule.fail)
      say(n, "\"warning\" is above \"fail\", so it would never be told");
  }
}

// -- The tasks together
// ----------------------------------------------------------------------------

void DagReader::check_names(const JsonNode& tasks, const Dag& dag) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < dag.tasks.size(); ++i) {
    const TaskSpec& t = dag.tasks[i];
    if (!t.name.empty() && !names.insert(t.name).second)
      say(tasks.inner[i], "there are two tasks " + quoted(t.name));
  }
  for (std::size_t i = 0; i < dag.tasks.size(); ++i) {
    for (const std::string& need : dag.tasks[i].depends_on) {
      const JsonNode* list = tasks.inner[i].get("depends_on");
      auto at = std::find_if(list->inner.begin(), list->inner.end(),
                             [&](const JsonNode& n) { return n.text == need; });
      if (need == dag.tasks[i].name) {
        say(*at, quoted(need) + " depends on itself");
      } else if (!names.contains(need)) {
        say(*at, "there is no task " + quoted(need));
      }
    }
  }
}

std::string dependency_of_type(const Dag& dag, const TaskSpec& task, std::string_view type) {
  std::string found;
  for (const std::string& need : task.depends_on) {
    const TaskSpec* other = dag.task(need);
    if (!other || other->task_type != type) continue;
    if (!found.empty()) return "";
    found = need;
  }
  return found;
}

void DagReader::check_kinds(const JsonNode& tasks, const Dag& dag) {
  std::size_t verdicts = 0;
  for (std::size_t i = 0; i < dag.tasks.size(); ++i) {
    const TaskSpec& t = dag.tasks[i];
    auto need = [&](const char* type) {
      if (dependency_of_type(dag, t, type).empty())
        say(tasks.inner[i], t.task_type + " must depend on exactly one task of type " + type);
    };
    if (t.task_type == "synthesize") need("detect_outliers"), need("analyze_trends");
    if (t.task_type == "verdict") need("synthesize"), ++verdicts;
  }
  if (verdicts != 1) say(tasks, "there must be exactly one task of type verdict");
}

// Each behind what it depends on, else in the order of the file.
void DagReader::sort(const JsonNode& tasks, Dag& dag) {
  if (!mistakes_.empty()) return;  // names may be wrong
  std::vector<TaskSpec> sorted;
  std::vector<bool> taken(dag.tasks.size(), false);
  std::set<std::string> done;
  while (sorted.size() < dag.tasks.size()) {
    std::size_t i = 0;
    for (; i < dag.tasks.size(); ++i) {
      const auto& needs = dag.tasks[i].depends_on;
      if (!taken[i] && std::all_of(needs.begin(), needs.end(),
                                   [&](const std::string& n) { return done.contains(n); }))
        break;
    }
    if (i == dag.tasks.size()) break;
    taken[i] = true;
    done.insert(dag.tasks[i].name);
    sorted.push_back(dag.tasks[i]);
  }
  if (sorted.size() == dag.tasks.size()) {
    dag.tasks = std::move(sorted);
    return;
  }
  std::string circle;
  std::size_t first = dag.tasks.size();
  for (std::size_t i = dag.tasks.size(); i-- > 0;) {
    if (taken[i]) continue;
    circle = quoted(dag.tasks[i].name) + (circle.empty() ? "" : ", ") + circle;
    first = i;
  }
  say(tasks.inner[first], "these wait for each other: " + circle);
}

}  // namespace manufacturing
