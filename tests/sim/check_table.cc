// The table of checkers: a new one adds its declaration and its line here.
#include "tests/sim/check.h"

namespace pawl::sim {

void check_breaches(const History& history, const Stores& stores, Problems& problems);
void check_ends(const History& history, const Stores& stores, Problems& problems);
void check_acknowledged(const History& history, const Stores& stores, Problems& problems);
void check_story(const History& history, const Stores& stores, Problems& problems);
void check_completions(const History& history, const Stores& stores, Problems& problems);
void check_answers(const History& history, const Stores& stores, Problems& problems);
void check_effects_follow(const History& history, const Stores& stores, Problems& problems);
void check_receipts(const History& history, const Stores& stores, Problems& problems);
void check_told(const History& history, const Stores& stores, Problems& problems);
void check_versions(const History& history, const Stores& stores, Problems& problems);
void check_counts(const History& history, const Stores& stores, Problems& problems);
void check_roll_up(const History& history, const Stores& stores, Problems& problems);
void check_finally(const History& history, const Stores& stores, Problems& problems);
void check_parallel(const History& history, const Stores& stores, Problems& problems);
void check_attempts(const History& history, const Stores& stores, Problems& problems);
void check_overlap(const History& history, const Stores& stores, Problems& problems);
void check_reports(const History& history, const Stores& stores, Problems& problems);
void check_retries(const History& history, const Stores& stores, Problems& problems);
void check_timers(const History& history, const Stores& stores, Problems& problems);
void check_gates(const History& history, const Stores& stores, Problems& problems);
void check_needs(const History& history, const Stores& stores, Problems& problems);
void check_inputs(const History& history, const Stores& stores, Problems& problems);
void check_once(const History& history, const Stores& stores, Problems& problems);
void check_recovered(const History& history, const Stores& stores, Problems& problems);
void check_params(const History& history, const Stores& stores, Problems& problems);
void check_children(const History& history, const Stores& stores, Problems& problems);
void check_concurrency(const History& history, const Stores& stores, Problems& problems);
void check_resources(const History& history, const Stores& stores, Problems& problems);
void check_keys(const History& history, const Stores& stores, Problems& problems);
void check_paused(const History& history, const Stores& stores, Problems& problems);
void check_cancelled(const History& history, const Stores& stores, Problems& problems);
void check_why(const History& history, const Stores& stores, Problems& problems);
void check_checkpoints(const History& history, const Stores& stores, Problems& problems);
void check_signs(const History& history, const Stores& stores, Problems& problems);
void check_logs(const History& history, const Stores& stores, Problems& problems);

std::span<const CheckRow> checks() {
  static constexpr CheckRow kChecks[] = {
      {"breaches", check_breaches},
      {"ends", check_ends},
      {"acknowledged", check_acknowledged},
      {"story", check_story},
      {"completions", check_completions},
      {"answers", check_answers},
      {"effects_follow", check_effects_follow},
      {"receipts", check_receipts},
      {"told", check_told},
      {"versions", check_versions},
      {"counts", check_counts},
      {"roll_up", check_roll_up},
      {"finally", check_finally},
      {"parallel", check_parallel},
      {"attempts", check_attempts},
      {"overlap", check_overlap},
      {"reports", check_reports},
      {"retries", check_retries},
      {"timers", check_timers},
      {"gates", check_gates},
      {"needs", check_needs},
      {"inputs", check_inputs},
      {"once", check_once},
      {"recovered", check_recovered},
      {"params", check_params},
      {"children", check_children},
      {"concurrency", check_concurrency},
      {"resources", check_resources},
      {"keys", check_keys},
      {"paused", check_paused},
      {"cancelled", check_cancelled},
      {"why", check_why},
      {"checkpoints", check_checkpoints},
      {"signs", check_signs},
      {"logs", check_logs},
  };
  return kChecks;
}

}  // namespace pawl::sim
