// kill -9 at random instants, of the engine, of the spawner, of both, under load. Afterwards all
// must be as if nothing had happened: the ledger of effects agrees with what was told and stored.
#include <algorithm>
#include <atomic>

#include "base/clock.h"
#include "base/random.h"
#include "engine/engine.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/torture/clients.h"
#include "tests/torture/ledger.h"
#include "tests/torture/site.h"

namespace pawl::torture {

namespace {

constexpr std::uint32_t kSlots = 6;
constexpr Millis kToEnd(120'000);
constexpr Millis kForACommit(20);
constexpr std::uint64_t kIntoACommit = 60;  // us at most

enum class Victim { engine, both, spawner };
constexpr const char* kVictims[] = {"engine only", "engine and spawner", "spawner only"};

struct Totals {
  std::uint64_t kills = 0, in_flight = 0, engine_kills = 0, acknowledged = 0, completions = 0;
  std::uint64_t starts = 0, again = 0, cancelled = 0;
  std::vector<double> ready_ms;
  Violations store, ledger, told, lives, events;
};

// Each task has one completion in the run's history, and states never leave a final one.
void check_history(const Site& site, const Random& seed, std::int64_t runs,
                   Violations& violations) {
  Random random = seed;
  for (int i = 0; i < 25 && runs > 0; ++i) {
    const auto run = 1 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(runs)));
    auto [code, text] = site.command({"history", str(run), "--json"});
    auto json = Json::parse(text);
    if (code != 0 || !json.ok()) {
      violations.add(str("history ", run, " exits with ", code));
      continue;
    }
    std::map<std::string, int> completed;
    std::int64_t seq = 0;
    for (const auto& event : json->as_array()) {
      if (event["seq"].as_integer() != ++seq) {
        violations.add(str("run ", run, ": event ", seq, " is missing"));
        break;
      }
      if (event["kind"].as_string() != "task_state") continue;
      const auto task = event["task"].as_string();
      if (completed[task] > 0) {
        violations.add(str("run ", run, ": ", task, " left its final state, or ended twice"));
      }
      if (event["state"].as_string() == "completed") ++completed[task];
    }
  }
}

// A fast disk leaves little time within commits: most kills wait for the next one to begin.
template <typename InCommit>
void fall_into_a_commit(const InCommit& in_commit, Random& random) {
  const auto last = system_clock().mono() + kForACommit;
  while (!in_commit() && system_clock().mono() < last) {
  }
  const auto until = system_clock().mono() + Duration(random.below(kIntoACommit));
  while (system_clock().mono() < until) {
  }
}

void one_kind(Victim victim, std::uint64_t kills, const Options& options, Totals& totals) {
  const auto which = static_cast<std::uint64_t>(victim);
  Random random = Random::stream(options.seed, kVictims[which]);
  Scratch scratch(str("kill-", which), options.keep);
  Site site(scratch.path() + "/site", kSlots);
  Load load;
  Clients clients(site, load, options.seed * 10 + which);
  for (std::uint64_t i = 0; i < kills; ++i) {
    const auto begun = site.counts().of("store.commit.begin");
    const auto settled = site.counts().of("engine.flight.settled");
    if (!site.running()) {
      const auto started = system_clock().mono();
      site.start();
      if (!site.ready()) {
        totals.lives.add(
            str(kVictims[which], ", kill ", i, ": it does not start: ", site.last_words()));
        break;
      }
      const std::chrono::duration<double, std::milli> took = system_clock().mono() - started;
      totals.ready_ms.push_back(took.count());
    }
    let_pass(Millis(20 + random.below(481)));
    auto in_commit = [&] {
      return site.counts().of("store.commit.begin") - begun >
             site.counts().of("engine.flight.settled") - settled;
    };
    if (victim == Victim::spawner) {
      totals.kills += site.kill_spawner();
      continue;
    }
    // The spawner first: else the engine's death would let it save what it holds.
    if (victim == Victim::both) site.kill_spawner();
    if (random.below(10) != 0) fall_into_a_commit(in_commit, random);
    if (!site.kill_engine()) {
      totals.lives.add(
          str(kVictims[which], ", kill ", i, ": it had ended by itself: ", site.last_words()));
      continue;
    }
    ++totals.kills;
    ++totals.engine_kills;
    totals.in_flight += in_commit();
  }
  clients.stop();
  if (!site.running()) site.start();
  if (!site.all_ended(kToEnd)) totals.lives.add(str(kVictims[which], ": runs are still open"));
  site.stop();
  for (auto& found : site.findings())
    totals.store.add(std::move(found));
  const auto lines = read_ledger(site.ledger());
  auto figures = check_ledger(lines, totals.ledger);
  // What the spawner carries survives the engine: nothing at all is started twice then.
  if (victim == Victim::engine && figures.again > 0) {
    totals.ledger.add(str(figures.again, " tasks began again though only the engine was killed"));
  }
  clients.check(totals.told);
  totals.acknowledged += clients.acknowledged();
  totals.cancelled += clients.cancelled();
  totals.completions += clients.completions().count();
  totals.starts += figures.starts;
  totals.again += figures.again;
  if (auto store = site.reader(); store.ok()) {
    check_history(site, random, (*store)->last_run_id()->value, totals.events);
  }
}

constexpr std::string_view kOneTask = R"(
pawl: 1
name: open
inputs: {ledger: {type: string, required: true}}
tasks:
  work: {action: shell, run: 'echo S >> "$LEDGER"', env: {LEDGER: "${{ inputs.ledger }}"}}
)";

