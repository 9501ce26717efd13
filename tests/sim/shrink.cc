#include "tests/sim/shrink.h"

#include <sys/stat.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <numeric>

namespace pawl::sim {
namespace {

constexpr std::uint32_t kMostTries = 1500;

class Shrinker {
 public:
  Shrinker(const Scenario& scenario, const Verdict& failed) : best_{scenario, failed, 0} {}

  Shrunk shrink() {
    // What is left out must not make the faults last longer.
    if (best_.verdict.healed_us > 0) {
      Scenario s = best_.scenario;
      s.faulty_for = Duration{static_cast<std::int64_t>(best_.verdict.healed_us)};
      (void)attempt(s);
      for (int part = 1; part < 8; ++part) {
        s.faulty_for = Duration{static_cast<std::int64_t>(best_.verdict.healed_us) * part / 8};
        if (attempt(s)) break;
      }
    }
    for (bool smaller = true; smaller && best_.tries < kMostTries;) {
      smaller = false;
      for (auto cut : {&Shrinker::submissions, &Shrinker::commands, &Shrinker::workflows,
                       &Shrinker::kinds, &Shrinker::tasks, &Shrinker::single_faults}) {
        if ((this->*cut)()) smaller = true;
      }
    }
    return best_;
  }

 private:
  bool attempt(const Scenario& s) {
    if (best_.tries >= kMostTries) return false;
    ++best_.tries;
    Verdict v = judge_apart(s);
    if (v.check != best_.verdict.check) return false;
    best_.scenario = s;
    best_.verdict = v;
    return true;
  }

  // Leaves out as many of the items as can be, in halves, quarters, ... and one by one.
  template <typename T>
  bool without(std::vector<T> items, const std::function<void(Scenario&, const T&)>& leave_out) {
    bool smaller = false;
    for (std::size_t size = std::max<std::size_t>(1, items.size()); size > 0; size /= 2) {
      for (std::size_t from = 0; from < items.size();) {
        Scenario s = best_.scenario;
        auto to = std::min(from + size, items.size());
        for (std::size_t i = from; i < to; ++i)
          leave_out(s, items[i]);
        if (attempt(s)) {
          items.erase(items.begin() + static_cast<std::ptrdiff_t>(from),
                      items.begin() + static_cast<std::ptrdiff_t>(to));
          smaller = true;
        } else {
          from = to;
        }
      }
    }
    return smaller;
  }

  static std::vector<std::uint32_t> numbers(std::uint32_t count,
                                            const std::set<std::uint32_t>& off) {
    std::vector<std::uint32_t> all;
    for (std::uint32_t node = 0; node < 3; ++node) {
      for (std::uint32_t i = count; i-- > 0;) {  // the last first: they matter least
        auto n = node * 1000 + i;
        if (!off.count(n)) all.push_back(n);
      }
    }
    return all;
  }

  bool kinds() {
    Mix mix = draw_mix(best_.scenario);
    std::vector<FaultKind> on;
    for (int k = 0; k < kFaultKindCount; ++k) {
      if (mix.of(static_cast<FaultKind>(k)) > 0) on.push_back(static_cast<FaultKind>(k));
    }
    return without<FaultKind>(on, [](Scenario& s, const FaultKind& k) { s.kinds_off.insert(k); });
  }
  bool workflows() {
    std::vector<std::uint32_t> all;
    for (std::uint32_t node = 0; node < 3; ++node) {
      for (std::uint32_t w = 0; w < 10; ++w) {
        if (!best_.scenario.workflows_off.count(node * 100 + w)) all.push_back(node * 100 + w);
      }
    }
    return without<std::uint32_t>(
        all, [](Scenario& s, const std::uint32_t& n) { s.workflows_off.insert(n); });
  }
  bool submissions() {
    return without<std::uint32_t>(
        numbers(120, best_.scenario.submits_off),
        [](Scenario& s, const std::uint32_t& n) { s.submits_off.insert(n); });
  }
  bool commands() {
    return without<std::uint32_t>(
        numbers(200, best_.scenario.commands_off),
        [](Scenario& s, const std::uint32_t& n) { s.commands_off.insert(n); });
  }
  bool tasks() {
    bool smaller = false;
    for (std::uint32_t most : {1u, 2u, 3u, 4u, 6u, 8u}) {
      if (most >= best_.scenario.max_tasks) break;
      Scenario s = best_.scenario;
      s.max_tasks = most;
      if (attempt(s)) {
        smaller = true;
        break;
      }
    }
    return smaller;
  }
  bool single_faults() {
    // In this process: it failed by a check, not by dying.
    if (best_.verdict.check == "died" || best_.verdict.check == "hung") return false;
    World world(best_.scenario);
    world.run();
    std::vector<std::pair<FaultKind, std::uint32_t>> all;
    for (const Fault& f : world.history().faults)
      all.emplace_back(f.kind, f.number);
    return without<std::pair<FaultKind, std::uint32_t>>(
        all, [](Scenario& s, const auto& fault) { s.faults_off.insert(fault); });
  }

  Shrunk best_;
};

bool telling(const std::string& line) {
  for (const char* word : {"FAULT", "HEALED", "BREACH", "client ", " dies", " lives", " joins ",
                           " leaves", "agent ", " event "}) {
    if (line.find(word) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

Shrunk shrink(const Scenario& scenario, const Verdict& failed) {
  return Shrinker(scenario, failed).shrink();
}

void tell_story(const Shrunk& shrunk, const std::string& folder) {
  const Verdict& v = shrunk.verdict;
  std::printf("\nseed %llu fails (%s); cut down in %u tries:\n",
              static_cast<unsigned long long>(v.seed), v.check.c_str(), shrunk.tries);
  for (std::size_t i = 0; i < v.problems.size() && i < 10; ++i)
    std::printf("  %s\n", v.problems[i].c_str());
  if (v.check == "died" || v.check == "hung") return;
  std::vector<std::string> trace;
  (void)judge(shrunk.scenario, &trace);
  std::vector<std::string> story;
  for (const auto& line : trace) {
    if (telling(line)) story.push_back(line);
  }
  constexpr std::size_t kShown = 120, kKept = 200;
  std::printf("what happened (%zu lines%s), seconds since the world began:\n", story.size(),
              story.size() > kShown ? ", the last of them" : "");
  for (std::size_t i = story.size() > kShown ? story.size() - kShown : 0; i < story.size(); ++i)
    std::printf("%s\n", story[i].c_str());
  ::mkdir("build", 0777);
  ::mkdir(folder.c_str(), 0777);
  auto path = str(folder, "/trace-", v.seed, ".txt");
  std::ofstream out(path);
  for (std::size_t i = trace.size() > kKept ? trace.size() - kKept : 0; i < trace.size(); ++i)
    out << trace[i] << "\n";
  std::printf("the last %zu lines of its trace: %s\n", std::min(kKept, trace.size()), path.c_str());
}

}  // namespace pawl::sim
