#pragma once
// The files between Pawl and a shell task, all in the run's work directory:
//
//   DATA/work/<run>/<task>.<attempt>.input  PAWL_INPUT  ]  removed once the report is durable;
//                   <task>.<attempt>.output PAWL_OUTPUT ]  the last two are only names until the
//                   <task>.<attempt>.events PAWL_EVENTS ]  task creates them
//                   <task>.checkpoint       PAWL_CHECKPOINT, stays across attempts
//                   <task>.checkpoint.best  the copy a task marked as its best
//
// The task's own text names none of these places: they follow from ids. What is read back is
// opened without following links, bounded, and must be a plain file.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "core/worker_port.h"

namespace pawl::actions {

inline constexpr std::size_t kMaxOutputBytes = 16u << 20;
inline constexpr std::size_t kMaxInlineCheckpoint = 1u << 20;

// Input files whose attempts have ended, to be the next ones': to rename a file and write it anew
// costs a small part of creating one and removing the other, and ten thousand short tasks a minute
// notice. Not thread-safe.
class SpareInputs {
 public:
  ~SpareInputs();
  // Makes `path`, new or from a spare. What was there before is replaced.
  Status make(const std::string& path, const std::string& run_dir, std::string_view bytes);
  // `path` is nobody's any more: kept while there is room, else removed.
  void give(std::string path);

 private:
  bool reuse(const std::string& path, const std::string& run_dir, std::string_view bytes);
  std::vector<std::string> spare_;
};

class TaskFiles {
 public:
  TaskFiles() = default;
  TaskFiles(std::string run_dir, TaskId task, Attempt attempt);

  const std::string& run_dir() const { return run_dir_; }
  std::string input() const { return path(".input", true); }
  std::string output() const { return path(".output", true); }
  std::string events() const { return path(".events", true); }
  std::string events_name() const { return events().substr(run_dir_.size() + 1); }
  std::string checkpoint() const { return path(".checkpoint", false); }
  std::string best_checkpoint() const { return path(".checkpoint.best", false); }

  // Makes the directory, the input file, and the checkpoint as `resume` wants it.
  Status prepare(const core::Assignment& assignment, SpareInputs& spare);
  // The task's outputs: null where it wrote none. Error: what was found, what is expected.
  Result<std::string> output_text();
  static Result<Json> parse_output(std::string_view text);
  // The checkpoint changed since prepare(): its bytes where they are small enough to send along.
  // Returns whether there is something to report.
  bool take_checkpoint(std::string& bytes);
  // Copies the checkpoint as it is now to the best one; the copy's bytes where they are small
  // enough.
  Result<std::string> keep_best() const;
  // Removes what is there of output and events. REQUIRES: output_text() was called, or it failed.
  void clean(bool had_events) const;
  // The same for the input; `ended`: no process of the attempt can read it any more.
  void clean_input(bool ended, SpareInputs& spare) const;

  // What take_checkpoint compares with, kept across lives of the worker.
  const std::string& stamp() const { return stamp_; }
  void set_stamp(std::string stamp) { stamp_ = std::move(stamp); }

 private:
  std::string path(std::string_view ending, bool with_attempt) const;
  std::string stamp_of(const std::string& file) const;
  std::string run_dir_;
  TaskId task_ = kNoTask;
  Attempt attempt_ = 0;
  bool has_output_ = true;  // false once it was looked for and is not there
  std::string stamp_;       // identity, size and time of the checkpoint file; "" none
};

}  // namespace pawl::actions
