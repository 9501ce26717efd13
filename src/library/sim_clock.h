#pragma once
// SimClock: the test kit's time. It stands still until it is told to advance; wall and monotonic
// time go together. Thread-safe.

#include <atomic>

#include "base/clock.h"

namespace pawl::v1 {

class SimClock : public Clock {
 public:
  Time now() const override { return kStart + passed(); }
  Mono mono() const override { return Mono(passed()); }
  Duration passed() const { return Duration(passed_us_.load()); }
  void advance(Duration d) { passed_us_ += d.count(); }

 private:
  static constexpr Time kStart = Time(Duration(1'700'000'000'000'000));
  std::atomic<std::int64_t> passed_us_{0};
};

}  // namespace pawl::v1
