#pragma once
// Script: what an attempt does, as a pure function of (seed, run, task path, attempt). Whoever
// carries it out, and whatever happens to the engine, the same attempt does the same.

#include <optional>
#include <vector>

#include "core/worker_port.h"

namespace pawl::sim {

struct Script {
  Duration start_delay{0};  // before its body begins
  Duration length{0};       // of the body
  core::Report end;         // completed, failed or released, without fence
  struct Sign {             // a report on the way; part of the length has passed
    double part = 0;
    core::Report report;
  };
  std::vector<Sign> signs;
  std::vector<std::pair<double, std::string>> lines;  // printed when
};

// `node`: runs are numbered per node.
Script script_of(std::uint64_t seed, std::uint32_t node, const core::Assignment& a);

}  // namespace pawl::sim
