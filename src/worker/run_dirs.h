#pragma once
// RunDirs: removes work/RUN/ of runs that retention has removed. A thread of its own looks through
// the directory a few seconds after the start and then every hour, so that neither a short command
// nor the engine ever waits for it; what a crash left is found like everything else.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace pawl::worker {

class RunDirs {
 public:
  // `known` says whether there still is such a run; called on the thread here.
  using Known = std::function<Result<bool>(RunId run)>;
  RunDirs(std::string data_dir, Known known);
  ~RunDirs();

  // One look through DATA/work. Returns how many were removed; stops early where `leaving` says so.
  // What is no run's directory is left alone, and so is everything where `known` fails.
  static Result<int> sweep(const std::string& data_dir, const Known& known,
                           const std::function<bool()>& leaving);

 private:
  void work();
  const std::string data_dir_;
  const Known known_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool leaving_ = false;
  std::thread thread_;
};

}  // namespace pawl::worker
