#pragma once
// The code of every command that needs files, a data directory or an engine. commands.cc says what
// each of them takes; a file of src/cli/commands/ does it.

#include "cli/ask.h"

namespace pawl::cli {

Result<int> run_validate(const Ask& ask);
Result<int> run_plan(const Ask& ask);
Result<int> run_run(const Ask& ask);
Result<int> run_watch(const Ask& ask);
Result<int> run_wait(const Ask& ask);
Result<int> run_ls(const Ask& ask);
Result<int> run_show(const Ask& ask);
Result<int> run_logs(const Ask& ask);
Result<int> run_why(const Ask& ask);
Result<int> run_history(const Ask& ask);
Result<int> run_graph(const Ask& ask);
Result<int> run_pause(const Ask& ask);
Result<int> run_resume(const Ask& ask);
Result<int> run_cancel(const Ask& ask);
Result<int> run_retry(const Ask& ask);
Result<int> run_recover(const Ask& ask);
Result<int> run_approve(const Ask& ask);
Result<int> run_reject(const Ask& ask);
Result<int> run_doctor(const Ask& ask);
Result<int> run_backup(const Ask& ask);
Result<int> run_restore(const Ask& ask);
Result<int> run_schema(const Ask& ask);
Result<int> run_serve(const Ask& ask);
Result<int> run_up(const Ask& ask);
Result<int> run_token(const Ask& ask);
Result<int> run_api(const Ask& ask);
Result<int> run_worker(const Ask& ask);

const std::vector<HandlerRow>& engine_handlers();

}  // namespace pawl::cli
