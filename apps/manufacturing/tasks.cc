#include "manufacturing/tasks.h"

#include <algorithm>
#include <cmath>

#include "common/trace.h"
#include "manufacturing/dag.h"
#include "manufacturing/per_sensor.h"
#include "manufacturing/timestamp.h"

namespace manufacturing {

using pawl::Code;
using pawl::Result;
using pawl::Status;
using pawl::Value;

Value to_value(const Order& order) {
  Value v = order.facts;
  v.set("folder", order.folder);
  return v;
}

Result<Order> order_of(const Value& input) {
  Order order{std::string(input.get("folder").as_string()), input};
  // It becomes part of a path.
  const bool fine = !order.folder.empty() && order.folder[0] != '.' &&
                    order.folder.find('/') == std::string::npos;
  if (!fine) return Status::permanent("the run's input names no batch");
  return order;
}

namespace {

Value or_null(const std::optional<double>& v) { return v ? Value(*v) : Value(); }

// What no further attempt would mend.
Status for_good(const Status& s) {
  const bool gone = s.code() == Code::not_found || s.code() == Code::corrupt ||
                    s.code() == Code::invalid || s.code() == Code::too_large;
  return gone ? Status::permanent(s.text()) : s;
}

Result<Value> over_sensors(pawl::Step& step, const std::string& batches, PerSensor what,
                           std::function<Result<Value>(const ColumnFile&, const Sensor&)> line) {
  auto order = order_of(step.run_input());
  if (!order.ok()) return order.status();
  const std::string folder = batches + "/" + order->folder + "/",
                    name = task_name(step.name()) + ".jsonl";
  auto file = ColumnFile::open(folder + kColumns);
  if (!file.ok()) return for_good(file.status());
  what.path = folder + name;
  what.line = [&](const Sensor& sensor) { return line(**file, sensor); };
  auto totals = per_sensor(step, **file, what);
  if (!totals.ok()) return for_good(totals.status());
  Value output = *std::move(totals);
  output.set("file", name);
  return output;
}

Value to_value(const Outlier& o, bool text_times) {
  Value v =
      Value::object({{"index", o.position}, {"value", o.value}, {"deviations", o.deviations}});
  if (o.time) v.set("timestamp", *o.time);
  if (o.time && text_times) v.set("timestamp", timestamp_text(*o.time));
  return v;
}

Result<Value> outlier_line(const ColumnFile& file, const Sensor& sensor,
                           const OutlierOptions& options, bool text_times) {
  auto d = describe(file, sensor, options.divisor);
  if (!d.ok()) return d.status();
  auto found = find_outliers(file, sensor, *d, options.deviations, options.listed);
  if (!found.ok()) return found.status();
  Value statistics = Value::object({{"readings", d->readings}, {"missing", d->missing}});
  statistics.set("mean", d->readings > 0 ? Value(d->mean) : Value());
  statistics.set("deviation", or_null(d->deviation));
  statistics.set("min", d->readings > 0 ? Value(d->min) : Value());
  statistics.set("max", d->readings > 0 ? Value(d->max) : Value());
  Value list = Value::array();
  for (const Outlier& o : found->list)
    list.push(to_value(o, text_times));
  return Value::object({{"sensor", sensor.name},
                        {"statistics", statistics},
                        {"outliers", Value::object({{"count", found->count},
                                                    {"largest_deviation", found->largest},
                                                    {"list", list}})}});
}

void add_outliers(const Value& line, Value& totals) {
  const Value s = line.get("statistics"), o = line.get("outliers");
  const auto readings = s.get("readings").as_integer();
  const bool constant = readings > 1 && s.get("min") == s.get("max");
  add_to(totals, "sensors", 1);
  add_to(totals, "readings", readings);
  add_to(totals, "missing", s.get("missing").as_integer());
  add_to(totals, "outliers", o.get("count").as_integer());
  add_to(totals, "sensors_with_outliers", o.get("count").as_integer() > 0);
  add_to(totals, "empty_sensors", readings == 0);
  add_to(totals, "single_sensors", readings == 1);
  add_to(totals, "constant_sensors", constant);
  totals.set("largest_deviation", std::max(totals.get("largest_deviation").as_double(),
                                           o.get("largest_deviation").as_double()));
}

// r2 and t say the same of a line once the number of points is known: t * t is r2 over what is left
// unexplained, a degree of freedom.
bool drifts(const Trend& trend, const TrendOptions& options) {
  if (!trend.slope || !trend.r2 || trend.points < options.points) return false;
  const double freedom = static_cast<double>(trend.points) - 2;
  return *trend.r2 >= options.r2 && *trend.r2 * freedom >= options.t * options.t * (1 - *trend.r2);
}

Result<Value> trend_line(const ColumnFile& file, const Sensor& sensor,
                         const TrendOptions& options) {
  auto trend = fit_trend(file, sensor);
  if (!trend.ok()) return trend.status();
  Value v = Value::object({{"points", trend->points}, {"slope", or_null(trend->slope)}});
  v.set("over", trend->timed ? "timestamp" : "index");
  if (trend->untimed > 0) v.set("without_timestamp", trend->untimed);
  if (trend->slope) v.set("start", trend->start).set("change", trend->change);
  v.set("r2", or_null(trend->r2));
  v.set("drifting", drifts(*trend, options));
  return Value::object({{"sensor", sensor.name}, {"trend", v}});
}

void add_trend(const Value& line, Value& totals) {
  const Value t = line.get("trend");
  add_to(totals, "sensors", 1);
  add_to(totals, "fitted_sensors", !t.get("slope").is_null());
  add_to(totals, "drifting_sensors", t.get("drifting").as_bool());
}

}  // namespace

Result<Value> detect_outliers(pawl::Step& step, const std::string& batches,
                              const OutlierOptions& options) {
  const bool text_times = step.run_input().get("text_times").as_bool();
  PerSensor what{.checkpoint_readings = options.checkpoint_readings, .add = add_outliers};
  return over_sensors(step, batches, std::move(what),
                      [&](const ColumnFile& file, const Sensor& sensor) {
                        return outlier_line(file, sensor, options, text_times);
                      });
}

Result<Value> analyze_trends(pawl::Step& step, const std::string& batches,
                             const TrendOptions& options) {
  PerSensor what{.checkpoint_readings = options.checkpoint_readings, .add = add_trend};
  return over_sensors(step, batches, std::move(what),
                      [&](const ColumnFile& file, const Sensor& sensor) {
                        return trend_line(file, sensor, options);
                      });
}

namespace {

// The sensors that stand out most by one figure.
class Worst {
 public:
  explicit Worst(std::size_t most) : most_(most) {}
  void add(const Value& sensor, double figure) {
    if (!(figure > 0) || most_ == 0) return;
    auto at = std::upper_bound(list_.begin(), list_.end(), figure,
                               [](double f, const auto& entry) { return f > entry.first; });
    if (at == list_.end() && list_.size() == most_) return;
    list_.insert(at, {figure, sensor});
    if (list_.size() > most_) list_.pop_back();
  }
  Value names() const {
    Value v = Value::array();
    for (const auto& [figure, sensor] : list_)
      v.push(sensor);
    return v;
  }

