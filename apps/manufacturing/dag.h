#pragma once
// Dag: the DAG file: which tasks there are, what each depends on, how often it is tried, and what
// it is told. `pawl-manufacturing dag` prints the one that is built in; README.md explains its
// members. A file with mistakes is refused with all of them at once, each with its line and column.

#include <pawl/workflow.h>

#include <string>
#include <variant>
#include <vector>

#include "manufacturing/options.h"

namespace manufacturing {

struct TaskSpec {
  std::string name, task_type;
  std::vector<std::string> depends_on;
  unsigned max_attempts = 3;
  double timeout_s = 0;  // of an attempt; 0: none
  double lease_s = 60;   // an attempt that is silent for so long has lost its right to go on
  pawl::Value input_data;
  std::variant<OutlierOptions, TrendOptions, SynthesisOptions, VerdictOptions> options;
};

struct Dag {
  std::string name;
  int version = 1;
  std::vector<TaskSpec> tasks;  // each behind what it depends on
  std::string text;             // the file

  const TaskSpec* task(std::string_view task_name) const;
  // Its steps find the batches in this folder.
  pawl::Workflow workflow(const std::string& batches) const;
};

// Workflow files keep some words for expressions, `verdict` among them: a task of such a name
// becomes a step with a `_` behind it, which is why no name in a DAG file ends so. And back.
std::string step_name(const std::string& task);
std::string task_name(const std::string& step);

// `file` is for messages. Error: invalid, a line for each mistake.
pawl::Result<Dag> read_dag(const std::string& file, std::string text);
// The built-in one.
const char* default_dag();

}  // namespace manufacturing
