#pragma once
// Options: what the DAG file says to each kind of task in its "input_data", with the defaults of
// what it leaves out. dag.cc reads them and tells what is wrong; the tasks take them as they are.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "manufacturing/statistics.h"

namespace manufacturing {

struct OutlierOptions {
  double deviations = 2;
  Divisor divisor = Divisor::sample;
  std::size_t listed = 20;  // of a sensor's outliers, the farthest
  std::uint64_t checkpoint_readings = 5'000'000;
};

struct TrendOptions {
  // A sensor drifts when its line explains so much, so surely, over so many points.
  double r2 = 0.5, t = 6;
  std::uint64_t points = 5;
  std::uint64_t checkpoint_readings = 5'000'000;
};

struct SynthesisOptions {
  std::size_t worst = 10;  // sensors named for each figure
};

// A figure above `warning` makes the verdict WARNING at least, above `fail` FAIL.
struct Rule {
  std::string figure;
  std::optional<double> warning, fail;
};

struct VerdictOptions {
  std::vector<Rule> rules;
};

}  // namespace manufacturing
