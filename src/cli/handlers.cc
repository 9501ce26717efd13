#include "cli/handlers.h"

namespace pawl::cli {

const std::vector<HandlerRow>& engine_handlers() {
  static const std::vector<HandlerRow> rows = {
      {"validate", entry<run_validate>}, {"plan", entry<run_plan>},
      {"run", entry<run_run>},           {"watch", entry<run_watch>},
      {"wait", entry<run_wait>},         {"ls", entry<run_ls>},
      {"show", entry<run_show>},         {"logs", entry<run_logs>},
      {"why", entry<run_why>},           {"history", entry<run_history>},
      {"graph", entry<run_graph>},       {"pause", entry<run_pause>},
      {"resume", entry<run_resume>},     {"cancel", entry<run_cancel>},
      {"retry", entry<run_retry>},       {"recover", entry<run_recover>},
      {"approve", entry<run_approve>},   {"reject", entry<run_reject>},
      {"doctor", entry<run_doctor>},     {"schema", entry<run_schema>},
      {"backup", entry<run_backup>},     {"restore", entry<run_restore>},
      {"serve", entry<run_serve>},       {"up", entry<run_up>},
      {"token", entry<run_token>},
  };
  return rows;
}

}  // namespace pawl::cli
