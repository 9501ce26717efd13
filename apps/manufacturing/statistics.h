#pragma once
// Statistics over the columns of one sensor: mean and deviation, the readings far from the mean,
// and the line of least squares. Sums are compensated (Neumaier), and squares are taken of
// differences to the mean, so that a small spread on a large offset keeps its digits; each figure
// takes its own pass over the column.

#include <pawl/status.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "manufacturing/columns.h"

namespace manufacturing {

// A sum that keeps what rounding would lose.
class CompensatedSum {
 public:
  void add(double x) {
    double t = sum_ + x;
    // What the addition lost, taken from the larger of the two.
    lost_ += (sum_ < 0 ? -sum_ : sum_) >= (x < 0 ? -x : x) ? (sum_ - t) + x : (x - t) + sum_;
    sum_ = t;
  }
  double value() const { return sum_ + lost_; }

 private:
  double sum_ = 0, lost_ = 0;
};

enum class Divisor : unsigned char {
  sample,      // n - 1: the batch is a sample of what the process makes
  population,  // n: the batch is all there is
};

struct Description {
  std::uint64_t readings = 0, missing = 0;
  double min = 0, max = 0, mean = 0;  // 0 where there are no readings
  double mean_rest = 0;               // what `mean` lacks of the mean, being a double
  std::optional<double> deviation;    // none with fewer than two readings
  bool constant() const { return readings > 0 && min == max; }
};
pawl::Result<Description> describe(const ColumnFile& file, const Sensor& sensor, Divisor divisor);

struct Outlier {
  std::uint64_t position = 0;
  double value = 0;
  double deviations = 0;  // from the mean, signed
  std::optional<double> time;
};
struct Outliers {
  std::uint64_t count = 0;
  double largest = 0;         // of |deviations| of any reading, outlier or not
  std::vector<Outlier> list;  // the farthest of them, by position
};
// Readings more than `limit` deviations from the mean.
pawl::Result<Outliers> find_outliers(const ColumnFile& file, const Sensor& sensor,
                                     const Description& d, double limit, std::size_t most_listed);

struct Trend {
  std::uint64_t points = 0;  // readings that have a time, where times are what they are fitted to
  std::uint64_t untimed = 0;
  bool timed = false;           // else over positions
  std::optional<double> slope;  // none with fewer than two different times
  double start = 0;             // of the line, at the first time
  double change = 0;            // of the line, from the first time to the last
  std::optional<double> r2;     // none where nothing varies
};
pawl::Result<Trend> fit_trend(const ColumnFile& file, const Sensor& sensor);

}  // namespace manufacturing
