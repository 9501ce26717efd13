#pragma once
// Torture: the real binary and the real store under faults, far more of them than a unit test has
// room for. Each subcommand is one kind of fault; it prints its figures, then each promise with
// `ok` or `FAIL`, and fails as well when too little happened for its word to mean anything.
//
//   pawl_torture [all|kill|failpoints|powerloss|faults|damage|full|signals|clock] [--long]
//                [--cycles N] [--seed S] [--keep] [--only NAME] [--verbose]
//
// The driver only uses what a user has (commands, the control socket) and, once the engine is gone,
// the store's reading side.

#include <cstdint>
#include <string>
#include <vector>

#include "base/text.h"

namespace pawl::torture {

struct Options {
  bool long_dose = false;
  std::uint64_t cycles = 0;  // 0: the dose's own number
  std::uint64_t seed = 1;
  bool keep = false;  // leave the data directory of a failure
  bool verbose = false;
  std::string only;  // failpoints: this one
  std::uint64_t dose(std::uint64_t short_one, std::uint64_t long_one) const {
    return cycles ? cycles : long_dose ? long_one : short_one;
  }
};

// What broke, told a few times and counted. Thread-safe.
class Violations {
 public:
  void add(std::string what);
  std::size_t count() const { return count_; }
  const std::vector<std::string>& first() const { return first_; }

 private:
  std::size_t count_ = 0;
  std::vector<std::string> first_;
};

class Report {
 public:
  explicit Report(std::string name);
  template <typename... Pieces>
  void figure(const Pieces&... pieces) {
    print(str(pieces...));
  }
  // The promise held where there is no violation.
  void holds(std::string_view promise, const Violations& violations);
  // No vacuous pass: so much must have happened.
  void at_least(std::string_view what, std::uint64_t value, std::uint64_t wanted);
  void at_most(std::string_view what, double value, double limit);
  void print(std::string_view line);
  void skip(std::string_view what, std::string_view why);

  int passed = 0, failed = 0;

 private:
  void verdict(bool ok, std::string_view what);
  std::string name_;
};

// Where scratch directories are made: on a disk, never in memory, where fsync does nothing.
std::string scratch_root();

void torture_kill(const Options& options, Report& report);
void torture_failpoints(const Options& options, Report& report);
void torture_powerloss(const Options& options, Report& report);
void torture_faults(const Options& options, Report& report);
void torture_damage(const Options& options, Report& report);
void torture_full(const Options& options, Report& report);
void torture_signals(const Options& options, Report& report);
void torture_clock(const Options& options, Report& report);

}  // namespace pawl::torture
