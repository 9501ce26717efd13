#include "tests/sim/history.h"

namespace pawl::sim {

const char* to_string(RequestKind k) {
  static constexpr const char* kNames[] = {"define", "submit",  "pause",   "resume", "cancel",
                                           "retry",  "recover", "approve", "reject"};
  return kNames[static_cast<std::size_t>(k)];
}

const char* to_string(PortCall::Kind k) {
  static constexpr const char* kNames[] = {"join",   "offer",  "report",  "log",     "leave",
                                           "assign", "cancel", "refused", "recorded"};
  return kNames[static_cast<std::size_t>(k)];
}

const char* to_string(Execution::End e) {
  static constexpr const char* kNames[] = {"none",      "completed", "failed", "released",
                                           "cancelled", "refused",   "fenced", "crashed"};
  return kNames[static_cast<std::size_t>(e)];
}

}  // namespace pawl::sim
