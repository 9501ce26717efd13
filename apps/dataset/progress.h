#pragma once
// Progress: how far a build is, in a line that is drawn again on a terminal, and in a line for each
// step that begins or ends elsewhere. Also what `pawl-dataset status` shows, as JSON.

#include <pawl/run.h>
#include <pawl/value.h>

#include <map>
#include <string>
#include <vector>

namespace dataset {

// One step, its elements put together.
struct StepProgress {
  std::string name;
  std::string state;  // waiting, running, retrying, completed, failed, cancelled
  double percent = 0;
  int elements = 0, done = 0;
  std::string trouble;  // of the last attempt that failed
};
std::vector<StepProgress> steps_of(const pawl::RunInfo& run);

pawl::Value status_value(const pawl::RunInfo& run);
// Lines for people.
std::string status_text(const pawl::Value& status);

class Progress {
 public:
  // `live`: a terminal that can draw a line again.
  explicit Progress(bool live) : live_(live) {}
  // What to print now; "" where nothing has changed.
  std::string show(const pawl::RunInfo& run);
  // Takes the live line away.
  std::string clear();

 private:
  std::string line(const pawl::RunInfo& run, const std::vector<StepProgress>& steps);
  bool live_;
  std::string drawn_;
  std::map<std::string, std::string> told_;
};

}  // namespace dataset
