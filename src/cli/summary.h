#pragma once
// How a run ended, in the few lines a person reads first: after a success its outputs and its
// verdict; after a failure the task that failed, its last lines, the cause, and the commands to go
// on with.

#include <string>

#include "cli/ask.h"
#include "cli/session.h"

namespace pawl::cli {

// Everything of `show` that is no list of tasks, too.
struct EndText {
  std::string result;   // for stdout
  std::string problem;  // for stderr; "" where nothing went wrong
  int exit_code = 0;
};
Result<EndText> end_text(Session& session, RunId run, const Ask& ask);

// The task to blame: the first that failed and holds no others, else the first that was cancelled.
TaskId culprit(const core::Run& run);
// The last n lines that an attempt printed.
Result<std::vector<core::LogLine>> last_lines(store::Store& store, RunId run, TaskId task,
                                              Attempt attempt, std::size_t n);
// `name: value` a line, values cut to the terminal.
std::string outputs_text(const Json& outputs, const Term& term);
bool fail_on_warning(const Ask& ask);

}  // namespace pawl::cli
