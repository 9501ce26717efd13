#pragma once
// `pawl emit`: a task's script says how far it is and what it measured. One JSON line, appended
// with one write to the file that $PAWL_EVENTS names; whoever runs the task reads the lines as they
// come. The line's shape is the contract between tasks and workers; docs and SDK say the same:
//
//   {"progress": {"current": 3, "total": 10, "unit": "epoch"}}    {"metric": {"loss": 0.31}}
//   {"warning": "..."}    {"failure_class": "cuda_oom"}           {"checkpoint": "best"}
//
// A measure that is no number any more is written as "nan", "inf" or "-inf": JSON has no such
// numbers.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace pawl::cli {

// The event, by kind: progress, metric, warning, failure-class, checkpoint.
// Error: usage, where the values do not fit the kind.
Result<Json> make_event(std::string_view kind, const std::vector<std::string>& values,
                        std::optional<std::string> unit);
// Appends the event to the file. Error: usage where `events_file` (the variable's value) is
// nullptr.
Status append_event(const char* events_file, const Json& event);

}  // namespace pawl::cli
