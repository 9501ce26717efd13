#pragma once
// The steps of a build, as a Pawl workflow:
//
//   plan -> download* -> validate* -> deduplicate -> label* -> manifest      * a batch an element
//
// A run's input is {"config": ..., "output": FOLDER}. Steps hand on numbers of batches; records are
// in OUTPUT/work/JOB/STEP/NUMBER.jsonl, each written once, whole. Within a batch the lines written
// so far are kept with a checkpoint, so that a kill costs a few images. Everything that a step
// writes follows from the config and the sources alone: no times, no order of threads.

#include <pawl/workflow.h>

#include <memory>
#include <string>

#include "dataset/config.h"
#include "dataset/files.h"
#include "dataset/label.h"

namespace dataset {

constexpr const char* kWorkflow = "build-dataset";

// Where things are beneath the output folder.
struct Layout {
  std::string output, job;
  std::string state() const { return join_path(output, ".pawl"); }
  std::string files() const { return join_path(output, "files"); }
  std::string parts() const { return join_path(output, "work/parts"); }
  std::string work() const { return join_path(output, "work/" + job); }
  std::string batch(const std::string& step, int number) const;
  std::string status_file() const { return join_path(output, "work/status.json"); }
  std::string result(const std::string& name) const { return join_path(output, name); }
};

// What a run is given.
struct Order {
  pawl::Value config;
  std::string output;
};

pawl::Workflow build_workflow(std::shared_ptr<const Labelers> labelers);

}  // namespace dataset

template <>
struct pawl::Codec<dataset::Order> : pawl::Fields<dataset::Order> {
  static auto fields() {
    using T = dataset::Order;
    return std::tuple(field("config", &T::config), field("output", &T::output));
  }
};
