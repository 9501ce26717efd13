#pragma once
// Queue: all that will happen, ordered by (time, draw). Things due at one instant happen in a drawn
// order, so that no order of the code's own making is ever relied on.

#include <algorithm>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "base/random.h"

namespace pawl::sim {

class Queue {
 public:
  explicit Queue(std::uint64_t seed) : random_(Random::stream(seed, "queue")) {}
  Duration now() const { return now_; }
  void after(Duration wait, std::function<void()> call) {
    heap_.push_back({now_ + std::max(wait, Duration{0}), random_.next(), std::move(call)});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  bool empty() const { return heap_.empty(); }
  Duration next() const { return heap_.front().at; }
  // Lets the next thing happen. REQUIRES: !empty().
  void step() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    Thing thing = std::move(heap_.back());
    heap_.pop_back();
    now_ = thing.at;
    ++steps_;
    thing.call();
  }
  std::uint64_t steps() const { return steps_; }

 private:
  struct Thing {
    Duration at;
    std::uint64_t draw;
    std::function<void()> call;
  };
  static bool later(const Thing& a, const Thing& b) {
    return a.at != b.at ? a.at > b.at : a.draw > b.draw;
  }
  Random random_;
  Duration now_{0};
  std::vector<Thing> heap_;
  std::uint64_t steps_ = 0;
};

}  // namespace pawl::sim
