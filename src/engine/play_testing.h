#pragma once
// Play: carries a bed's runs to their end, whatever happens to the engine on the way. It submits
// under idempotency keys and asks again until it is answered, as a client would; it lets workers
// act in a seeded order, waits where only time helps, and says what went wrong. The outcome of an
// attempt depends on the script, never on when it ran.

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "engine/engine_testing.h"

namespace pawl::engine {

class Play {
 public:
  // What becomes of an attempt: called once for each, may report anything final.
  using Act = std::function<void(ScriptedWorker&, const core::Assignment&)>;

  Play(Bed& bed, std::uint64_t seed, Act act);
  // Registers and submits until acknowledged.
  WorkflowId define(const std::string& text);
  void submit(WorkflowId workflow, Json inputs, std::string key);
  // Until every submitted run, and what it started, is at its end. Returns what went wrong.
  std::vector<std::string> to_the_end();
  const std::vector<RunId>& runs() const { return runs_; }
  // Another request between the others, now and then: a pause, a cancel, ...
  std::function<void()> disturb;

 private:
  bool round();
  bool act_some();
  bool all_ended();

  struct Wish {
    SubmitRequest request;
    Bed::Answer answer;
    std::uint64_t crashes = 0;  // when it was asked
  };
  Bed& bed_;
  Random random_;
  Act act_;
  std::vector<Wish> wishes_;
  std::vector<RunId> runs_;
};

// The run's final states and outputs, to compare one way through with another.
std::string outcome_of(Bed& bed, const std::vector<RunId>& runs);

}  // namespace pawl::engine
