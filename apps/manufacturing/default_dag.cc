#include "manufacturing/dag.h"

namespace manufacturing {

const char* default_dag() {
  return R"({
  "name": "manufacturing",
  "version": 1,
  "tasks": [
    {
      "name": "detect_outliers",
      "task_type": "detect_outliers",
      "depends_on": [],
      "max_attempts": 3,
      "lease_s": 60,
      "input_data": {"deviations": 2, "deviation": "sample", "listed": 20}
    },
    {
      "name": "analyze_trends",
      "task_type": "analyze_trends",
      "depends_on": [],
      "max_attempts": 3,
      "lease_s": 60,
      "input_data": {"r2": 0.5, "t": 6, "points": 5}
    },
    {
      "name": "synthesize",
      "task_type": "synthesize",
      "depends_on": ["detect_outliers", "analyze_trends"],
      "max_attempts": 3,
      "lease_s": 60,
      "input_data": {"worst": 10}
    },
    {
      "name": "verdict",
      "task_type": "verdict",
      "depends_on": ["synthesize"],
      "max_attempts": 3,
      "lease_s": 60,
      "input_data": {
        "rules": [
          {"figure": "outlier_share", "warning": 0.06, "fail": 0.1},
          {"figure": "largest_deviation", "warning": 6, "fail": 12},
          {"figure": "drifting_share", "warning": 0, "fail": 0.25},
          {"figure": "missing_share", "warning": 0.1, "fail": 0.5},
          {"figure": "empty_share", "warning": 0, "fail": 0.5}
        ]
      }
    }
  ]
}
)";
}

}  // namespace manufacturing
