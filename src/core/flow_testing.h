#pragma once
// Random workflows, and random things done to their runs: by workers, people, time and crashes.
// The same seed gives the same story.

#include <memory>
#include <string>

#include "core/run_testing.h"

namespace pawl::core {

// The text of a valid workflow, with a bit of everything.
std::string random_flow(Random& random);

class RandomStory {
 public:
  explicit RandomStory(std::uint64_t seed);
  // Does one random thing. False where nothing could be done.
  void step();
  // Lets the run come to its end: resumes, decides, completes. Fails the test where it does not.
  void finish();
  TestRun& run() { return *run_; }
  const std::string& flow() const { return flow_; }
  bool ended_twice() const { return cancels_ > 1; }
  // Retries or recovers a run at its end, a completed one as a new run.
  void reopen();

 private:
  void report();
  void decide_gate();
  void end_child();
  void person();
  std::vector<std::string> waiting(Executor executor) const;
  template <typename T>
  const T& any_of(const std::vector<T>& list) {
    return list[random_.below(list.size())];
  }

  Random random_;
  std::string flow_;
  std::unique_ptr<TestRun> run_;
  int cancels_ = 0;
  std::int64_t next_id_ = 42;
};

}  // namespace pawl::core