 private:
  std::size_t most_;
  std::vector<std::pair<double, Value>> list_;
};

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

Value figures_of(const Value& outliers, const Value& trends) {
  auto number = [&](const char* key) { return outliers.get(key).as_double(); };
  const double readings = number("readings"), missing = number("missing");
  const double sensors = number("sensors"), drifting = trends.get("drifting_sensors").as_double();
  Value v = Value::object();
  for (const char* key : {"sensors", "readings", "missing", "outliers", "sensors_with_outliers",
                          "empty_sensors", "single_sensors", "constant_sensors"})
    v.set(key, outliers.get(key).as_integer());
  v.set("drifting_sensors", trends.get("drifting_sensors").as_integer());
  v.set("outlier_share", share(number("outliers"), readings));
  v.set("missing_share", share(missing, readings + missing));
  v.set("drifting_share", share(drifting, sensors));
  v.set("empty_share", share(number("empty_sensors"), sensors));
  v.set("constant_share", share(number("constant_sensors"), sensors));
  v.set("largest_deviation", number("largest_deviation"));
  return v;
}

struct Merge {
  explicit Merge(std::size_t most)
      : outliers(most),
        deviation(most),
        drifting(most),
        missing(most),
        empty(most),
        constant(most) {}
  Worst outliers, deviation, drifting, missing, empty, constant;

  void look_at(const Value& line) {
    const Value name = line.get("sensor"), s = line.get("statistics"), o = line.get("outliers");
    const double readings = s.get("readings").as_double(), gone = s.get("missing").as_double();
    outliers.add(name, share(o.get("count").as_double(), readings));
    deviation.add(name, o.get("largest_deviation").as_double());
    if (line.get("trend").get("drifting").as_bool())
      drifting.add(name, line.get("trend").get("r2").as_double());
    missing.add(name, share(gone, readings + gone));
    empty.add(name, readings == 0);
    constant.add(name, readings > 1 && s.get("min") == s.get("max"));
  }
  Value names() const {
    return Value::object({{"outlier", outliers.names()},
                          {"largest_deviation", deviation.names()},
                          {"drifting", drifting.names()},
                          {"missing", missing.names()},
                          {"empty", empty.names()},
                          {"constant", constant.names()}});
  }
};

// Takes a line off the front.
std::string_view take_line(std::string_view& text) {
  auto end = text.find('\n');
  auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

Result<Value> synthesize(pawl::Step& step, const std::string& batches, const std::string& outliers,
                         const std::string& trends, const SynthesisOptions& options) {
  auto order = order_of(step.run_input());
  if (!order.ok()) return order.status();
  const std::string folder = batches + "/" + order->folder + "/",
                    name = task_name(step.name()) + ".jsonl";
  const Value left = step.output_of(outliers), right = step.output_of(trends);
  auto a = read_file(folder + std::string(left.get("file").as_string()));
  auto b = read_file(folder + std::string(right.get("file").as_string()));
  if (!a.ok() || !b.ok()) return for_good(a.ok() ? b.status() : a.status());
  std::string_view rest_a = *a, rest_b = *b;
  Merge merge(options.worst);
  std::string out;
  out.reserve(a->size() + b->size());
  const auto sensors = left.get("sensors").as_integer();
  for (std::int64_t i = 0; i < sensors; ++i) {
    if (step.stopped()) return Status(Code::unavailable, "stopped");
    auto line = Value::parse(take_line(rest_a)), trend = Value::parse(take_line(rest_b));
    if (!line.ok() || !trend.ok() || !(line->get("sensor") == trend->get("sensor")))
      return Status::permanent("the files of " + outliers + " and " + trends + " do not fit");
    line->set("trend", trend->get("trend"));
    merge.look_at(*line);
    out += line->json();
    out += '\n';
    step.progress(static_cast<double>(i + 1), static_cast<double>(sensors), "sensors");
  }
  if (auto s = write_file(folder + name, out); !s.ok()) return s;
  apps::trace("merged", name);
  return Value::object(
      {{"file", name}, {"figures", figures_of(left, right)}, {"worst", merge.names()}});
}

}  // namespace manufacturing
