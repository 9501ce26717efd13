// pawl_sim: the deterministic simulator's command line.
//
//   pawl_sim --seeds N [--first F] [--jobs J]   seeds F.. (1), and those that failed once
//   pawl_sim --seed X                           repeats one exactly; a failing one is cut down
//   pawl_sim --seed X --trace                   ... and prints everything that happened
//
// Ends with 1 where a seed failed. A batch of 1,000 seeds or more fails also where something of the
// tables, the faults or the workload was never taken. Every 50th seed is run twice.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "base/log.h"
#include "tests/sim/driver.h"
#include "tests/sim/seeds.h"
#include "tests/sim/shrink.h"

namespace pawl::sim {
namespace {

constexpr std::uint64_t kCoveringBatch = 1000, kTwiceEvery = 50;
constexpr std::size_t kStories = 3;
constexpr const char* kFolder = "build/sim";

struct Arguments {
  std::uint64_t seeds = 0, first = 1, seed = 0;
  unsigned jobs = 1;
  bool trace = false;
};

unsigned long long wide(std::uint64_t n) { return n; }

int one(const Arguments& a) {
  Scenario s;
  s.seed = a.seed;
  Verdict v = judge_apart(s);
  std::printf(
      "seed %llu: trace %016llx, %llu transitions of %llu runs, %llu effective faults, "
      "%.1f s simulated in %llu steps\n",
      wide(v.seed), wide(v.hash), wide(v.transitions), wide(v.runs), wide(v.effective),
      static_cast<double>(v.simulated_ms) / 1e3, wide(v.steps));
  if (a.trace && v.check != "died" && v.check != "hung") {
    std::vector<std::string> trace;
    (void)judge(s, &trace);
    for (const auto& line : trace)
      std::puts(line.c_str());
  }
  for (const auto& p : v.problems)
    std::printf("  %s\n", p.c_str());
  if (!v.passed() && !a.trace && v.check != "minimums") tell_story(shrink(s, v), kFolder);
  std::printf("pawl-check: %d passed, %d failed\n", v.passed(), !v.passed());
  return v.passed() ? 0 : 1;
}

class Batch {
 public:
  explicit Batch(const Arguments& a) : args_(a) {
    for (const OldSeed& old : kOldSeeds)
      jobs_.push_back({old.seed, true});
    for (std::uint64_t s = a.first; s < a.first + a.seeds; ++s)
      jobs_.push_back({s, (s - a.first) % kTwiceEvery == 0});
  }

  int run() {
    run_seeds(jobs_, args_.jobs, [&](const Verdict& v) { see(v); });
    report();
    return failed_.empty() && missing_.empty() ? 0 : 1;
  }

 private:
  void see(const Verdict& v) {
    ++seen_;
    coverage_ |= v.coverage;
    transitions_ += v.transitions;
    effective_ += v.effective;
    runs_ += v.runs;
    simulated_ms_ += v.simulated_ms;
    if (!v.passed() && failed_.emplace(v.seed, v).second) {
      std::printf("FAILED seed %llu: %s    make sim SEED=%llu\n", wide(v.seed),
                  v.problems.empty() ? v.check.c_str() : v.problems[0].c_str(), wide(v.seed));
    }
    if (seen_ % 1000 == 0 && seen_ < jobs_.size()) {
      std::printf("  %zu of %zu seeds, %zu failed\n", seen_, jobs_.size(), failed_.size());
    }
    std::fflush(stdout);
  }

  void report() {
    if (args_.seeds >= kCoveringBatch) missing_ = missing(coverage_);
    std::size_t told = 0;
    for (const auto& [seed, v] : failed_) {
      if (v.check == "minimums" || v.check == "determinism" || told++ >= kStories) continue;
      Scenario s;
      s.seed = seed;
      tell_story(shrink(s, v), kFolder);
    }
    for (const auto& what : missing_)
      std::printf("never taken in %llu seeds: %s\n", wide(args_.seeds), what.c_str());
    std::printf(
        "%llu transitions of %llu runs, %llu faults that overlapped work, %.1f h simulated\n",
        wide(transitions_), wide(runs_), wide(effective_),
        static_cast<double>(simulated_ms_) / 3.6e6);
    std::map<std::string, std::size_t> by_check;
    for (const auto& [seed, v] : failed_)
      ++by_check[v.check];
    for (const auto& [check, n] : by_check)
      std::printf("%zu seeds failed by %s\n", n, check.c_str());
    // What was to be covered and was not counts as one.
    std::size_t bad = failed_.size() + (missing_.empty() ? 0 : 1);
    std::printf("pawl-check: %zu passed, %zu failed\n", seen_ - failed_.size(), bad);
    std::printf("%zu passed, %zu failed\n", seen_ - failed_.size(), bad);
  }

  const Arguments& args_;
  std::vector<Job> jobs_;
  std::map<std::uint64_t, Verdict> failed_;
  std::vector<std::string> missing_;
  Coverage coverage_;
  std::size_t seen_ = 0;
  std::uint64_t transitions_ = 0, effective_ = 0, runs_ = 0, simulated_ms_ = 0;
};

bool read_arguments(int argc, char** argv, Arguments& a) {
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--trace") {
      a.trace = true;
      continue;
    }
    if (i + 1 == argc) return false;
    std::uint64_t n = std::strtoull(argv[++i], nullptr, 10);
    if (name == "--seeds") {
      a.seeds = n;
    } else if (name == "--first") {
      a.first = n;
    } else if (name == "--seed") {
      a.seed = n;
    } else if (name == "--jobs") {
      a.jobs = static_cast<unsigned>(n);
    } else {
      return false;
    }
  }
  return (a.seeds > 0) != (a.seed > 0);
}

}  // namespace
}  // namespace pawl::sim

int main(int argc, char** argv) {
  using namespace pawl::sim;
  Arguments a;
  a.jobs = static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  if (!read_arguments(argc, argv, a)) {
    std::fputs("usage: pawl_sim --seeds N [--first F] [--jobs J] | --seed X [--trace]\n", stderr);
    return 2;
  }
  pawl::set_log({.level = pawl::LogLevel::off});  // failed commits are the point here
  return a.seed ? one(a) : Batch(a).run();
}
