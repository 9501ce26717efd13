// SIGTERM, SIGSTOP and two processes at one directory, on the real binary with tasks at work.
#include <csignal>

#include "base/clock.h"
#include "base/random.h"
#include "server/control.h"
#include "tests/torture/clients.h"
#include "tests/torture/ledger.h"
#include "tests/torture/site.h"

namespace pawl::torture {

namespace {

struct Outcome {
  Violations lives, told, ledger, store;
  std::uint64_t signals = 0, starts = 0, completions = 0;
};

// Until the ledger has grown: some task is at work.
void wait_for_work(Site& site) {
  const auto before = ledger_size(site.ledger());
  for (int i = 0; i < 2000 && ledger_size(site.ledger()) == before && site.running(); ++i)
    let_pass(Millis(2));
}

void conclude(Site& site, Clients& clients, const char* what, Outcome& out) {
  clients.stop();
  if (!site.running()) site.start();
  if (!site.ready()) out.lives.add(str(what, ": no start: ", site.last_words()));
  if (!site.all_ended(Millis(60'000))) out.lives.add(str(what, ": runs are still open"));
  site.stop();
  for (const auto& found : site.findings())
    out.store.add(str(what, ": ", found));
  out.starts += check_ledger(read_ledger(site.ledger()), out.ledger).starts;
  clients.check(out.told);
  out.completions += clients.completions().count();
}

void terminate(const Options& options, Outcome& out) {
  Scratch scratch("signals-term", options.keep);
  Site site(scratch.path() + "/site", 4);
  Clients clients(site, {}, options.seed);
  Random random(options.seed);
  for (std::uint64_t i = 0; i < options.dose(10, 100); ++i) {
    site.start();
    if (!site.ready()) out.lives.add(str("SIGTERM: no start: ", site.last_words()));
    wait_for_work(site);
    let_pass(Millis(random.below(60)));
    const int number = i % 2 ? SIGINT : SIGTERM;
    site.signal(number);
    ++out.signals;
    auto code = site.wait(Millis(30'000));
    if (!code || *code != 128 + number) {
      out.lives.add(str("signal ", number, ": exit code ", code.value_or(-1)));
    }
    // Its tasks were stopped and given back, or handed to nobody: no process of it is left.
    if (!site.spawner_gone(Millis(10'000))) out.lives.add("SIGTERM: the spawner stays");
  }
  conclude(site, clients, "SIGTERM", out);
}

void freeze(const Options& options, bool engine, Outcome& out) {
  const char* what = engine ? "SIGSTOP of the engine" : "SIGSTOP of the spawner";
  Scratch scratch("signals-stop", options.keep);
  Site site(scratch.path() + "/site", 4);
  site.start();
  Clients clients(site, {}, options.seed + (engine ? 1 : 2));
  if (!site.ready()) out.lives.add(str(what, ": no start: ", site.last_words()));
  for (std::uint64_t i = 0; i < options.dose(2, 10); ++i) {
    wait_for_work(site);
    const pid_t victim = engine ? site.engine() : site.spawner();
    if (victim <= 0) {
      out.lives.add(str(what, ": nobody to stop"));
      continue;
    }
    ::kill(victim, SIGSTOP);
    let_pass(options.long_dose ? Millis(i == 0 ? 60'000 : 5'000) : Millis(1'500));
    ::kill(victim, SIGCONT);
    ++out.signals;
    wait_for_work(site);  // it goes on
  }
  conclude(site, clients, what, out);
  if (check_ledger(read_ledger(site.ledger()), out.ledger).again > 0) {
    out.ledger.add(str(what, ": a task began again, though nothing died"));
  }
}

// Two owners-to-be at the same instant; the one that has it is killed, the other takes over.
void rivals(const Options& options, Outcome& out) {
  Scratch scratch("signals-two", options.keep);
  Site site(scratch.path() + "/site", 4);
  Clients clients(site, {}, options.seed + 3);
  for (std::uint64_t i = 0; i < options.dose(4, 50); ++i) {
    Site rival(scratch.path() + "/site", 4);
    site.start();
    rival.start();
    if (!site.ready() || !rival.ready()) {
      out.lives.add(str("two at once: ", site.last_words(), " / ", rival.last_words()));
    }
    wait_for_work(site);
    auto client = server::ControlClient::connect(site.data());
    auto owner =
        client.ok() ? (*client)->call("ping", Json::object()) : Result<Json>(client.error());
    if (!owner.ok()) {
      out.lives.add(str("two at once: ", owner.error().message));
      continue;
    }
    const bool ours = (*owner)["pid"].as_integer() == site.engine();
    (ours ? site : rival).kill_engine();
    ++out.signals;
    auto& heir = ours ? rival : site;
    if (!heir.ready()) out.lives.add(str("two at once: no heir: ", heir.last_words()));
    wait_for_work(heir);
    heir.kill_engine();
    rival.leave();  // the spawner goes on, as after any kill of the engine
  }
  conclude(site, clients, "two at once", out);
}

}  // namespace

void torture_signals(const Options& options, Report& report) {
  Outcome out;
  terminate(options, out);
  freeze(options, true, out);
  freeze(options, false, out);
  rivals(options, out);
  report.figure(out.signals, " signals; ", out.starts, " processes, ", out.completions,
                " completions told");
  report.holds("each end is clean, each life starts, all runs end", out.lives);
  report.holds("nothing acknowledged is lost, no told completion runs again", out.told);
  report.holds("no attempt runs twice, none overlaps the next one", out.ledger);
  report.holds("the store is sound", out.store);
  report.at_least("signals", out.signals, 16);
  report.at_least("completions told", out.completions, 30);
}

}  // namespace pawl::torture
