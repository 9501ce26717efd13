#pragma once
// What kind of failure a process's end was, read from its exit and the last lines it printed.
// The rules are one table (classify.cc), tried in order; the first that matches names the class.
// A task that knows better says so itself: {"failure_class": "..."} in PAWL_EVENTS beats the table.

#include <string_view>

#include "core/failure.h"

namespace pawl::actions {

struct ProcessEnd {
  int status = 0;         // as waitpid gives it
  std::string_view tail;  // the last lines of stderr, else of stdout
};

core::FailureClass classify(const ProcessEnd& end);

}  // namespace pawl::actions
