#include "base/clock.h"

namespace pawl {

namespace {

class SystemClock : public Clock {
 public:
  Time now() const override {
    return std::chrono::floor<Duration>(std::chrono::system_clock::now());
  }
  Mono mono() const override {
    return std::chrono::floor<Duration>(std::chrono::steady_clock::now());
  }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace pawl
