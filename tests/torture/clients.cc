#include "tests/torture/clients.h"

#include <poll.h>

#include "base/clock.h"
#include "base/random.h"
#include "server/control.h"

namespace pawl::torture {

namespace {

std::string load_file() {
  const auto task = [](std::string_view head, std::string_view body) {
    return str(head, "    action: shell\n    env: {LEDGER: \"${{ inputs.ledger }}\"}\n    run: |\n",
               "      ", noted(body), "\n");
  };
  return str("pawl: 1\nname: load\ninputs: {ledger: {type: string, required: true}}\ntasks:\n",
             task("  one:\n", "echo working; echo '{\"n\": [1, 2]}' > \"$PAWL_OUTPUT\""),
             task("  part:\n    needs: [one]\n    for_each: \"${{ tasks.one.outputs.n }}\"\n",
                  "echo part of it; echo 1 > \"$PAWL_CHECKPOINT\""),
             task("  last:\n    needs: [part]\n", "echo done"));
}

constexpr std::string_view kNoop = R"(
pawl: 1
name: quick
tasks:
  a: {action: noop}
  b: {action: noop, needs: [a]}
  c: {action: noop, needs: [a]}
  d: {action: noop, needs: [b, c]}
)";

bool gone(const Error& e) { return e.code == Errc::unavailable; }

}  // namespace

Clients::Clients(Site& site, const Load& load, std::uint64_t seed)
    : site_(site), load_(load), seed_(seed) {
  at_work_ = load_.watchers + load_.submitters;
  for (int i = 0; i < load_.watchers; ++i)
    threads_.emplace_back([this, i] { watch_loop(i); });
  for (int i = 0; i < load_.submitters; ++i)
    threads_.emplace_back([this, i] { submit_loop(i); });
}

Clients::~Clients() { stop(); }

