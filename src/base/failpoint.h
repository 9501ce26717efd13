#pragma once
// Failpoints: named places in the product where a test lets the process die, stop or fail. They are
// compiled in, so that what is tortured is what is shipped; off, one costs a load and a branch.
//
//   if (failpoint("store.wal.write")) return SQLITE_IOERR_WRITE;   // may be made to fail
//   failpoint("engine.flight.committed");                          // only to die or stop at
//
//   PAWL_FAILPOINT=NAME:N[:ACTION][,...]   at the N-th pass of NAME in a process:
//       kill   SIGKILL (where no action is named)      error  report a failure, this once
//       stop   SIGSTOP                                 fail   report a failure from now on
//   PAWL_FAILPOINT_COUNTS=FILE             every pass is counted there, in memory that outlives
//                                          the process, and that several processes share; with
//                                          it only the first kill or stop of all is carried out
//
// A name stands in one place of the source only; it is `layer.what.where`.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace pawl {

namespace detail {
inline bool failpoints_armed = false;  // written before the first thread starts
bool pass_failpoint(const char* name);
}  // namespace detail

// Counts a pass. True: the caller is to fail as the system below it could. Thread-safe.
inline bool failpoint(const char* name) {
  return __builtin_expect(detail::failpoints_armed, 0) && detail::pass_failpoint(name);
}

// Reads the two variables' values; "" arms nothing. REQUIRES: no other thread runs.
Status arm_failpoints(const std::string& wanted, const std::string& counts_file);

// Counted beside the names: kills and stops that were carried out.
inline constexpr const char* kFailpointFired = "!fired";

// For the reader of a counts file.
struct FailpointCount {
  std::string name;
  std::uint64_t passes = 0;
};
class FailpointCounts {
 public:
  // Creates the file where absent, and empties it.
  static Result<FailpointCounts> create(const std::string& path);
  FailpointCounts(FailpointCounts&& other) noexcept;
  FailpointCounts& operator=(FailpointCounts&&) = delete;
  ~FailpointCounts();
  std::uint64_t of(const char* name) const;
  std::vector<FailpointCount> all() const;  // passed at least once

 private:
  explicit FailpointCounts(void* table) : table_(table) {}
  void* table_ = nullptr;
};

}  // namespace pawl
