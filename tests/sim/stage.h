#pragma once
// Stage: what every part of a world shares: time, chance, the history, the trace and the faults.
// It knows no part; the parts know it.

#include <array>
#include <deque>
#include <functional>
#include <string>

#include "base/text.h"
#include "tests/sim/mix.h"
#include "tests/sim/queue.h"

namespace pawl::sim {

class Stage {
 public:
  Stage(const Scenario& scenario, bool tracing);

  Duration now() const { return queue.now(); }
  At at() { return {queue.now(), ++order_}; }
  void after(Duration wait, std::function<void()> call) { queue.after(wait, std::move(call)); }

  // Whether this fault strikes now, drawn with the rate of its kind; records it.
  bool strikes(FaultKind kind, std::uint32_t node, std::uint32_t agent, bool effective);
  // Records a fault whose time has come. False where the scenario leaves this one out.
  bool strike(FaultKind kind, std::uint32_t node, std::uint32_t agent, bool effective,
              std::string what);
  bool faulty() const { return faulty_; }
  void heal();
  std::uint32_t effective_faults() const { return effective_; }

  // A line of the trace: part of the hash always, kept as text only where somebody will read it.
  template <typename... Pieces>
  void note(const Pieces&... pieces) {
    mix_in(static_cast<std::uint64_t>(queue.now().count()));
    (mix_piece(pieces), ...);
    if (tracing_) trace_.push_back(str(time_text(), "  ", pieces...));
  }
  std::uint64_t hash() const { return hash_; }
  const std::vector<std::string>& trace() const { return trace_; }

  void breach(std::string text) {
    note("BREACH ", text);
    if (history.breaches.size() < 50) history.breaches.push_back(std::move(text));
  }

  const Scenario scenario;
  const Mix mix;
  Queue queue;
  History history;

 private:
  void mix_in(std::uint64_t x) {
    hash_ = (hash_ ^ x) * 0x9e3779b97f4a7c15u;
    hash_ ^= hash_ >> 29;
  }
  template <typename T>
  void mix_piece(const T& piece) {
    if constexpr (std::is_integral_v<T>) {
      mix_in(static_cast<std::uint64_t>(piece));
    } else {
      std::uint64_t h = 14695981039346656037u;
      for (char c : std::string_view(piece))
        h = (h ^ static_cast<unsigned char>(c)) * 1099511628211u;
      mix_in(h);
    }
  }
  std::string time_text() const;

  bool tracing_;
  bool faulty_ = true;
  std::uint64_t order_ = 0, hash_ = 0;
  std::uint32_t effective_ = 0;
  std::array<std::uint32_t, kFaultKindCount> struck_{};
  std::vector<Random> chance_;  // one a kind
  std::vector<std::string> trace_;
};

}  // namespace pawl::sim
