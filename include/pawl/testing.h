#pragma once
// The test kit: an orchestrator in memory, on a clock of its own. Hours of retries, timers and
// Step::wait_for() pass in milliseconds: when everything waits, time jumps to what is due next.
//
//   pawl::Simulation sim;
//   sim->define(workflow);
//   auto run = sim.run_to_end("poll-the-bank", {});
//   EXPECT_EQ(run->state, pawl::RunState::completed);
//   EXPECT_EQ(sim.elapsed(), std::chrono::hours(3));
//
// Handlers run on real threads; time stands still while one of them computes. crash() loses all
// that was not acknowledged and opens the same store again, as a new process would.

#include <memory>
#include <string>

#include "pawl/orchestrator.h"

namespace pawl::PAWL_V1 {

// An orchestrator whose store is memory and whose time is simulated.
class PAWL_API Simulation {
 public:
  // `options.directory` is not used. Ends the process where it cannot be opened: a test could not
  // go on either.
  explicit Simulation(Options options = {});
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // The orchestrator, for define(), get() and all else. Not for wait() and execute(): nothing
  // moves the time meanwhile.
  Orchestrator& operator*();
  Orchestrator* operator->();

  // Starts a run and lets time pass until it has ended, or nothing can happen any more (then the
  // RunInfo says what it waits for). Error: timeout after `at_most` of simulated time.
  Result<RunInfo> run_to_end(const std::string& workflow, Value input = {}, RunOptions options = {},
                             Millis at_most = std::chrono::hours(24 * 365));
  // The same for a run that was started before.
  Result<RunInfo> to_end(RunId run, Millis at_most = std::chrono::hours(24 * 365));
  // Lets what can happen now happen, then time pass, with all that falls due in between.
  void advance(Millis time);
  // Lets what can happen without any time passing happen.
  void settle();

  // The simulated time, and how much of it has passed.
  TimePoint now() const;
  Millis elapsed() const;

  // Ends this life of the process without a goodbye, and begins the next. Workflows must be defined
  // again. Handlers that run are cut off: what they still do is not recorded.
  void crash();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pawl::PAWL_V1
