#include "tests/sim/net.h"

namespace pawl::sim {

using namespace std::chrono_literals;

void Net::send(Place from, Place to, std::uint32_t node, bool idle, std::function<void()> deliver) {
  auto agent = from.kind == Place::Kind::agent ? from.number
               : to.kind == Place::Kind::agent ? to.number
                                               : 0;
  auto cut_until = cuts_.find({from, to});
  if (cut_until != cuts_.end() && stage_.now() < cut_until->second) return;
  if (stage_.strikes(FaultKind::message_lost, node, agent, !idle)) return;
  Duration wait = 100us + Duration{static_cast<std::int64_t>(random_.below(3000))};
  if (stage_.strikes(FaultKind::message_late, node, agent, !idle)) {
    wait +=
        Duration{static_cast<std::int64_t>(random_.below(random_.below(4) ? 200'000 : 8'000'000))};
  }
  if (stage_.strikes(FaultKind::message_doubled, node, agent, !idle)) {
    stage_.after(wait + Duration{static_cast<std::int64_t>(random_.below(2'000'000))}, deliver);
  }
  stage_.after(wait, std::move(deliver));
}

void Net::cut(Place from, Place to, Duration how_long) {
  auto& until = cuts_[{from, to}];
  until = std::max(until, stage_.now() + how_long);
}

}  // namespace pawl::sim
