#include "cli/handlers.h"

#include "cli/remote.h"

namespace pawl::cli {

const std::vector<HandlerRow>& engine_handlers() {
  static const std::vector<HandlerRow> rows = {
      {"validate", entry<run_validate>},
      {"plan", entry<run_plan>},
      {"run", entry<either<run_run, remote_run>>},
      {"watch", entry<either<run_watch, remote_watch>>},
      {"wait", entry<either<run_wait, remote_wait>>},
      {"ls", entry<either<run_ls, remote_ls>>},
      {"show", entry<either<run_show, remote_show>>},
      {"logs", entry<either<run_logs, remote_logs>>},
      {"why", entry<either<run_why, remote_why>>},
      {"history", entry<either<run_history, remote_history>>},
      {"graph", entry<run_graph>},
      {"pause", entry<either<run_pause, remote_pause>>},
      {"resume", entry<either<run_resume, remote_resume>>},
      {"cancel", entry<either<run_cancel, remote_cancel>>},
      {"retry", entry<either<run_retry, remote_retry>>},
      {"recover", entry<either<run_recover, remote_recover>>},
      {"approve", entry<either<run_approve, remote_approve>>},
      {"reject", entry<either<run_reject, remote_reject>>},
      {"doctor", entry<run_doctor>},
      {"schema", entry<run_schema>},
      {"serve", entry<run_serve>},
      {"up", entry<run_up>},
      {"token", entry<run_token>},
      {"worker", entry<run_worker>},
      {"api", entry<run_api>},
      {"backup", entry<run_backup>},
      {"restore", entry<run_restore>},
  };
  return rows;
}

}  // namespace pawl::cli
