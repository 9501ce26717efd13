#pragma once
// Ledger: what tasks really did, told by themselves. Each process of a task appends a line at its
// start and one at its end, in one write, to a file that no part of Pawl knows of:
//
//   S RUN TASK ATTEMPT PID        E RUN TASK ATTEMPT PID
//
// The order of the lines is the order of events in the world.

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/torture/torture.h"

namespace pawl::torture {

// What a shell task runs to note itself around `body`.
std::string noted(std::string_view body);

using TaskName = std::pair<std::int64_t, std::string>;  // run, path

struct Line {
  bool start = false;
  TaskName task;
  std::uint32_t attempt = 0;
  std::int64_t pid = 0;
  std::size_t at = 0;  // its offset in the file
};
std::vector<Line> read_ledger(const std::string& path);
std::size_t ledger_size(const std::string& path);

struct LedgerFigures {
  std::size_t starts = 0, ends = 0, again = 0;  // again: started once more, under a higher attempt
};

// No attempt is started twice, none does anything after a later one of its task began, and attempt
// numbers grow.
LedgerFigures check_ledger(const std::vector<Line>& lines, Violations& violations);

// Completions that a watcher was told of, with how long the ledger was then: nothing of that task
// may start after. Thread-safe.
class Completions {
 public:
  void told(std::int64_t run, const std::string& task, std::uint32_t attempt, std::size_t at);
  std::size_t count() const;
  void check(const std::vector<Line>& lines, Violations& violations) const;

 private:
  struct Told {
    std::uint32_t attempt;
    std::size_t at;
  };
  mutable std::mutex mutex_;
  std::map<TaskName, Told> told_;
};

}  // namespace pawl::torture
