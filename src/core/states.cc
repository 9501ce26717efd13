#include "core/states.h"

#include <iterator>

#include "base/assert.h"
#include "core/reason.h"

namespace pawl::core {
namespace {

constexpr const char* kRunStates[] = {"pending", "running",   "paused",    "completed",
                                      "failed",  "cancelled", "recovering"};
constexpr const char* kTaskStates[] = {"pending",   "queued", "running", "waiting",  "retrying",
                                       "completed", "failed", "skipped", "cancelled"};
constexpr const char* kVerdicts[] = {"none", "pass", "warning", "fail"};
constexpr const char* kReasons[] = {"none",
                                    "needs",
                                    "group_closed",
                                    "not_admitted",
                                    "max_parallel",
                                    "main_phase",
                                    "slot",
                                    "no_worker",
                                    "resource",
                                    "paused",
                                    "backoff",
                                    "try_later",
                                    "needs_person",
                                    "sleep",
                                    "gate",
                                    "child_run",
                                    "condition",
                                    "upstream_failed",
                                    "upstream_skipped",
                                    "upstream_cancelled",
                                    "group_skipped",
                                    "cancelled",
                                    "cancel_unconfirmed",
                                    "error",
                                    "expression",
                                    "queue_timeout",
                                    "rejected",
                                    "members",
                                    "lost",
                                    "released",
                                    "reused"};
static_assert(std::size(kRunStates) == kRunStateCount);
static_assert(std::size(kTaskStates) == kTaskStateCount);
static_assert(std::size(kReasons) == kReasonCount);

template <typename Enum, std::size_t N>
std::optional<Enum> lookup(const char* const (&names)[N], std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (text == names[i]) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

template <typename Enum, std::size_t N>
const char* name_of(const char* const (&names)[N], Enum value) {
  auto i = static_cast<std::size_t>(value);
  PAWL_ASSERT(i < N);
  return names[i];
}

}  // namespace

const char* to_string(RunState s) { return name_of(kRunStates, s); }
const char* to_string(TaskState s) { return name_of(kTaskStates, s); }
const char* to_string(Verdict v) { return name_of(kVerdicts, v); }
const char* to_string(Reason r) { return name_of(kReasons, r); }

std::optional<RunState> parse_run_state(std::string_view text) {
  return lookup<RunState>(kRunStates, text);
}
std::optional<TaskState> parse_task_state(std::string_view text) {
  return lookup<TaskState>(kTaskStates, text);
}
std::optional<Verdict> parse_verdict(std::string_view text) {
  return lookup<Verdict>(kVerdicts, text);
}

}  // namespace pawl::core
