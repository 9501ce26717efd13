// The table of checkers: a new one adds its declaration and its line here.
#include "tests/sim/check.h"

namespace pawl::sim {

void check_breaches(const History& history, const Stores& stores, Problems& problems);
void check_ends(const History& history, const Stores& stores, Problems& problems);
void check_acknowledged(const History& history, const Stores& stores, Problems& problems);
void check_story(const History& history, const Stores& stores, Problems& problems);
void check_completions(const History& history, const Stores& stores, Problems& problems);

std::span<const CheckRow> checks() {
  static constexpr CheckRow kChecks[] = {
      {"breaches", check_breaches},         {"ends", check_ends},
      {"acknowledged", check_acknowledged}, {"story", check_story},
      {"completions", check_completions},
  };
  return kChecks;
}

}  // namespace pawl::sim
