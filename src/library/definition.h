#pragma once
// What a Workflow holds, and the workflow file it becomes. The engine knows only files: a
// definition in code is written as one, whose tasks all have the action kHandlerAction and stand in
// a queue of their own, named after workflow and version. A process offers to serve that queue when
// it has the handlers; where none does, tasks wait there and nothing is lost.
//
// A step's output is stored as {"value": OUTPUT}, since tasks give objects; null as nothing.

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/workflow.h"
#include "library/inside.h"

namespace pawl::v1 {

inline constexpr const char* kHandlerAction = core::kFunctionAction;
inline constexpr const char* kRunInput = "input";   // the one input of a definition in code
inline constexpr const char* kOutputKey = "value";  // of a step's output
inline constexpr const char* kTraits = "x-library";
inline constexpr std::size_t kMaxName = 50;

struct StepSpec::Impl {
  struct Need {
    std::string name;  // "" : by index
    int index = -1;
  };
  struct Input {
    enum class From : unsigned char { constant, run, step };
    std::string field;
    From from = From::constant;
    Value constant;
    std::string step, member;
  };
  std::string name, type;
  std::vector<Need> needs;
  std::vector<Input> inputs;
  bool fan_out = false;
  std::string each_step, each_member;
  unsigned max_parallel = 0;
  std::string condition;
  unsigned retries = 3;
  Millis first{1000}, longest{60000};
  Millis timeout{0}, heartbeat{0}, give_up_after{0}, estimate{-1};
  int priority = 0;
  bool allow_failure = false, at_the_end = false;
  Handler handler;
};

// What a step is handed of fan-outs, whose outputs are stored as lists of wrapped ones.
struct Lists {
  bool item = false;                // each item is an element's output
  std::vector<std::string> fields;  // inputs that are all elements' outputs
  bool any() const { return item || !fields.empty(); }
};

struct Workflow::Impl {
  std::string name, title, output_of;
  int version = 1;
  unsigned max_recovery_attempts = 3;
  std::vector<std::unique_ptr<StepSpec>> steps;
  // Where it was read from a file:
  bool from_file = false;
  std::string text, file;
};

struct WorkflowAccess {
  static const Workflow::Impl& of(const Workflow& w) { return *w.impl_; }
  static const StepSpec::Impl& of(const StepSpec& s) { return *s.impl_; }
  static std::unique_ptr<StepSpec> make(std::string name, Handler handler);
};

// The queue of a version's tasks.
Lists lists_of(const Workflow::Impl& workflow, const StepSpec::Impl& step);
std::string queue_of(const std::string& workflow, int version);
// The file that says what the definition says. REQUIRES: no problems() by itself.
std::string file_text(const Workflow::Impl& w);
// What is wrong, seen without the parser: names, needs, numbers.
std::vector<Problem> own_problems(const Workflow::Impl& w);

// What a registered file says beside its tasks, for progress and recovery.
struct Traits {
  bool in_code = false;
  int version = 0;  // the definition's own
  int max_recovery_attempts = 3;
  std::string output_of;
  struct Step {
    std::string type;
    std::optional<Millis> estimate;
  };
  std::unordered_map<std::string, Step> steps;
};
Traits read_traits(std::string_view text, int stored_version);

// {"value": x} and back; null is nothing. Arrays, of fan-outs, item by item.
Json wrap_output(const Json& output);
Json unwrap_output(const Json& stored);

}  // namespace pawl::v1
