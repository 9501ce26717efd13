#pragma once
// Time as an argument. Nothing below the command line asks the machine for the time: it is given a
// Clock, so that a simulator can own it. Wall time (`now`) is for what people see and for durable
// timers; monotonic time (`mono`) is for leases and intervals, which must not jump with the wall.

#include <chrono>
#include <cstdint>

namespace pawl {

using Duration = std::chrono::microseconds;
using Time = std::chrono::sys_time<Duration>;  // UTC
using Mono = std::chrono::time_point<std::chrono::steady_clock, Duration>;

inline constexpr Time kNever = Time::max();
inline constexpr Time kNoTime = Time{};  // the epoch: "not yet"

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
  virtual Mono mono() const = 0;
};

// The machine's clock. Thread-safe.
const Clock& system_clock();

// A clock that a test moves by hand. Not thread-safe.
class ManualClock : public Clock {
 public:
  explicit ManualClock(Time start = Time{Duration{1'700'000'000'000'000}}) : now_(start) {}
  Time now() const override { return now_; }
  Mono mono() const override { return mono_; }
  void advance(Duration d) {
    now_ += d;
    mono_ += d;
  }
  void jump_wall(Duration d) { now_ += d; }

 private:
  Time now_;
  Mono mono_{};
};

}  // namespace pawl
