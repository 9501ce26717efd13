#pragma once
// What commands on a server have in common: finding a run by what a person calls it, reading lists
// to their end, waiting for a run.

#include <optional>

#include "cli/api_client.h"
#include "cli/signals.h"

namespace pawl::cli {

std::string text_or_empty(const Json& j);
// "runs/41", of a number, @last, @last-failed, a name, or the newest run of a workflow.
Result<std::string> find_remote(const ApiClient& api, std::string_view reference);
// All items of a list, or so many. `path` without limit and cursor.
Result<Json> read_list(const ApiClient& api, std::string path, std::size_t most);
// The run when it is at its end. nullopt: --timeout passed, or a signal came (`signal`).
Result<std::optional<Json>> await_remote(const Ask& ask, const ApiClient& api, Signals& signals,
                                         const std::string& run, std::optional<Mono> until,
                                         int& signal);
// The exit code of a run at its end, as `pawl run` has it.
int remote_exit_code(const Ask& ask, const Json& run);

}  // namespace pawl::cli
