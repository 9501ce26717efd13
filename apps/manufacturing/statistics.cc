#include "manufacturing/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace manufacturing {

using pawl::Result;
using pawl::Status;

Result<Description> describe(const ColumnFile& file, const Sensor& sensor, Divisor divisor) {
  Description d{.readings = sensor.values.present,
                .missing = sensor.values.positions - sensor.values.present};
  if (d.readings == 0) return d;
  auto first = file.values(sensor);
  if (!first.next()) return first.status();
  d.min = d.max = first.value();
  CompensatedSum sum;
  sum.add(first.value());
  while (first.next()) {
    d.min = std::min(d.min, first.value());
    d.max = std::max(d.max, first.value());
    sum.add(first.value());
  }
  if (!first.status().ok()) return first.status();
  const auto n = static_cast<double>(d.readings);
  d.mean = d.constant() ? d.min : sum.value() / n;
  if (d.readings < 2) return d;
  if (d.constant()) {
    d.deviation = 0.0;
    return d;
  }
  CompensatedSum squares, rest;
  auto second = file.values(sensor);
  while (second.next()) {
    const double x = second.value() - d.mean;
    squares.add(x * x);
    rest.add(x);
  }
  if (!second.status().ok()) return second.status();
  d.mean_rest = rest.value() / n;
  const double about_mean = std::max(0.0, squares.value() - rest.value() * d.mean_rest);
  d.deviation = std::sqrt(about_mean / (divisor == Divisor::sample ? n - 1 : n));
  return d;
}

namespace {

// Farther first; of two as far the earlier one.
bool farther(const Outlier& a, const Outlier& b) {
  const double x = std::fabs(a.deviations), y = std::fabs(b.deviations);
  return x != y ? x > y : a.position < b.position;
}

Status add_times(const ColumnFile& file, const Sensor& sensor, std::vector<Outlier>& list) {
  auto times = file.times(sensor);
  std::size_t at = 0;
  while (at < list.size() && times.next()) {
    while (at < list.size() && list[at].position < times.position())
      ++at;
    if (at < list.size() && list[at].position == times.position()) list[at].time = times.value();
  }
  return times.status();
}

}  // namespace

Result<Outliers> find_outliers(const ColumnFile& file, const Sensor& sensor, const Description& d,
                               double limit, std::size_t most_listed) {
  Outliers found;
  if (!d.deviation || *d.deviation == 0) return found;
  auto cursor = file.values(sensor);
  while (cursor.next()) {
    const double off = (cursor.value() - d.mean) - d.mean_rest;
    const double deviations = off / *d.deviation;
    found.largest = std::max(found.largest, std::fabs(deviations));
    if (!(std::fabs(off) > limit * *d.deviation)) continue;
    ++found.count;
    if (most_listed == 0) continue;
    auto& list = found.list;
    Outlier outlier{cursor.position(), cursor.value(), deviations, std::nullopt};
    if (list.size() == most_listed) {
      if (!farther(outlier, list.front())) continue;
      std::pop_heap(list.begin(), list.end(), farther);
      list.pop_back();
    }
    list.push_back(outlier);
    std::push_heap(list.begin(), list.end(), farther);
  }
  if (!cursor.status().ok()) return cursor.status();
  std::sort(found.list.begin(), found.list.end(),
            [](const Outlier& a, const Outlier& b) { return a.position < b.position; });
  if (!found.list.empty() && file.has_times(sensor)) {
    if (auto s = add_times(file, sensor, found.list); !s.ok()) return s;
  }
  return found;
}

namespace {

// Readings with what they are fitted to: their times, where there are any, or their positions.
class Points {
 public:
  Points(const ColumnFile& file, const Sensor& sensor)
      : values_(file.values(sensor)), times_(file.times(sensor)), timed_(file.has_times(sensor)) {
    if (timed_) more_times_ = times_.next();
  }
  bool next() {
    while (values_.next()) {
      if (!timed_) return true;
      while (more_times_ && times_.position() < values_.position())
        more_times_ = times_.next();
      if (more_times_ && times_.position() == values_.position()) return true;
      ++untimed_;
    }
    return false;
  }
  double x() const { return timed_ ? times_.value() : static_cast<double>(values_.position()); }
  double y() const { return values_.value(); }
  bool timed() const { return timed_; }
  std::uint64_t untimed() const { return untimed_; }
  const Status& status() const {
    return values_.status().ok() ? times_.status() : values_.status();
  }

 private:
  ColumnCursor values_, times_;
  bool timed_, more_times_ = false;
  std::uint64_t untimed_ = 0;
};

}  // namespace

Result<Trend> fit_trend(const ColumnFile& file, const Sensor& sensor) {
  Trend trend;
  Points first(file, sensor);
  trend.timed = first.timed();
  double near_x = 0, near_y = 0;
  double min_x = 0, max_x = 0, min_y = 0, max_y = 0;
  CompensatedSum sum_x, sum_y;
  while (first.next()) {
    const double x = first.x(), y = first.y();
    if (trend.points++ == 0) near_x = min_x = max_x = x, near_y = min_y = max_y = y;
    min_x = std::min(min_x, x), max_x = std::max(max_x, x);
    min_y = std::min(min_y, y), max_y = std::max(max_y, y);
    sum_x.add(x - near_x), sum_y.add(y - near_y);
  }
  if (!first.status().ok()) return first.status();
  trend.untimed = first.untimed();
  if (trend.points < 2 || min_x == max_x) return trend;
  const auto n = static_cast<double>(trend.points);
  // Differences are taken to two numbers, near and mean: a time in seconds since 1970 has no
  // digits to spare for its mean's fraction.
  const double mean_x = sum_x.value() / n, mean_y = min_y == max_y ? 0 : sum_y.value() / n;
  CompensatedSum xx, xy, yy;
  Points second(file, sensor);
  while (second.next()) {
    const double x = (second.x() - near_x) - mean_x, y = (second.y() - near_y) - mean_y;
    xx.add(x * x), xy.add(x * y), yy.add(y * y);
  }
  if (!second.status().ok()) return second.status();
  if (!(xx.value() > 0)) return trend;
  trend.slope = xy.value() / xx.value();
  trend.start = near_y + mean_y + *trend.slope * ((min_x - near_x) - mean_x);
  trend.change = *trend.slope * (max_x - min_x);
  if (yy.value() > 0) {
    const double r = xy.value() / std::sqrt(xx.value()) / std::sqrt(yy.value());
    trend.r2 = std::min(1.0, r * r);
  }
  return trend;
}

}  // namespace manufacturing
