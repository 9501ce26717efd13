#pragma once
// Shapes that come up again and again: chain, fan-out and fan-in, map-reduce, retry until, poll
// until. Each adds its steps to a workflow and returns the last one, for further settings.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pawl/workflow.h"

namespace pawl::PAWL_V1::templates {

// A step's name and what it does.
struct Named {
  // From any callable of pawl/step.h.
  template <typename F>
  Named(std::string step_name, F f) : name(std::move(step_name)), run(handler(std::move(f))) {}
  std::string name;
  Handler run;
};

// Steps one after the other, each with the output of the one before. The first has the run's
// input, or the output of the step `after`. REQUIRES: at least one step.
inline StepSpec& chain(Workflow& workflow, std::vector<Named> steps,
                       const std::string& after = {}) {
  StepSpec* last = nullptr;
  for (Named& s : steps) {
    StepSpec& step = workflow.step(std::move(s.name), std::move(s.run));
    if (last) step.after(last->name());
    if (!last && !after.empty()) step.after(after);
    last = &step;
  }
  return *last;
}

// Branches side by side, then a step with an object of their outputs by name.
inline StepSpec& fan_out_fan_in(Workflow& workflow, std::vector<Named> branches, Named join,
                                const std::string& after = {}) {
  std::vector<std::string> names;
  for (Named& b : branches) {
    StepSpec& step = workflow.step(b.name, std::move(b.run));
    if (!after.empty()) step.after(after);
    names.push_back(std::move(b.name));
  }
  return workflow.step(std::move(join.name), std::move(join.run)).after(names);
}

// `split` gives an array; `map` works on each item at the same time; `reduce` has the array of what
// came out, in order.
inline StepSpec& map_reduce(Workflow& workflow, Named split, Named map, Named reduce,
                            unsigned max_parallel = 0, const std::string& after = {}) {
  StepSpec& first = workflow.step(split.name, std::move(split.run));
  if (!after.empty()) first.after(after);
  workflow.step(map.name, std::move(map.run))
      .after(split.name)
      .for_each(split.name)
      .max_parallel(max_parallel);
  return workflow.step(std::move(reduce.name), std::move(reduce.run)).after(map.name);
}

// Tries `attempt` until it gives something, at most so many times, with growing delays. `attempt`
// is a callable that returns std::optional<Out> and takes what handlers take.
template <typename F>
StepSpec& retry_until(Workflow& workflow, std::string name, F attempt, unsigned most,
                      Millis first = Millis(1000), Millis longest = Millis(60000)) {
  Handler inner = handler(std::move(attempt));
  return workflow
      .step(std::move(name), Handler([inner = std::move(inner)](Step& s) -> Result<Value> {
              auto result = inner(s);
              if (result.ok() && result->is_null()) return Status::failed("not there yet");
              return result;
            }))
      .retries(most > 0 ? most - 1 : 0)
      .retry_delay(first, longest);
}

// Asks `check` every so often until it gives something (std::optional<Out>), without holding a
// thread in between and without using up retries. Fails when `at_most` is over.
template <typename F>
StepSpec& poll_until(Workflow& workflow, std::string name, F check, Millis every, Millis at_most) {
  Handler inner = handler(std::move(check));
  return workflow
      .step(std::move(name), Handler([inner = std::move(inner)](Step& s) -> Result<Value> {
              auto result = inner(s);
              if (result.ok() && result->is_null()) return Status::try_later("not there yet");
              return result;
            }))
      .retry_delay(every, every)
      .give_up_after(at_most);
}

}  // namespace pawl::PAWL_V1::templates
