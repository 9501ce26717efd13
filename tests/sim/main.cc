// pawl_sim: see driver.h.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "tests/sim/world.h"

int main(int argc, char** argv) {
  using namespace pawl::sim;
  pawl::set_log({.level = pawl::LogLevel::off});
  std::uint64_t first = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  std::uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  bool trace = argc > 3;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    Scenario s;
    s.seed = seed;
    World w(s, trace);
    w.run();
    auto problems = check_all(w.history(), w.stores());
    if (trace)
      for (auto& line : w.stage().trace())
        std::puts(line.c_str());
    std::printf(
        "seed %llu hash %016llx steps %llu transitions %llu effective %u commits %zu execs %zu "
        "healed %.1f ended %.1f problems %zu\n",
        (unsigned long long)seed, (unsigned long long)w.stage().hash(),
        (unsigned long long)w.stage().queue.steps(), (unsigned long long)w.transitions(),
        w.stage().effective_faults(), w.history().commits.size(), w.history().executions.size(),
        w.history().healed.t.count() / 1e6, w.history().ended.t.count() / 1e6, problems.count());
    for (std::size_t i = 0; i < problems.list().size() && i < 6; ++i)
      std::printf("   %s: %s\n", problems.list()[i].check.c_str(), problems.list()[i].text.c_str());
  }
}
