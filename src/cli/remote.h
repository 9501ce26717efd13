#pragma once
// Commands on a server instead of a data directory: --server URL, or $PAWL_SERVER where --data is
// not given. Each has the words, the output and the exit codes of its twin beside it; what it needs
// comes from the API, so it can do what the token's role may.

#include "cli/ask.h"

namespace pawl::cli {

bool asks_server(const Ask& ask);

Result<int> remote_run(const Ask& ask);
Result<int> remote_watch(const Ask& ask);
Result<int> remote_wait(const Ask& ask);
Result<int> remote_ls(const Ask& ask);
Result<int> remote_show(const Ask& ask);
Result<int> remote_logs(const Ask& ask);
Result<int> remote_why(const Ask& ask);
Result<int> remote_history(const Ask& ask);
Result<int> remote_pause(const Ask& ask);
Result<int> remote_resume(const Ask& ask);
Result<int> remote_cancel(const Ask& ask);
Result<int> remote_retry(const Ask& ask);
Result<int> remote_recover(const Ask& ask);
Result<int> remote_approve(const Ask& ask);
Result<int> remote_reject(const Ask& ask);

// Here, or on the server that is asked for.
template <Result<int> (*Local)(const Ask&), Result<int> (*Remote)(const Ask&)>
Result<int> either(const Ask& ask) {
  return asks_server(ask) ? Remote(ask) : Local(ask);
}

}  // namespace pawl::cli
