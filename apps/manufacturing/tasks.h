#pragma once
// Tasks: what the four task types do. Each is a handler of a step: it reads the run's folder,
// writes one file into it, and gives a short object that names the file. All can be run again at
// any point and give the same bytes: detect_outliers and analyze_trends go on behind the last
// checkpoint, the others begin anew, which is a matter of milliseconds.
//
//   columns.bin --detect_outliers--> NAME.jsonl -.
//               --analyze_trends---> NAME.jsonl --synthesize--> NAME.jsonl --verdict--> the result
//
// A line of a file is one sensor, in the order of the batch.

#include <pawl/step.h>

#include <string>

#include "manufacturing/options.h"

namespace manufacturing {

inline constexpr const char* kColumns = "columns.bin";

// Of a run: what it was started with, and what its tasks find in `batches`.
struct Order {
  std::string folder;  // beneath `batches`
  pawl::Value facts;   // "batch_id", "about", counts
};
pawl::Value to_value(const Order& order);
pawl::Result<Order> order_of(const pawl::Value& input);

pawl::Result<pawl::Value> detect_outliers(pawl::Step& step, const std::string& batches,
                                          const OutlierOptions& options);
pawl::Result<pawl::Value> analyze_trends(pawl::Step& step, const std::string& batches,
                                         const TrendOptions& options);
// `outliers`, `trends`: the tasks that it merges.
pawl::Result<pawl::Value> synthesize(pawl::Step& step, const std::string& batches,
                                     const std::string& outliers, const std::string& trends,
                                     const SynthesisOptions& options);
// `merged`: the task that it judges.
pawl::Result<pawl::Value> judge(pawl::Step& step, const std::string& merged,
                                const VerdictOptions& options);

}  // namespace manufacturing
