#pragma once
// Processes, as an action sees them: a seam between what a task wants run and the one place that
// spawns (worker/spawner.h). Everything here happens on the worker's loop thread.
//
// A process has a key, its own group, and an output of numbered lines. It may outlive the engine's
// process: `state` is what the action needs to go on with it in a later life, given back on
// adoption.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "core/worker_port.h"

namespace pawl::actions {

using ProcessKey = std::uint64_t;

// Why an attempt is being stopped.
enum class StopReason : std::uint8_t {
  none,
  cancel,   // the engine asked
  refused,  // its lease is gone; nobody waits for a report
  drain,    // the worker leaves
  attempt_timeout,
  start_timeout,
  heartbeat_timeout,
};

struct ProcessSpec {
  core::Fence fence;
  std::vector<std::string> argv;  // argv[0] holds '/' or is looked up in PATH of `env`
  std::vector<std::string> env;   // NAME=value
  std::string cwd;
  std::string state;  // opaque to the spawner; holds no secret
  std::vector<std::pair<std::string, std::string>> secrets;  // masked in every line of output
  std::vector<std::string> notes;  // the first lines of its log, said by Pawl
};

enum class LaunchStage : std::uint8_t { none, pipes, cwd, exec, fork };

struct LaunchError {
  LaunchStage stage = LaunchStage::none;
  int error = 0;  // errno
};

struct ProcessExit {
  int status = 0;                         // as waitpid gives it
  StopReason stopped = StopReason::none;  // what we had sent a signal for
  bool unconfirmed = false;               // after KILL, something of the group was still there
};

// A process that an earlier life of this worker started.
struct HeldProcess {
  ProcessKey key = 0;
  core::Fence fence;
  std::string state;
  std::string mark;
  std::vector<std::pair<std::string, std::string>> secrets;
  StopReason stopped = StopReason::none;
  Duration ran{0};  // so far, by monotonic time: nobody who sets the clock ends it
};

class ProcessEvents {
 public:
  virtual ~ProcessEvents() = default;
  virtual void launched() = 0;
  virtual void launch_failed(const LaunchError& error) = 0;
  virtual void lines(std::uint64_t first, std::vector<core::LogLine> lines) = 0;
  // After the last line. Nothing follows.
  virtual void exited(const ProcessExit& exit) = 0;
  // Whoever held it died, and it was killed with it. Nothing follows.
  virtual void vanished() = 0;
};

class ProcessHost {
 public:
  virtual ~ProcessHost() = default;
  // `events` lives until exited, launch_failed, vanished or abandon().
  virtual ProcessKey start(ProcessSpec spec, ProcessEvents* events) = 0;
  virtual void adopt(ProcessKey key, ProcessEvents* events) = 0;
  // TERM to the group now, KILL after `kill_after`; exited() says what became of it.
  virtual void stop(ProcessKey key, StopReason reason, Duration kill_after) = 0;
  // A line of Pawl's own in the process's log.
  virtual void note(ProcessKey key, std::string_view text) = 0;
  // Remembered with the process for a later life.
  virtual void mark(ProcessKey key, std::string_view bytes) = 0;
  // Nothing of it is needed any more. REQUIRES: it has ended.
  virtual void forget(ProcessKey key) = 0;
};

}  // namespace pawl::actions
