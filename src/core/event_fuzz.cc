// Event chunks: hostile bytes are refused, or are events that encode to a chunk which reads the
// same.

#include "core/event.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pawl;
  using namespace pawl::core;
  const Time start{};
  auto events = decode_events({reinterpret_cast<const char*>(data), size}, 1, start);
  if (!events.ok()) return 0;
  std::string bytes;
  Time last = start;
  for (const Event& e : *events)
    encode_event(bytes, e, last);
  auto again = decode_events(bytes, 1, start);
  PAWL_ASSERT(again.ok() && again->size() == events->size());
  for (std::size_t i = 0; i < events->size(); ++i) {
    const Event &a = (*events)[i], &b = (*again)[i];
    PAWL_ASSERT(a.seq == b.seq && a.time == b.time && a.kind == b.kind && a.task == b.task);
    PAWL_ASSERT(a.attempt == b.attempt && a.reason == b.reason && a.text == b.text);
    (void)to_string(a.kind);
  }
  return 0;
}
