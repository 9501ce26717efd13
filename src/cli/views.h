#pragma once
// How answers are shown, wherever they came from: the directory here, the process that owns it, or
// a server. Each takes the JSON that the API answers with.

#include <string>

#include "cli/ask.h"

namespace pawl::cli {

// Rows of runs: a table, ids only under -q, or the array.
void print_runs(const Ask& ask, const Json& rows);
// `history`: events, of --task only where that is given.
void print_events(const Ask& ask, const Json& events);
// `show`: the run with its `tasks`, up to its outputs.
std::string run_page(const Json& run, const Term& term, Time now);
// `why`: its reasons. `run` and `state` stand for the run itself.
std::string why_page(const Json& reasons, std::string_view run, std::string_view state,
                     const Term& term);

}  // namespace pawl::cli