// Through the engine in this process: a socket would take minutes.
void submit_many(const Site& site, std::size_t n) {
  store::SqliteOptions where;
  where.directory = site.data();
  auto store = store::open_sqlite(where);
  PAWL_ASSERT(store.ok());
  engine::Options options;
  options.store = store->get();
  auto engine = engine::Engine::open(std::move(options));
  PAWL_ASSERT(engine.ok());
  auto workflow = (*engine)->register_workflow({std::string(kOneTask), "/open.yaml", {}});
  PAWL_ASSERT(workflow.ok());
  std::atomic<std::size_t> answered{0};
  for (std::size_t i = 0; i < n; ++i) {
    engine::SubmitRequest request;
    request.workflow = *workflow;
    request.inputs = Json::object().set("ledger", site.ledger());
    (*engine)->submit_async(std::move(request), [&](Result<RunId> run) {
      PAWL_ASSERT(run.ok());
      ++answered;
    });
  }
  while (answered < n)
    let_pass(Millis(5));
}

// 100,000 open runs, kill -9, start: how long until a task begins.
void restart(const Options& options, Report& report) {
  constexpr std::size_t kOpen = 100'000;
  Scratch scratch("restart", options.keep);
  Site site(scratch.path() + "/site", kSlots);
  site.start();
  Violations lives;
  if (!site.ready()) lives.add(site.last_words());
  site.stop();
  submit_many(site, kOpen);
  std::vector<double> took;
  for (int i = 0; i < 5; ++i) {
    const auto before = ledger_size(site.ledger());
    const auto began = system_clock().mono();
    site.start();
    while (ledger_size(site.ledger()) == before && site.running()) {
      let_pass(Millis(1));
      if (system_clock().mono() - began > std::chrono::seconds(30)) break;
    }
    const std::chrono::duration<double> seconds = system_clock().mono() - began;
    took.push_back(seconds.count());
    if (!site.kill_engine()) lives.add(site.last_words());
    site.kill_spawner();
  }
  std::sort(took.begin(), took.end());
  report.holds("a start with 100,000 open runs", lives);
  report.at_most("seconds from kill -9 to the first dispatch, 100,000 runs open (worst of 5)",
                 took.back(), 2);
}

}  // namespace

void torture_kill(const Options& options, Report& report) {
  Totals totals;
  const auto kills = options.dose(200, 2000);
  one_kind(Victim::engine, kills / 2, options, totals);
  one_kind(Victim::both, kills / 4, options, totals);
  one_kind(Victim::spawner, kills - kills / 2 - kills / 4, options, totals);
  std::sort(totals.ready_ms.begin(), totals.ready_ms.end());
  const auto share = totals.in_flight * 100 / std::max<std::uint64_t>(1, totals.engine_kills);
  report.figure(totals.kills, " kills; of ", totals.engine_kills, " of the engine ",
                totals.in_flight, " (", share, " %) between a commit's begin and its answers");
  report.figure(totals.acknowledged, " runs acknowledged, ", totals.cancelled, " cancels, ",
                totals.completions, " completions told, ", totals.starts, " processes, ",
                totals.again, " of them begun again after the spawner's death");
  if (!totals.ready_ms.empty()) {
    report.figure("start to answer: median ",
                  static_cast<int>(totals.ready_ms[totals.ready_ms.size() / 2]), " ms, worst ",
                  static_cast<int>(totals.ready_ms.back()), " ms");
  }
  report.holds("every life starts, and all runs end", totals.lives);
  report.holds("nothing acknowledged is lost, no key runs twice, no told completion runs again",
               totals.told);
  report.holds("no attempt runs twice, none overlaps the next one", totals.ledger);
  report.holds("histories have no gap and one completion a task", totals.events);
  report.holds("the store is sound", totals.store);
  report.at_least("kills", totals.kills, kills * 95 / 100);
  report.at_least("percent of kills within a commit", share, 80);
  report.at_least("completions told", totals.completions, kills * 2);
  report.at_least("cancels", totals.cancelled, 1);
  restart(options, report);
}

}  // namespace pawl::torture
