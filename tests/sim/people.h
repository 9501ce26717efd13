#pragma once
// People: the clients of one node, and the operator who, once the faults have ended, resumes what
// is paused and decides what waits for a decision, so that everything can come to its end.
//
// A request that may be repeated (define, submit under a key) is sent again until an answer that
// settles it has come. Any other is sent once; its outcome may stay unknown.

#include <functional>
#include <vector>

#include "tests/sim/check.h"
#include "tests/sim/net.h"
#include "tests/sim/node.h"
#include "tests/sim/workload.h"

namespace pawl::sim {

class People {
 public:
  People(Stage& stage, Net& net, Node& node, const Stores& stores);

  void begin();
  // No new submissions; the operator spares nothing.
  void heal();
  // Everything asked is answered, and every run of the store is at its end.
  bool at_rest() const;
  // Features of workflows that were run, and of submissions.
  std::uint64_t features() const { return features_; }

 private:
  std::uint32_t ask(Request request);
  void send(std::uint32_t number);
  void arrived(std::uint32_t number, std::size_t answer);
  bool settled(const Request& r) const;
  void define(std::uint32_t workflow);
  void submit_next();
  bool crowded() const;
  void submit(const Submission& s, std::uint32_t number);
  RunId fitting_run(RequestKind kind);
  RequestKind wish(std::uint64_t draw) const;
  void command();
  void operate();
  void decide_gates(RunId run);
  RunId any_run();

  Stage& stage_;
  Net& net_;
  Node& node_;
  const Stores& stores_;
  Random random_;
  Workload workload_;
  std::vector<WorkflowId> defined_;  // by workflow; 0: not yet
  std::vector<RunId> known_;         // from answers
  std::uint32_t submitted_ = 0, commanded_ = 0;
  double command_gap_;  // mean seconds
  std::uint64_t features_ = 0;
  std::vector<std::uint32_t> pending_;  // requests to be repeated
  bool healed_ = false;
};

}  // namespace pawl::sim
