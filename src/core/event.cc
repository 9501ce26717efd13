#include "core/event.h"

#include "base/codec.h"
#include "base/text.h"

namespace pawl::core {
namespace {

bool has_task(EventKind k) {
  return k == EventKind::task_state || k == EventKind::warning || k == EventKind::metric ||
         k == EventKind::gate_decided;
}
bool has_attempt(EventKind k) { return k == EventKind::task_state; }

}  // namespace

void encode_event(std::string& out, const Event& e, Time& last) {
  Writer w(out);
  w.u8(static_cast<std::uint8_t>(e.kind));
  // Unsigned here too: what was read from corrupt bytes can be written again.
  w.zigzag(static_cast<std::int64_t>(static_cast<std::uint64_t>(e.time.time_since_epoch().count()) -
                                     static_cast<std::uint64_t>(last.time_since_epoch().count())));
  last = e.time;
  if (has_task(e.kind)) w.varint(e.task);
  if (has_attempt(e.kind)) w.varint(e.attempt);
  if (e.kind == EventKind::task_state) {
    w.u8(static_cast<std::uint8_t>(e.task_state));
    w.u8(static_cast<std::uint8_t>(e.reason));
  }
  if (e.kind == EventKind::run_state) w.u8(static_cast<std::uint8_t>(e.run_state));
  w.bytes(e.text);
}

Result<std::vector<Event>> decode_events(std::string_view bytes, std::uint64_t first_seq,
                                         Time start) {
  std::vector<Event> events;
  Reader r(bytes);
  Time last = start;
  while (!r.at_end() && r.ok()) {
    Event e;
    e.seq = first_seq++;
    auto kind = r.u8();
    e.kind = static_cast<EventKind>(kind);
    // Unsigned, so that corrupt bytes give some other time, not undefined behaviour.
    e.time = Time{Duration{
        static_cast<std::int64_t>(static_cast<std::uint64_t>(last.time_since_epoch().count()) +
                                  static_cast<std::uint64_t>(r.zigzag()))}};
    last = e.time;
    if (has_task(e.kind)) e.task = static_cast<TaskId>(r.varint());
    if (has_attempt(e.kind)) e.attempt = static_cast<Attempt>(r.varint());
    std::uint8_t state = 0, reason = 0;
    if (e.kind == EventKind::task_state) {
      state = r.u8();
      reason = r.u8();
      e.task_state = static_cast<TaskState>(state);
      e.reason = static_cast<Reason>(reason);
    }
    if (e.kind == EventKind::run_state) {
      state = r.u8();
      e.run_state = static_cast<RunState>(state);
    }
    e.text = r.bytes();
    bool known = kind >= 1 && kind <= kEventKindCount && reason < kReasonCount &&
                 state < (e.kind == EventKind::run_state ? kRunStateCount : kTaskStateCount);
    if (!r.ok() || !known) {
      return {Errc::corrupt, str("event ", e.seq, " cannot be decoded")};
    }
    events.push_back(std::move(e));
  }
  return events;
}

const char* to_string(EventKind k) {
  switch (k) {
    case EventKind::submitted:
      return "submitted";
    case EventKind::run_state:
      return "run_state";
    case EventKind::task_state:
      return "task_state";
    case EventKind::warning:
      return "warning";
    case EventKind::metric:
      return "metric";
    case EventKind::gate_decided:
      return "gate_decided";
    case EventKind::changed:
      return "changed";
  }
  return "unknown";
}

}  // namespace pawl::core
