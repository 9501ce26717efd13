// Every named failpoint of the source, each reached and died at: once in a short dose, twenty times
// in a long one, at the first pass and at later ones. A point that no life reaches is a failure.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "base/clock.h"
#include "base/fs.h"
#include "base/random.h"
#include "engine/run_io.h"
#include "server/control.h"
#include "store/conformance_testing.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/torture/clients.h"
#include "tests/torture/ledger.h"
#include "tests/torture/site.h"

namespace pawl::torture {

namespace {

constexpr Millis kToEnd(60'000);

// The points as the source has them: no second list to keep in step.
std::vector<std::string> points_of_the_source() {
  constexpr std::string_view kCall = "failpoint(\"";
  std::set<std::string> out;
  namespace fs = std::filesystem;
  for (const auto& entry : fs::recursive_directory_iterator(PAWL_SOURCE_DIR "/src")) {
    const auto path = entry.path().string();
    if (!path.ends_with(".cc") || path.ends_with("_test.cc")) continue;
    auto text = read_file(path);
    for (std::size_t at = 0; text.ok() && (at = text->find(kCall, at)) != std::string::npos;) {
      at += kCall.size();
      out.insert(text->substr(at, text->find('"', at) - at));
    }
  }
  return {out.begin(), out.end()};
}

std::string workflow(const char* name,
                     const std::vector<std::pair<std::string, std::string>>& tasks) {
  auto out =
      str("pawl: 1\nname: ", name, "\ninputs: {ledger: {type: string, required: true}}\ntasks:\n");
  for (const auto& [head, body] : tasks) {
    out += str("  ", head, "    action: shell\n    env: {LEDGER: \"${{ inputs.ledger }}\"}\n",
               "    run: |\n      ", noted(body), "\n");
  }
  return out;
}

// All that a short task can do: output, events, checkpoints, a retry.
const std::string& rich() {
  static const auto text = workflow(
      "rich",
      {{"make:\n", "echo working; echo '{\"n\": 1}' > \"$PAWL_OUTPUT\""},
       {"learn:\n    needs: [make]\n",
        "echo 1 > \"$PAWL_CHECKPOINT\"; echo '{\"checkpoint\": \"best\"}' >> \"$PAWL_EVENTS\""},
       {"again:\n    needs: [make]\n    retry: {max_attempts: 5, backoff: 10ms..20ms}\n",
        "[ \"$PAWL_ATTEMPT\" -gt 1 ] || exit 1"}});
  return text;
}
// Long enough to be found alive, and with more output than is kept in memory while nobody listens.
const std::string& lengthy() {
  static const std::string body =
      "head -c 400000 /dev/zero | tr '\\0' 'x' | fold -w 100; sleep 0.2; echo end";
  static const auto text = workflow("long", {{"a:\n", body}, {"b:\n", body}});
  return text;
}
// So many at once that their commit is handed to the other thread.
const std::string& wide() {
  static const auto text = [] {
    std::string items = "1";
    for (int i = 2; i <= 400; ++i)
      items += str(", ", i);
    return str("pawl: 1\nname: wide\ninputs: {ledger: {type: string, required: true}}\ntasks:\n",
               "  part: {action: noop, for_each: [", items, "]}\n");
  }();
  return text;
}
const std::string& endless() {
  static const auto text = workflow("endless", {{"wait:\n", "sleep 60"}});
  return text;
}

// Plays with a site whose processes may die at any step; then they are started again.
class Player {
 public:
  Player(Site& site, std::string armed) : site_(site), armed_(std::move(armed)) {}
  bool fired() const { return site_.counts().of(kFailpointFired) > 0; }

  void up() {
    for (int tries = 0; tries < 8; ++tries) {
      if (!site_.running()) site_.start(fired() ? "" : armed_);
      if (site_.ready()) return;
    }
    problems.add(str("it does not start: ", site_.last_words()));
  }
  std::int64_t submit(const std::string& text, const std::string& key) {
    server::Bundle bundle;
    bundle.files.push_back({str("/", key, ".yaml"), text, {}});
    Json request = Json::object();
    request.set("bundle", server::bundle_to_json(bundle)).set("idempotency_key", key);
    request.set("inputs", Json::object().set("ledger", site_.ledger()));
    auto answer = call("submit", request);
    if (answer.is_null()) return 0;
    const auto run = answer["run_id"].as_integer();
    acknowledged[run] = "completed";
    return run;
  }
  void cancel(std::int64_t run) {
    call("cancel", Json::object().set("run_id", run).set("by", "torture"));
    acknowledged[run] = "cancelled";
  }
  // Many at once: what is decided while another thread commits.
  void crowd() {
    up();
    Clients clients(site_, {.watchers = 0, .submitters = 8, .steer = false, .runs_each = 6}, 1);
    clients.done(Millis(5'000));
    clients.stop();
  }
  // Follows it a little, as a person would.
  void look(std::int64_t run) {
    (void)server::ControlClient::watch(site_.data(), RunId(run), true).ok();
  }
  void wait_for_end(std::int64_t run) {
    until([&] {
      auto store = site_.reader();
      if (!store.ok()) return false;
      auto row = (*store)->find_run(RunId(run));
      return row.ok() && row->has_value() && !(*row)->header.open;
    });
  }
  void wait_for_start(std::int64_t run) {
    until([&] {
      const auto lines = read_ledger(site_.ledger());
      return std::any_of(lines.begin(), lines.end(),
                         [&](const Line& l) { return l.start && l.task.first == run; });
    });
  }
  Site& site() { return site_; }
  // From now on nothing dies; an armed engine that lives ends in order, or at its point.
  void disarm() {
    if (fired()) return;
    if (site_.running()) site_.stop();
    armed_.clear();
  }

  std::map<std::int64_t, std::string> acknowledged;  // run -> how it must end
  Violations problems;

 private:
  Json call(const char* method, const Json& params) {
    for (int tries = 0; tries < 20; ++tries) {
      up();
      auto client = server::ControlClient::connect(site_.data());
      if (!client.ok()) continue;
      auto answer = (*client)->call(method, params);
      if (answer.ok()) return *answer;
      if (answer.error().code == Errc::unavailable) continue;
      // The first call was carried out, and its answer never came.
      if (answer.error().code != Errc::conflict) problems.add(answer.error().message);
      return {};
    }
    problems.add(str(method, ": no answer"));
    return {};
  }
  void until(const std::function<bool()>& so) {
    const auto end = system_clock().mono() + kToEnd;
    while (!so()) {
      if (system_clock().mono() > end) return problems.add("it does not come to an end");
      if (!site_.running()) up();
      let_pass(Millis(2));
    }
  }

  Site& site_;
  std::string armed_;
};

// A life from an empty directory to an orderly end.
void play_life(Player& p) {
  const auto first = p.submit(rich(), "first"), second = p.submit(rich(), "second");
  p.look(second);
  const auto stopped = p.submit(endless(), "stopped");
  p.wait_for_start(stopped);
  p.cancel(stopped);
  for (auto run : {first, second, stopped})
    p.wait_for_end(run);
  p.crowd();
  p.wait_for_end(p.submit(wide(), "wide"));
  const auto left = p.submit(lengthy(), "left");
  p.wait_for_start(left);
  if (p.site().running()) p.site().stop();
}

// The engine dies, its tasks end without it; the next engine takes what the spool kept.
void play_handover(Player& p) {
  const auto run = p.submit(lengthy(), "spooled");
  p.wait_for_start(run);
  p.site().kill_engine();
  p.site().spawner_gone(Millis(5'000));
  p.up();
  p.wait_for_end(run);
}

// The spawner dies under the engine; then the engine alone; then both.
void play_deaths(Player& p) {
  const auto run = p.submit(lengthy(), "killed");
  p.wait_for_start(run);
  p.site().kill_spawner();
  const auto other = p.submit(lengthy(), "adopted");
  p.wait_for_start(other);
  p.site().kill_engine();
  p.up();
  p.wait_for_end(other);
  const auto last = p.submit(lengthy(), "orphaned");
  p.wait_for_start(last);
  p.site().kill_spawner();
  p.site().kill_engine();
  p.up();
  p.wait_for_end(last);
}

// What its events say of why it failed; "" where they do not.
std::string why_failed(store::Store& store, RunId run) {
  auto events = engine::events_of(store, run);
  for (const core::Event& e : events.ok() ? *events : std::vector<core::Event>{}) {
    bool failed = e.kind == core::EventKind::task_state && e.task_state == core::TaskState::failed;
    if (failed && !e.text.empty()) return str(": task ", e.task, ": ", e.text);
  }
  return {};
}

void check_site(Player& p, Violations& violations) {
  p.disarm();
  p.up();
  if (!p.site().all_ended(kToEnd)) p.problems.add("runs are still open");
  p.site().stop();
  for (auto& found : p.site().findings())
    p.problems.add(std::move(found));
  check_ledger(read_ledger(p.site().ledger()), p.problems);
  auto store = p.site().reader();
  for (const auto& [run, state] : p.acknowledged) {
    if (!store.ok()) break;
    auto row = (*store)->find_run(RunId(run));
    if (!row.ok() || !row->has_value()) {
      p.problems.add(str("run ", run, " was acknowledged and is lost"));
    } else if (core::to_string((*row)->header.state) != state) {
      p.problems.add(str("run ", run, " is ", core::to_string((*row)->header.state), ", not ",
                         state, why_failed(**store, RunId(run))));
    }
  }
  for (const auto& one : p.problems.first())
    violations.add(one);
}

// -- the store by itself: what an engine would only do after weeks

[[noreturn]] void store_life(const std::string& directory, int acknowledgements) {
  using namespace store;
  auto say = [&](char what) {
    if (::write(acknowledgements, &what, 1) != 1) ::_exit(3);
  };
  auto opened = open_sqlite({.directory = directory});
  if (!opened.ok()) ::_exit(4);
  Random random(7);
  for (std::int64_t id = 1; id <= 1200; id += 24) {
    Batch batch;
    if (id == 1) batch.workflows = {test_workflow(1, "sample")};
    for (auto i = id; i < id + 24; ++i) {
      batch.runs.push_back(new_run(i));
      batch.runs.back().state = random_bytes(random, 4000);
      batch.runs.back().cells = {{0, "cell"}};
      auto next = next_version(batch.runs.back());
      finish(next, core::RunState::completed, kTestStart + std::chrono::hours(1));
      batch.runs.push_back(std::move(next));
    }
    batch.keys = {{str("key ", id), RunId(id), "f", kTestStart}};
    if (id > 1) batch.logs = {log_chunk(id - 24, 0, 1, 0, 3)};
    batch.meta = {{"next_worker", str(id)}};
    if (!(*opened)->commit(batch).ok()) ::_exit(5);
    say('c');
  }
  if (!(*opened)->idle().ok()) ::_exit(6);
  say('p');
  while (true) {
    auto gone = (*opened)->purge(kTestStart + std::chrono::hours(48), {.keep = Duration{0}});
    if (!gone.ok()) ::_exit(7);
    if (*gone == 0) break;
  }
  if (!(*opened)->idle().ok()) ::_exit(8);
  opened->reset();
  opened = open_sqlite({.directory = directory});
  ::_exit(opened.ok() ? 0 : 9);
}

// Returns whether it died at the point.
bool play_store(const std::string& directory, const std::string& armed, FailpointCounts& counts,
                const std::string& counts_file, Violations& violations) {
  int ends[2];
  PAWL_ASSERT(::pipe2(ends, O_CLOEXEC) == 0);
  UniqueFd in(ends[0]), out(ends[1]);
  const auto before = counts.of(kFailpointFired);
  const pid_t child = ::fork();
  if (child == 0) {
    if (!arm_failpoints(armed, counts_file).ok()) ::_exit(2);
    store_life(directory, out.get());
  }
  out.reset();
  int status = 0;
  ::waitpid(child, &status, 0);
  auto told = read_fd(in.get(), "pipe");
  const auto commits = std::count(told->begin(), told->end(), 'c');
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
    violations.add(str("the store's life ended with ", WEXITSTATUS(status)));
  }
  auto opened = store::open_sqlite({.directory = directory});
  if (!opened.ok()) {
    violations.add(opened.error().message);
    return true;
  }
  auto found = (*opened)->check();
  if (!found.ok() || !found->empty()) {
    violations.add(found.ok() ? found->front() : found.error().message);
  }
  const auto last = (*opened)->last_run_id();
  if (!last.ok() || last->value < commits * 24) violations.add("an acknowledged commit is lost");
  store::RunFilter all;
  all.limit = 10'000;
  auto rows = (*opened)->list_runs(all);
  if (told->find('p') == std::string::npos &&
      (!rows.ok() || static_cast<std::int64_t>(rows->size()) != last->value)) {
    violations.add("runs are missing");
  }
  return counts.of(kFailpointFired) > before;
}

// -- all together

struct Segment {
  const char* name;
  void (*play)(Player&);  // null: the store by itself
};
constexpr Segment kSegments[] = {
    {"store", nullptr}, {"life", play_life}, {"handover", play_handover}, {"deaths", play_deaths}};
constexpr std::size_t kSegmentCount = std::size(kSegments);

struct Try {
  bool fired = false;
  std::map<std::string, std::uint64_t> passes;
};

Try play(const Segment& segment, const std::string& armed, bool keep, Violations& violations) {
  Scratch scratch("failpoints", keep);
  Site site(scratch.path() + "/site", 4);
  Try out;
  if (!segment.play) {
    out.fired = play_store(site.data(), armed, site.counts(), site.path() + "/counts", violations);
  } else {
    Player player(site, armed);
    player.up();
    segment.play(player);
    out.fired = player.fired();
    check_site(player, violations);
  }
  for (const auto& one : site.counts().all())
    out.passes[one.name] = one.passes;
  return out;
}

}  // namespace

void torture_failpoints(const Options& options, Report& report) {
  const auto points = points_of_the_source();
  Violations unreached, quiet, damage;
  std::map<std::string, std::uint64_t> passes[kSegmentCount];
  for (std::size_t i = 0; i < kSegmentCount; ++i) {
    Violations here;
    const auto began = system_clock().mono();
    passes[i] = play(kSegments[i], "", options.keep, here).passes;
    const std::chrono::duration<double> took = system_clock().mono() - began;
    if (options.verbose) {
      report.figure(kSegments[i].name, ": ", passes[i].size(), " points, ",
                    static_cast<int>(took.count() * 1000), " ms");
    }
    for (const auto& one : here.first())
      damage.add(str(kSegments[i].name, ", nothing armed: ", one));
  }
  Random random(options.seed);
  const auto rounds = options.dose(1, 20);
  std::uint64_t deaths = 0;
  for (const auto& point : points) {
    if (!options.only.empty() && point != options.only) continue;
    std::vector<std::size_t> reaching;
    for (std::size_t i = 0; i < kSegmentCount; ++i) {
      if (passes[i].contains(point)) reaching.push_back(i);
    }
    if (reaching.empty()) {
      unreached.add(point);
      continue;
    }
    bool died = false;
    for (std::uint64_t round = 0; round < rounds; ++round) {
      const auto which = reaching[round == 0 ? 0 : random.below(reaching.size())];
      const auto most = std::min<std::uint64_t>(passes[which][point], 12);
      const auto at = round == 0 ? 1 : 1 + random.below(most);
      Violations here;
      auto done = play(kSegments[which], str(point, ':', at), options.keep, here);
      if (options.verbose) report.figure(point, ':', at, done.fired ? " died" : " quiet");
      deaths += done.fired;
      died |= done.fired;
      for (const auto& one : here.first())
        damage.add(str(kSegments[which].name, ", ", point, ':', at, ": ", one));
      if (here.count() > 0 && options.keep) break;
    }
    if (!died) quiet.add(point);
  }
  report.figure(points.size(), " points, ", deaths, " deaths at them");
  report.holds("every point is reached", unreached);
  report.holds("every point kills", quiet);
  report.holds("after each death all goes on as if nothing had been", damage);
  if (!options.only.empty()) return;
  report.at_least("points", points.size(), 60);
  report.at_least("deaths", deaths, points.size() * rounds / 2);
}

}  // namespace pawl::torture
