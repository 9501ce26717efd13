#pragma once
// Runs as bytes. Four kinds of parts, so that a change writes only what it touched:
//
//   fixed     what never changes after submit: inputs, priority, place in a parent run
//   state     the run's own fields, the event tail, fan-outs; for runs of up to kRowsPerSegment
//   tasks
//             also all rows, and the small cells
//   segments  rows n*kRowsPerSegment.. of larger runs
//   cells     one task's TaskExtra, where it is too large (or the run) to stand in `state`
//
// Rows are a byte where nothing happened yet, a dozen or so otherwise. Counters, lanes, waits and
// timers are not stored: decode_run() derives them. Every part begins with a format number and ends
// with a CRC-32C; a decoder refuses what it does not know and never trusts a length.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "core/run.h"

namespace pawl::core {

std::string encode_fixed(const Run& run);
void encode_state(const Run& run, std::string& out);
bool rows_inline(const Run& run);
void encode_segment(const Run& run, std::uint32_t segment, std::string& out);
// Whether this task's cell stands in `state`. `cell` is its encoding.
bool cell_inline(const Run& run, std::string_view cell);
void encode_cell(const Run& run, TaskId t, std::string& out);

struct RunParts {
  RunId id;
  std::uint64_t version = 0;
  Time created = kNoTime;
  RunId parent, source;
  std::string name, job, labels;
  std::string_view fixed, state;
  std::vector<std::pair<std::uint32_t, std::string_view>> segments;
  std::vector<std::pair<TaskId, std::string_view>> cells;
};

Result<Run> decode_run(std::shared_ptr<const Plan> plan, const RunParts& parts);
// Only the event tail of a state: history is read without the plan.
struct EventTail {
  std::uint64_t first = 1;
  std::string bytes;
};
Result<EventTail> decode_tail(std::string_view state);

}  // namespace pawl::core
