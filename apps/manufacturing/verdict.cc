// verdict: figures against the rules of the DAG file, and a sentence for each rule that was broken.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "manufacturing/figures.h"
#include "manufacturing/tasks.h"

namespace manufacturing {

using pawl::Result;
using pawl::Status;
using pawl::Value;

namespace {

const Figure kFigures[] = {
    {"outlier_share", "of the readings are outliers", "outlier", true},
    {"missing_share", "of the readings are missing", "missing", true},
    {"drifting_share", "of the sensors drift", "drifting", true},
    {"empty_share", "of the sensors have no readings", "empty", true},
    {"constant_share", "of the sensors never change", "constant", true},
    {"largest_deviation", "standard deviations from its mean is the farthest reading",
     "largest_deviation", false},
    {"outliers", "outliers", "outlier", false},
    {"missing", "readings are missing", "missing", false},
    {"sensors_with_outliers", "sensors have outliers", "outlier", false},
    {"drifting_sensors", "sensors drift", "drifting", false},
    {"empty_sensors", "sensors have no readings", "empty", false},
    {"constant_sensors", "sensors never change", "constant", false},
};

std::string shown(double v, bool percent) {
  char text[64];
  if (percent) {
    std::snprintf(text, sizeof text, "%.4g %%", v * 100);
  } else {
    std::snprintf(text, sizeof text, "%.6g", v);
  }
  return text;
}

Value reason(const Figure& figure, double value, double limit, const char* level,
             const Value& worst) {
  std::string message = shown(value, figure.share) + " " + figure.sentence + ", more than " +
                        shown(limit, figure.share);
  return Value::object({{"level", level},
                        {"figure", figure.name},
                        {"value", value},
                        {"limit", limit},
                        {"message", message},
                        {"sensors", worst.get(figure.worst)}});
}

}  // namespace

const Figure* find_figure(std::string_view name) {
  auto found = std::find_if(std::begin(kFigures), std::end(kFigures),
                            [&](const Figure& f) { return name == f.name; });
  return found == std::end(kFigures) ? nullptr : found;
}

std::string figure_names() {
  std::string names;
  for (const Figure& f : kFigures)
    names += (names.empty() ? "" : ", ") + std::string(f.name);
  return names;
}

Judgement judge_figures(const Value& figures, const Value& worst, const VerdictOptions& options) {
  Judgement j;
  std::vector<Value> failed, warned;
  for (const Rule& rule : options.rules) {
    const Figure* figure = find_figure(rule.figure);
    if (!figure) continue;  // dag.cc takes none of those
    const double value = figures.get(rule.figure).as_double();
    if (rule.fail && value > *rule.fail) {
      failed.push_back(reason(*figure, value, *rule.fail, "FAIL", worst));
    } else if (rule.warning && value > *rule.warning) {
      warned.push_back(reason(*figure, value, *rule.warning, "WARNING", worst));
    }
  }
  if (figures.get("readings").as_integer() == 0) {
    failed.push_back(Value::object({{"level", "FAIL"},
                                    {"figure", "readings"},
                                    {"value", 0},
                                    {"limit", 0},
                                    {"message", "no sensor has a single reading"},
                                    {"sensors", Value::array()}}));
  }
  if (failed.empty() && warned.empty()) {
    auto held = std::to_string(options.rules.size()) + " rules hold";
    j.reasons.push(Value::object({{"level", "PASS"}, {"message", held}}));
  }
  j.verdict = !failed.empty() ? "FAIL" : !warned.empty() ? "WARNING" : "PASS";
  for (const auto* some : {&failed, &warned})
    for (const Value& r : *some)
      j.reasons.push(r);
  return j;
}

Result<Value> judge(pawl::Step& step, const std::string& merged, const VerdictOptions& options) {
  auto order = order_of(step.run_input());
  if (!order.ok()) return order.status();
  const Value in = step.output_of(merged);
  auto j = judge_figures(in.get("figures"), in.get("worst"), options);
  step.log(j.verdict);
  return Value::object({{"verdict", j.verdict},
                        {"reasons", j.reasons},
                        {"figures", in.get("figures")},
                        {"file", in.get("file")}});
}

}  // namespace manufacturing
