#pragma once
// PAWL_EVENTS: JSON lines that a task appends while it runs, read from a byte offset on, whole
// lines only. A line that cannot be read is a warning that names it, never a failure; bounds keep a
// task that writes without end from filling the engine.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/failure.h"
#include "core/worker_port.h"

namespace pawl::actions {

// What new lines said, merged: the last progress, every metric and warning.
struct TaskEvents {
  std::optional<core::Progress> progress;
  std::vector<std::pair<std::string, double>> metrics;
  std::vector<std::string> warnings;  // the task's
  std::vector<std::string> problems;  // ours, about its lines
  std::optional<core::FailureClass> failure_class;
  bool best_checkpoint = false;
  bool any() const {
    return progress || !metrics.empty() || !warnings.empty() || !problems.empty() ||
           failure_class || best_checkpoint;
  }
};

// One line, without its newline. `number` counts from 1.
void read_event_line(std::string_view line, std::uint64_t number, TaskEvents& into);

class EventsFile {
 public:
  explicit EventsFile(std::string path) : path_(std::move(path)) {}
  // What was appended since the last call; `at_end`: a last line without a newline counts too.
  TaskEvents read(bool at_end);
  const std::string& path() const { return path_; }
  std::uint64_t offset() const { return offset_; }
  std::uint64_t lines() const { return lines_; }
  // Goes on where an earlier life had read to.
  void resume(std::uint64_t offset, std::uint64_t lines) {
    offset_ = offset;
    lines_ = lines;
  }

 private:
  std::string path_;
  std::uint64_t offset_ = 0;  // of the first byte that no whole line has used
  std::uint64_t lines_ = 0;
  bool stopped_ = false;  // a bound was passed
};

}  // namespace pawl::actions
