#include "tests/sim/verdict.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace pawl::sim {
namespace {

// Of real time; a seed takes some ten milliseconds.
constexpr unsigned kPatienceSeconds = 120;

std::uint64_t number_at(const Json& j, const char* key) {
  return static_cast<std::uint64_t>(j[key].as_integer());
}

}  // namespace

Verdict judge(const Scenario& scenario, std::vector<std::string>* trace) {
  ::alarm(kPatienceSeconds);
  World world(scenario, trace != nullptr);
  world.run();
  Problems problems = check_all(world.history(), world.stores());
  Verdict v;
  v.seed = scenario.seed;
  v.hash = world.stage().hash();
  v.transitions = world.transitions();
  v.effective = world.stage().effective_faults();
  v.steps = world.stage().queue.steps();
  v.simulated_ms = static_cast<std::uint64_t>(world.history().ended.t.count() / 1000);
  v.healed_us = static_cast<std::uint64_t>(world.history().healed.t.count());
  for (std::uint32_t n = 0; n < world.stores().count(); ++n)
    v.runs += static_cast<std::uint64_t>(world.stores().last_run(n).value);
  v.coverage = coverage_of(world);
  for (const Problem& p : problems.list()) {
    if (v.check.empty()) v.check = p.check;
    v.problems.push_back(str(p.check, ": ", p.text));
  }
  bool thin = v.transitions < kLeastTransitions || v.effective < kLeastFaults;
  if (v.passed() && scenario.whole() && thin) {
    v.check = "minimums";
    v.problems.push_back(str("minimums: only ", v.transitions, " transitions and ", v.effective,
                             " faults that overlapped work in flight"));
  }
  if (trace) *trace = world.stage().trace();
  ::alarm(0);
  return v;
}

Verdict judge_apart(const Scenario& scenario) {
  int ends[2];
  PAWL_ASSERT(::pipe(ends) == 0);
  pid_t child = ::fork();
  PAWL_ASSERT(child >= 0);
  if (child == 0) {
    ::close(ends[0]);
    ::close(STDERR_FILENO);
    auto line = to_line(judge(scenario));
    bool written = ::write(ends[1], line.data(), line.size()) == static_cast<ssize_t>(line.size());
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string line;
  char buffer[4096];
  for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    line.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status == 0 && !line.empty()) return verdict_of(line);
  Verdict v;
  v.seed = scenario.seed;
  v.check = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "hung" : "died";
  v.problems = {
      str(v.check, ": the process ended by signal ", WIFSIGNALED(status) ? WTERMSIG(status) : 0)};
  return v;
}

std::string to_line(const Verdict& v) {
  Json j = Json::object();
  j.set("seed", str(v.seed)).set("hash", str(v.hash)).set("transitions", v.transitions);
  j.set("effective", v.effective).set("steps", v.steps).set("runs", v.runs);
  j.set("ms", v.simulated_ms).set("healed", v.healed_us).set("task_moves", v.coverage.task_moves);
  j.set("run_moves", v.coverage.run_moves).set("faults", v.coverage.faults);
  j.set("features", v.coverage.features).set("check", v.check);
  Json problems = Json::array();
  for (const auto& p : v.problems)
    problems.push(p);
  j.set("problems", std::move(problems));
  return j.dump() + "\n";
}

Verdict verdict_of(const std::string& line) {
  Verdict v;
  auto j = Json::parse(line);
  PAWL_ASSERT(j.ok());
  v.seed = std::strtoull((*j)["seed"].as_string().c_str(), nullptr, 10);
  v.hash = std::strtoull((*j)["hash"].as_string().c_str(), nullptr, 10);
  v.transitions = number_at(*j, "transitions");
  v.effective = number_at(*j, "effective");
  v.steps = number_at(*j, "steps");
  v.runs = number_at(*j, "runs");
  v.simulated_ms = number_at(*j, "ms");
  v.healed_us = number_at(*j, "healed");
  v.coverage = {number_at(*j, "task_moves"), number_at(*j, "run_moves"), number_at(*j, "faults"),
                number_at(*j, "features")};
  v.check = (*j)["check"].as_string();
  for (const auto& p : (*j)["problems"].as_array())
    v.problems.push_back(p.as_string());
  return v;
}

}  // namespace pawl::sim
