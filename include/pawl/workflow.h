#pragma once
// Workflow: a definition in code: named steps, what each comes after, how it is retried.
//
//   pawl::Workflow w("thumbnails", 1);
//   w.step("list", [](const Folder& in) { return find_images(in); });
//   w.step("resize", [](const Image& in, pawl::Step& s) { return resize(in, s); })
//       .after("list").for_each("list").retries(3).timeout(std::chrono::minutes(5));
//
// A definition has a version. Runs keep the one they began with: define the old one beside the new
// one for as long as runs of it are open. validate() tells everything that is wrong at once.
// Handlers are called from several threads at a time. Not thread-safe itself.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pawl/step.h"

namespace pawl::PAWL_V1 {

// One thing that is wrong with a definition.
struct Problem {
  std::string step;  // the step it is about; "" the workflow as a whole
  std::string code;  // stable: cycle, forward_reference, duplicate_name, no_handler, ...
  std::string message;
  std::string hint;  // may be empty
};

// One step of a workflow that is being defined. What is not set keeps the default named here.
class PAWL_API StepSpec {
 public:
  struct Impl;  // the library's own
  StepSpec(const StepSpec&) = delete;
  StepSpec& operator=(const StepSpec&) = delete;

  // What kind of work this is, for lists and statistics: "download". Default: the step's name.
  StepSpec& type(std::string task_type);
  // It starts when these have completed. By name, or by index, from 0 in order of definition; only
  // steps defined earlier.
  StepSpec& after(std::string_view step);
  StepSpec& after(int index);
  template <typename First, typename Second, typename... More>
  StepSpec& after(First first, Second second, More... more) {
    after(first);
    return after(second, more...);
  }
  StepSpec& after(const std::vector<std::string>& steps);
  // Its input becomes an object with this field: a constant; the run's input (or a member of it);
  // the output of an earlier step it comes after (or a member of that).
  StepSpec& input(std::string field, Value constant);
  StepSpec& input_from_run(std::string field, std::string member = {});
  StepSpec& input_from(std::string field, std::string step, std::string member = {});
  // One attempt for each item of an array, at the same time: the output of `step` (a member of
  // it), or the run's input where `step` is "". The item is the input; the step's output is the
  // array of all outputs, in order.
  StepSpec& for_each(std::string step, std::string member = {});
  // At most so many elements at a time; 0 (default): no limit of its own.
  StepSpec& max_parallel(unsigned n);
  // Runs only where this expression is true, such as "${{ inputs.input.deep }}".
  StepSpec& when(std::string expression);
  // How often a failed attempt is tried again. Default 3, after 1, 2, 4, 8 ... s, at most 60 s.
  StepSpec& retries(unsigned n);
  // The first delay, and the longest.
  StepSpec& retry_delay(Millis first, Millis longest);
  // An attempt may take so long. Default: no limit.
  StepSpec& timeout(Millis t);
  // The longest silence of a handler (progress, log, save and heartbeat are signs of life).
  StepSpec& heartbeat(Millis t);
  // How long it may be put off (Status::try_later, no free thread) before it fails.
  StepSpec& give_up_after(Millis t);
  // How long it usually takes; percent and the remaining time are weighed by it. Default: unknown.
  StepSpec& estimate(Millis t);
  // Higher first, -100..100. Default 0.
  StepSpec& priority(int p);
  // A failure of this step does not fail the run.
  StepSpec& allow_failure();
  // Runs at the end, whatever happened before.
  StepSpec& at_the_end();
  // Its name.
  const std::string& name() const;

 private:
  friend struct WorkflowAccess;
  explicit StepSpec(std::unique_ptr<Impl> impl);
  ~StepSpec();
  friend struct std::default_delete<StepSpec>;
  std::unique_ptr<Impl> impl_;
};

// A definition: built in code, or read from a workflow file.
class PAWL_API Workflow {
 public:
  struct Impl;  // the library's own
  // `name`: up to 50 of a-z, 0-9, _ and -. `version`: 1, 2, ...: grows when the steps change.
  explicit Workflow(std::string name, int version = 1);
  Workflow(Workflow&&) noexcept;
  Workflow& operator=(Workflow&&) noexcept;
  ~Workflow();

  // Reads a workflow file (YAML or JSON), whose tasks use actions given to Options::actions, or
  // built-in ones. Errors: not_found, io, invalid with every finding.
  static Result<Workflow> load(const std::string& path);
  // The same, from text. `file` is for messages.
  static Result<Workflow> parse(std::string text, std::string file = {});

  // Adds a step. Any callable of pawl/step.h will do. The reference lives as long as the workflow.
  template <typename F>
  StepSpec& step(std::string name, F f) {
    return add(std::move(name), handler(std::move(f)));
  }
  // For people.
  Workflow& title(std::string text);
  // How often a run may be recovered. Default 3.
  Workflow& max_recovery_attempts(unsigned n);
  // The run's output is this step's. Default: of the step nothing comes after; where there are
  // several, an object of their outputs by name.
  Workflow& output_of(std::string step);

  // Everything that is wrong with it; empty where nothing is.
  std::vector<Problem> problems() const;
  // The same as one Status: invalid, all problems in its message, a line each.
  Status validate() const;

  // Its name, version and steps' names in order.
  const std::string& name() const;
  int version() const;
  std::vector<std::string> steps() const;
  // The workflow file that says the same (JSON). A text of a file: as it is.
  std::string to_file() const;

 private:
  friend struct WorkflowAccess;
  StepSpec& add(std::string name, Handler handler);
  explicit Workflow(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pawl::PAWL_V1
