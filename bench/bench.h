#pragma once
// The benchmarks of `make bench`: each a function that adds figures to a Report.
//
// A figure has a floor that must hold and a moonshot that is aimed at. Everything runs on durable
// settings on a real disk. Figures that compare with a probe are ratios of one run: the machine's
// mood cancels out. Work is exact: a figure counts only after the store was opened again and the
// set of finished tasks equals the set of submitted ones.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/engine.h"
#include "store/store.h"

namespace pawl::bench {

struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  double floor = 0, moonshot = 0;
  bool lower_is_better = false;
  bool measured_only = false;  // for orientation: no floor of its own
};

class Report {
 public:
  explicit Report(bool short_run) : short_run_(short_run) {}
  bool short_run() const { return short_run_; }
  // n, or a fraction of it in a short run.
  std::size_t scaled(std::size_t n, std::size_t short_n) const { return short_run_ ? short_n : n; }
  void add(Figure f);
  const std::vector<Figure>& figures() const { return figures_; }
  Json to_json() const;

 private:
  bool short_run_;
  std::vector<Figure> figures_;
};

struct Benchmark {
  const char* name;
  const char* what;
  void (*run)(Report&);
  bool apart = false;  // has a report of its own: runs only where --only names it
};
const std::vector<Benchmark>& benchmarks();

// A directory of its own on the disk that the build lies on, removed at the end.
class Scratch {
 public:
  explicit Scratch(const std::string& name);
  ~Scratch();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Seconds of monotonic time.
double seconds();
std::size_t resident_bytes();
void give_memory_back();  // what was freed, to the system
void fail(const std::string& message);

// An engine on a SQLite store in `directory`, with its parts in the right order of life.
struct Bed {
  std::unique_ptr<store::Store> store;
  std::unique_ptr<engine::Engine> engine;
  explicit Bed(const std::string& directory, engine::Options options = {});
  ~Bed();
  void close();
  WorkflowId workflow(const std::string& text);
};

// The product's own worker with a C++ handler that does nothing. Attempts are counted as their
// handler is entered, after `on_start` has seen them.
class NoopWorker {
 public:
  struct Options {
    std::uint32_t slots = 4096;
    Json output;
    std::function<void(const core::Assignment&)> on_start;
  };
  NoopWorker(core::WorkerPort& port, const std::string& directory, Options options);
  ~NoopWorker();
  void wait_for(std::uint64_t entered);
  std::uint64_t entered() const;
  // All reports are with the engine when it returns.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pawl::bench
