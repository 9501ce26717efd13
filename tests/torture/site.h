#pragma once
// Site: a data directory with the real binary at work in it. Knows which of the two processes died
// by whose hand, and can wait for all open runs to end as a user would see it.

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/result.h"
#include "store/store.h"
#include "tests/torture/torture.h"

namespace pawl::torture {

using Millis = std::chrono::milliseconds;

class Site {
 public:
  // Counts of failpoints are shared by the sites of one path.
  Site(std::string path, std::uint32_t slots);
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  const std::string& path() const { return path_; }
  std::string data() const { return path_ + "/data"; }
  std::string ledger() const { return path_ + "/ledger"; }

  // Preloads tests/torture/preload/wall_clock.cc from the next start on: see shift_clock().
  void own_clock();
  // The engine, and what it starts, see a wall clock that is off by so much.
  void shift_clock(Duration by);
  // The engine, as `pawl run anchor.yaml`: a gate keeps that run open, a key keeps it one.
  void start(const std::string& failpoints = "");
  // It answers on the control socket. False: it ended instead, or a limit passed.
  bool ready(Millis limit = Millis(20'000));
  bool running();  // the engine process is alive
  pid_t engine() const { return engine_; }
  // SIGKILL; true where it was still alive.
  bool kill_engine();
  void signal(int number) const;
  // Its exit code, or 128 + signal; nothing where it is still alive after so long.
  std::optional<int> wait(Millis limit);
  pid_t spawner() const;  // 0: there is none
  bool kill_spawner();
  // False: it is still there after so long.
  bool spawner_gone(Millis limit);

  // A `pawl` command to its end: exit code and standard output.
  std::pair<int, std::string> command(const std::vector<std::string>& words) const;
  // Until every run but the anchor has ended. False: a limit passed.
  bool all_ended(Millis limit);
  // A clean end of the engine: SIGTERM; nothing is left.
  void stop();
  // Its spawner is not taken along when this goes.
  void leave() { leaves_spawner_ = true; }
  // Reads the store without owning it.
  Result<std::unique_ptr<store::Store>> reader() const;
  // Findings of the store's own check.
  std::vector<std::string> findings() const;
  FailpointCounts& counts() { return *counts_; }
  std::string last_words() const;  // what the engine said on stderr, its end

 private:
  std::string path_;
  std::uint32_t slots_;
  pid_t engine_ = -1;
  std::optional<int> ended_;
  bool leaves_spawner_ = false;
  std::optional<FailpointCounts> counts_;
  UniqueFd shift_;
};

// Lets the world go on for so long: what is tortured runs by the wall clock, in other processes.
void let_pass(Millis time);

// A directory of its own beneath scratch_root(), gone at the end unless it is kept.
class Scratch {
 public:
  Scratch(std::string_view name, bool keep, const std::string& root = scratch_root());
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool keep_;
};

}  // namespace pawl::torture
