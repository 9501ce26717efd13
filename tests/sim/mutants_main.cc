// pawl_sim_mutants MUTANT FIRST COUNT: runs seeds with one planted bug until a checker catches it.
// tools/sim_mutants starts these and reads what they print:
//
//   seed N              before each, so that a crash or a hang has a seed
//   caught N CHECK TEXT the first problem; exit code 1
//   lived COUNT STRUCK  no problem, though the mistake was made STRUCK times; exit code 0
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/log.h"
#include "base/mutant.h"
#include "tests/sim/world.h"

int main(int argc, char** argv) {
  using namespace pawl;
  using namespace pawl::sim;
  if (argc != 4 || !set_mutant(std::string(argv[1]) == "none" ? "" : argv[1])) {
    std::fprintf(stderr, "usage: pawl_sim_mutants MUTANT|none FIRST COUNT (built with mutants)\n");
    return 2;
  }
  set_log({.level = LogLevel::off});
  auto first = std::strtoull(argv[2], nullptr, 10), count = std::strtoull(argv[3], nullptr, 10);
  for (auto seed = first; seed < first + count; ++seed) {
    std::printf("seed %llu\n", seed);
    std::fflush(stdout);
    Scenario scenario;
    scenario.seed = seed;
    World world(scenario);
    world.run();
    auto problems = check_all(world.history(), world.stores());
    if (problems.empty()) continue;
    for (const Problem& p : problems.list())
      std::printf("caught %llu %s %s\n", seed, p.check.c_str(), p.text.c_str());
    return 1;
  }
  std::printf("lived %llu %llu\n", count, static_cast<unsigned long long>(mutant_count()));
  return 0;
}