void Clients::stop() {
  stopping_ = true;
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

bool Clients::done(Millis limit) {
  const auto until = system_clock().mono() + limit;
  while (at_work_ > 0) {
    if (system_clock().mono() >= until || !site_.running()) return false;
    let_pass(Millis(2));
  }
  return true;
}

// False: it is time to leave.
bool Clients::pause_a_moment() {
  let_pass(Millis(2));
  return !stopping_;
}

bool Clients::submit(const std::string& key, bool shell, std::int64_t& run) {
  auto client = server::ControlClient::connect(site_.data());
  if (!client.ok()) return false;
  server::Bundle bundle;
  auto text = !shell ? std::string(kNoop) : load_.file.empty() ? load_file() : load_.file;
  bundle.files.push_back({shell ? "/load.yaml" : "/quick.yaml", std::move(text), {}});
  Json request = Json::object();
  request.set("bundle", server::bundle_to_json(bundle)).set("idempotency_key", key);
  request.set("inputs", shell ? Json::object().set("ledger", site_.ledger()) : Json::object());
  auto answer = (*client)->call("submit", std::move(request));
  if (!answer.ok()) {
    const auto code = answer.error().code;
    if (!gone(answer.error()) && code != Errc::disk_full && !(load_.tolerant && code == Errc::io)) {
      refusals_.add(str("submit ", key, ": ", answer.error().message));
    }
    return false;
  }
  run = (*answer)["run_id"].as_integer();
  std::lock_guard lock(mutex_);
  auto& told = told_[key];
  if (told.run != 0 && told.run != run) {
    refusals_.add(str("key ", key, " was run ", told.run, " and is now run ", run));
  }
  told.run = run;
  return true;
}

bool Clients::follow(std::int64_t run, const std::string& key) {
  auto feed = server::ControlClient::watch(site_.data(), RunId(run), false);
  if (!feed.ok()) return false;
  auto ended = [&](core::RunState state) {
    std::lock_guard lock(mutex_);
    auto& told = told_[key];
    told.final = true;
    told.state = core::to_string(state);
    return true;
  };
  while (true) {
    pollfd wanted{(*feed)->fd(), POLLIN, 0};
    ::poll(&wanted, 1, 100);
    const auto news = (*feed)->take();
    const auto ledger = ledger_size(site_.ledger());
    for (const auto& item : news) {
      if (item.kind == server::FeedKind::closed) return false;
      if (item.kind == server::FeedKind::snapshot && core::is_final(item.snapshot->state)) {
        return ended(item.snapshot->state);
      }
      if (item.kind != server::FeedKind::event) continue;
      const auto& e = item.event;
      if (e.kind == core::EventKind::task_state && e.attempt > 0 &&
          e.task_state == core::TaskState::completed &&
          !item.path.empty()) {  // no name: the disk was not read, and the ledger goes by names
        completions_.told(run, item.path, e.attempt, ledger);
      }
      if (e.kind == core::EventKind::run_state && core::is_final(e.run_state)) {
        return ended(e.run_state);
      }
    }
    if (stopping_) return false;
  }
}

bool Clients::one_run(const std::string& key, std::uint64_t dice) {
  std::int64_t run = 0;
  if (!submit(key, true, run)) return false;
  if (load_.steer && dice % 4 == 0) {
    auto client = server::ControlClient::connect(site_.data());
    if (!client.ok()) return false;
    auto call = [&](const char* method) {
      return (*client)->call(method, Json::object().set("run_id", run).set("by", "torture"));
    };
    if (dice % 8 == 0) {
      auto paused = call("pause");
      if (!paused.ok() && gone(paused.error())) return false;
      auto resumed = call("resume");
      if (!resumed.ok() && gone(resumed.error())) return false;
    } else if (dice % 16 == 4) {
      auto cancelled = call("cancel");
      if (!cancelled.ok() && gone(cancelled.error())) return false;
      std::lock_guard lock(mutex_);
      if (cancelled.ok()) told_[key].cancelled = true;
    }
  }
  return follow(run, key);
}

void Clients::watch_loop(int number) {
  Random random(seed_ * 1000 + static_cast<std::uint64_t>(number));
  for (int i = 0; !stopping_ && (load_.runs_each == 0 || i < load_.runs_each); ++i) {
    const auto key = str(seed_, "-watched-", number, '-', i);
    const auto dice = random.next();
    while (!one_run(key, dice) && pause_a_moment()) {
    }
  }
  --at_work_;
}

void Clients::submit_loop(int number) {
  for (int i = 0; !stopping_ && (load_.runs_each == 0 || i < load_.runs_each); ++i) {
    const auto key = str(seed_, "-quick-", number, '-', i);
    std::int64_t run = 0;
    while (!submit(key, false, run) && pause_a_moment()) {
    }
  }
  --at_work_;
}

std::size_t Clients::acknowledged() const {
  std::lock_guard lock(mutex_);
  return told_.size();
}

std::size_t Clients::cancelled() const {
  std::lock_guard lock(mutex_);
  std::size_t n = 0;
  for (const auto& [key, told] : told_)
    n += told.cancelled;
  return n;
}

void Clients::check(Violations& violations) const {
  for (const auto& one : refusals_.first())
    violations.add(one);
  auto store = site_.reader();
  if (!store.ok()) return violations.add(store.error().message);
  std::lock_guard lock(mutex_);
  for (const auto& [key, told] : told_) {
    auto row = (*store)->find_run(RunId(told.run));
    if (!row.ok() || !row->has_value()) {
      violations.add(str("run ", told.run, " (", key, ") was acknowledged and is not there"));
      continue;
    }
    const auto& header = (*row)->header;
    const std::string state = core::to_string(header.state);
    if (told.final && state != told.state) {
      violations.add(str("run ", told.run, " was told as ", told.state, " and is ", state));
    }
    if (told.cancelled && state != "cancelled") {
      violations.add(str("run ", told.run, ": its cancel was acknowledged, and it is ", state));
    }
    if (!told.cancelled && state != "completed" && state != "cancelled") {
      violations.add(str("run ", told.run, " ended as ", state));
    }
    auto found = (*store)->find_key(key);
    if (!found.ok() || !found->has_value() || (*found)->run.value != told.run) {
      violations.add(str("key ", key, " does not name run ", told.run));
    }
  }
  completions_.check(read_ledger(site_.ledger()), violations);
}

}  // namespace pawl::torture
