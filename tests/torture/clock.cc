// A wall clock that somebody sets, by seconds or by years, forwards and back, while tasks are at
// work: the real binary under tests/torture/preload/wall_clock.cc. Leases, timeouts of attempts and
// intervals go by monotonic time and must not notice; sleeps, waits before a retry and the timeouts
// of queues and gates are times of the wall clock, kept in rows, and follow it.
#include <unistd.h>

#include <cmath>

#include "base/random.h"
#include "server/control.h"
#include "tests/torture/clients.h"
#include "tests/torture/ledger.h"
#include "tests/torture/site.h"

namespace pawl::torture {

namespace {

using std::chrono::hours;
using std::chrono::seconds;

struct Outcome {
  Violations lives, told, ledger, store, wall;
  std::uint64_t jumps = 0, lives_begun = 0, starts = 0, retried = 0, completions = 0;
  double idle_cpu = 0;
};

// Nothing here is allowed a second attempt but `flaky`, which fails its first one; each timeout is
// far longer than the task, and far shorter than most jumps.
std::string steady_file() {
  const auto task = [](std::string_view name, std::string_view head, std::string_view body) {
    return str("  ", name, ":\n    action: shell\n    env: {LEDGER: \"${{ inputs.ledger }}\"}\n",
               "    timeout: {attempt: 30s, start: 30s, heartbeat: 30s}\n", head, "    run: |\n",
               "      ", noted(body), "\n");
  };
  return str("pawl: 1\nname: load\ninputs: {ledger: {type: string, required: true}}\ntasks:\n",
             task("long", "", "echo working; sleep 0.4"),
             task("flaky", "    retry: {max_attempts: 2, backoff: 50ms..100ms}\n", "true"),
             "      test \"$PAWL_ATTEMPT\" -gt 1\n",
             "  nap: {action: sleep, with: {for: 100ms}, needs: [flaky]}\n",
             task("last", "    needs: [long, nap]\n", "true"));
}

std::string nap_file(std::string_view how_long) {
  return str("pawl: 1\nname: nap\ntasks:\n  nap: {action: sleep, with: {for: ", how_long, "}}\n");
}

RunId submit(const Site& site, const std::string& text, Violations& lives) {
  auto client = server::ControlClient::connect(site.data());
  server::Bundle bundle;
  bundle.files.push_back({"/nap.yaml", text, {}});
  auto request = Json::object().set("bundle", server::bundle_to_json(bundle));
  request.set("inputs", Json::object());
  auto answer =
      client.ok() ? (*client)->call("submit", std::move(request)) : Result<Json>(client.error());
  if (!answer.ok()) {
    lives.add(str("submit: ", answer.error().message));
    return {};
  }
  return RunId((*answer)["run_id"].as_integer());
}

bool completes(const Site& site, RunId run, Millis limit) {
  const auto until = system_clock().mono() + limit;
  do {
    auto store = site.reader();
    auto row =
        store.ok() ? (*store)->find_run(run) : Result<std::optional<store::RunRow>>(store.error());
    if (row.ok() && *row && (*row)->header.state == core::RunState::completed) return true;
    let_pass(Millis(20));
  } while (system_clock().mono() < until);
  return false;
}

// Processor seconds that the engine has used.
double used_by(const Site& site) {
  auto text = read_file(str("/proc/", site.engine(), "/stat"));
  if (!text.ok()) return 0;
  auto fields = split(std::string_view(*text).substr(text->rfind(')') + 2), ' ');
  double ticks = 0;
  for (std::size_t i : {11u, 12u})
    ticks += std::strtod(std::string(fields[i]).c_str(), nullptr);
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// What follows the wall clock follows it, both ways, and nothing else stands still meanwhile.
void by_wall(const Options& options, Outcome& out) {
  constexpr Millis kSoon(5000);
  Scratch scratch("clock-wall", options.keep);
  Site site(scratch.path() + "/site", 4);
  site.own_clock();
  site.start();
  ++out.lives_begun;
  if (!site.ready()) return out.lives.add(str("no start: ", site.last_words()));
  // An idle engine looks at the clock every 30 s; one that is asked for something, at once.
  auto quick = [&] { return completes(site, submit(site, nap_file("10ms"), out.lives), kSoon); };
  RunId far = submit(site, nap_file("2h"), out.lives);
  site.shift_clock(hours(3));
  if (!quick()) out.wall.add("a run does not end after a jump forward");
  if (!completes(site, far, kSoon)) out.wall.add("a sleep of 2 h goes on after a jump of 3 h");
  RunId late = submit(site, nap_file("1s"), out.lives);
  site.shift_clock(hours(2));
  if (!quick()) out.wall.add("a run does not end after a jump back");
  const double before = used_by(site);
  let_pass(Millis(2000));
  out.idle_cpu = used_by(site) - before;
  if (completes(site, late, Millis(0))) out.wall.add("a sleep ended an hour early by its clock");
  site.shift_clock(hours(3) + seconds(2));
  if (!quick()) out.wall.add("a run does not end after the clock was set right");
  if (!completes(site, late, kSoon)) out.wall.add("a sleep outlasts its time by the clock");
  out.jumps += 3;
  site.stop();
}

// From a second to ten years, small ones as often as large ones.
Duration draw_jump(Random& random) {
  return Duration(static_cast<std::int64_t>(1e6 * std::pow(3.15e8, random.unit())));
}

void under_load(const Options& options, Outcome& out) {
  Scratch scratch("clock-load", options.keep);
  Site site(scratch.path() + "/site", 6);
  Random random(options.seed);
  site.own_clock();
  Load load;
  load.file = steady_file();
  Clients clients(site, load, options.seed);
  Duration top{0};
  for (std::uint64_t i = 0; i < options.dose(20, 500); ++i) {
    if (!site.running()) {
      site.start();
      ++out.lives_begun;
      if (!site.ready()) out.lives.add(str("no start: ", site.last_words()));
    }
    let_pass(Millis(200 + random.below(300)));
    // What waits for the wall clock is late while it is set back; every other jump is to a time
    // that never was before, and lets it go on.
    bool back = i % 2 == 1;
    if (!back) top += draw_jump(random);
    site.shift_clock(back ? top - draw_jump(random) : top);
    ++out.jumps;
    // A life that ends at one time begins at another.
    if (random.below(4) == 0 && !site.kill_engine()) {
      out.lives.add(str("it had ended by itself: ", site.last_words()));
    }
  }
  if (!site.running()) site.start();
  site.shift_clock(top + hours(1));
  clients.stop();
  if (!site.ready()) out.lives.add(str("no start: ", site.last_words()));
  if (!site.all_ended(Millis(60'000))) out.lives.add("runs are still open");
  site.stop();
  for (const auto& found : site.findings())
    out.store.add(found);
  const auto lines = read_ledger(site.ledger());
  out.starts = check_ledger(lines, out.ledger).starts;
  std::map<TaskName, int> begun;  // one that was given out and never began is tried again
  for (const auto& line : lines) {
    if (!line.start || ++begun[line.task] == 1) continue;
    if (line.task.second == "flaky" && begun[line.task] == 2) {
      ++out.retried;
    } else {
      out.ledger.add(str("run ", line.task.first, ", task ", line.task.second, " began as attempt ",
                         line.attempt, ", though nothing had failed"));
    }
  }
  clients.check(out.told);
  out.completions = clients.completions().count();
}

}  // namespace

void torture_clock(const Options& options, Report& report) {
  Outcome out;
  by_wall(options, out);
  under_load(options, out);
  report.figure(out.jumps, " jumps of 1 s to 10 years, ", out.lives_begun, " lives; ", out.starts,
                " processes, ", out.retried, " retries, ", out.completions, " completions told");
  report.holds("each life starts, all runs end", out.lives);
  report.holds("nothing acknowledged is lost, no timeout of an attempt fires by the wall clock",
               out.told);
  report.holds("no attempt runs twice, and only what failed runs again", out.ledger);
  report.holds("sleeps follow the wall clock, both ways", out.wall);
  report.holds("the store is sound", out.store);
  report.at_most("processor seconds used in 2 s of waiting for a late timer", out.idle_cpu, 0.2);
  report.at_least("jumps", out.jumps, options.dose(20, 500));
  report.at_least("completions told", out.completions, 30);
  report.at_least("retries whose wait met a jump or not", out.retried, 5);
}

}  // namespace pawl::torture
