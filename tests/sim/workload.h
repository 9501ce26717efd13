#pragma once
// Workload: what people ask of one node in one seed: workflows drawn from a grammar over the whole
// language, submissions over time, and commands at any moment.

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/sim/scenario.h"

namespace pawl::sim {

// What a workflow uses. A batch of seeds that never runs one of these fails.
enum class Feature : std::uint8_t {
  plain,
  needs,
  group,
  for_each,
  for_each_dynamic,
  for_each_again,  // its list changes when what it needs is retried
  max_parallel,
  condition,
  condition_function,
  finally,
  gate,
  gate_timeout,
  gate_form,
  nap,  // a `sleep` task
  nap_until,
  sub_workflow,
  sub_workflow_file,
  sub_workflow_fan_out,
  retry,
  timeout_attempt,
  timeout_queue,
  timeout_start,
  timeout_heartbeat,
  recover_retry,
  recover_pause,
  recover_fail,
  recover_set,
  recover_best,
  recover_scratch,
  recover_lost,
  allow_failure,
  priority,
  queue,
  concurrency_queue,
  concurrency_reject,
  concurrency_cancel,
  resources,
  outputs,
  verdict,
  run_name,
  inputs,
  params,
  defaults,
  same_key,
  other_key_inputs,
  no_key,
};
inline constexpr int kFeatureCount = 46;
const char* to_string(Feature f);

struct WorkflowText {
  std::string name, text;
  std::uint64_t features = 0;  // bit set of 1 << Feature
  std::uint32_t limit = 0;     // of its concurrency; 0 none
};

struct Submission {
  Duration at{0};
  std::uint32_t workflow = 0;
  Json inputs;
  std::string key;
  Feature feature = Feature::no_key;  // where it is a special one
};

class Workload {
 public:
  Workload(const Scenario& scenario, std::uint32_t node);
  const std::vector<WorkflowText>& workflows() const { return workflows_; }
  // People queue for keys: who is in the way is cancelled, who is done is recovered.
  bool crowded() const { return crowded_; }
  // The first of them end up within `span`; more are drawn for as long as they are asked for.
  Submission next_submission();

 private:
  std::uint32_t node_;
  Random random_;
  bool crowded_;
  std::vector<WorkflowText> workflows_;
  std::vector<std::uint32_t> tops_;  // which are submitted
  std::vector<Submission> drawn_;
  Duration at_{0};
  std::uint32_t left_in_burst_ = 0;
};

// Of `name`; `children` are registered before it. REQUIRES: seeded alike, gives alike.
struct Theme {
  std::uint32_t max_tasks = 1000;
  // Nearly everything has a concurrency key, and what holds one runs other workflows.
  bool crowded = false;
};
WorkflowText draw_workflow(Random random, const std::string& name,
                           const std::vector<std::string>& children, const Theme& theme, bool leaf);

}  // namespace pawl::sim
