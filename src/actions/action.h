#pragma once
// Actions: what a task does. Three ways to carry one out, because a no-op step must cost less than
// a microsecond while a training job may take a week:
//
//   inline  a plain function, run at once in the worker's loop thread. Must return in microseconds
//   pool    a function that may block, run on a thread of the pool; asked to stop through its
//   Control loop    an Action object driven by events on the loop thread (shell)
//
// Names map to kinds in the Registry. An action never decides what happens next: it says what it
// saw in a core::Report, and the engine decides.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actions/process.h"
#include "base/clock.h"
#include "core/worker_port.h"

namespace pawl::actions {

// What a running loop action tells its worker. Called on the loop thread.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void started() = 0;
  virtual void alive() = 0;  // a sign of life, nothing to report
  virtual void progress(core::Progress progress) = 0;
  virtual void metric(std::string name, double value) = 0;
  virtual void warning(std::string text) = 0;
  // `best`: this is the best one so far.
  virtual void checkpoint(std::string bytes, bool best) = 0;
  // Lines with their numbers in this attempt's log, without a gap.
  virtual void lines(std::uint64_t first, std::vector<core::LogLine> lines) = 0;
  // A line after all lines so far.
  virtual void line(core::LogLine line) = 0;
  // ... of Pawl's own.
  virtual void note(std::string text) = 0;
  // The attempt is over; the fence is filled in by the worker. Nothing follows; the Action may be
  // destroyed after the caller has returned to the loop.
  virtual void done(core::Report report) = 0;
};

// Calls back when a file of this name is created in, or changes in, a directory. Loop thread.
class FileWatcher {
 public:
  using Changed = std::function<void()>;
  virtual ~FileWatcher() = default;
  // Returns a number for unwatch(). Where the system refuses, 0: then nothing is called back.
  virtual std::uint64_t watch(const std::string& dir, const std::string& name, Changed changed) = 0;
  virtual void unwatch(std::uint64_t id) = 0;
};

class SpareInputs;

// What a worker lends its loop actions.
struct Services {
  ProcessHost* processes = nullptr;
  FileWatcher* watcher = nullptr;
  SpareInputs* spare_inputs = nullptr;
  const Clock* clock = nullptr;
  std::string data_dir;  // absolute
  std::string program;   // the pawl binary, for `pawl emit` inside tasks; "" where there is none
};

class Action {
 public:
  virtual ~Action() = default;
  // Returns at once; what happens is told to the sink, also failures to start.
  virtual void start(const core::Assignment& assignment) = 0;
  // Goes on with a process of an earlier life instead of starting one.
  virtual void adopt(const HeldProcess& held) { (void)held; }
  // Ends early; done() follows. May be called again with another reason.
  virtual void stop(StopReason reason) = 0;
  // The final report is durable: files that only served it may go.
  virtual void recorded() {}
};

// What a pool function may say and ask. Thread-safe.
class Control {
 public:
  virtual ~Control() = default;
  virtual void progress(core::Progress progress) = 0;
  virtual void metric(std::string name, double value) = 0;
  virtual void warning(std::string text) = 0;
  virtual void checkpoint(std::string bytes, bool best) = 0;
  virtual void log(core::Stream stream, std::string_view text) = 0;
  virtual bool stopped() const = 0;
  // Readable once the attempt is to stop: for poll().
  virtual int stop_fd() = 0;
  virtual const Clock& clock() const = 0;
};

// Fills `report` (kind, outputs or message); its fence is already set, its kind is `completed`.
using InlineFunction = std::function<void(const core::Assignment&, core::Report&)>;
using PoolFunction = std::function<core::Report(const core::Assignment&, Control&)>;
using ActionFactory = std::function<std::unique_ptr<Action>(Sink&, const Services&)>;

// A report that fails the attempt.
core::Report failed(core::FailureClass failure_class, std::string message);
// ... and that another attempt would not help.
core::Report failed_for_good(core::FailureClass failure_class, std::string message);

}  // namespace pawl::actions
