// Limits that hold at every instant: runs of one concurrency key, attempts that share a resource,
// runs of one idempotency key. An instant is a commit: what it says happens at once.
#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "tests/sim/check.h"

namespace pawl::sim {
namespace {

using core::EventKind;
using core::TaskState;

// Changes at commits, summed in their order.
class Gauge {
 public:
  void add(CommitIndex at, std::int64_t n, RunId run) {
    if (at != kNoCommit && n != 0) changes_[at].emplace_back(n, run);
  }
  // The first commit after which there were more than `limit`, and whose they were; "" never.
  std::string above(std::int64_t limit) const {
    std::int64_t sum = 0;
    std::map<RunId, std::int64_t> holders;
    for (const auto& [at, changes] : changes_) {
      for (const auto& [n, run] : changes) {
        sum += n;
        holders[run] += n;
      }
      if (sum <= limit) continue;
      std::string text = str(sum, " at once from commit ", at, ", the limit is ", limit, ":");
      for (const auto& [run, n] : holders) {
        if (n != 0) text += str(" run ", run.value);
      }
      return text;
    }
    return "";
  }

 private:
  std::map<CommitIndex, std::vector<std::pair<std::int64_t, RunId>>> changes_;
};

}  // namespace

void check_concurrency(const History& history, const Stores& stores, Problems& problems) {
  struct Key {
    Gauge gauge;
    std::uint32_t limit = 0;
  };
  std::map<std::tuple<std::uint32_t, std::string, std::string>, Key> keys;
  for (const RunStory& s : stores.stories(history)) {
    const auto& concurrency = s.run->workflow().concurrency;
    if (!concurrency || s.run->key.empty()) continue;
    Key& key = keys[{s.node, s.run->workflow().name, s.run->key}];
    key.limit = std::max(key.limit, concurrency->limit);
    bool holds = s.source != nullptr;
    if (holds && !s.steps.empty()) key.gauge.add(s.steps[0].commit, 1, s.run->id);
    s.replay([&](const Step& step, const Scene&) {
      const core::Event& e = step.event;
      bool starts = e.kind == EventKind::task_state && e.task_state != TaskState::cancelled;
      bool ends = false;
      if (e.kind == EventKind::run_state) {
        starts =
            e.run_state == core::RunState::running || e.run_state == core::RunState::recovering;
        ends = is_final(e.run_state);
      }
      if (starts && !holds) key.gauge.add(step.commit, 1, s.run->id), holds = true;
      if (ends && holds) key.gauge.add(step.commit, -1, s.run->id), holds = false;
    });
  }
  for (const auto& [name, key] : keys) {
    auto above = key.gauge.above(key.limit);
    if (above.empty()) continue;
    problems.add(str("node ", std::get<0>(name), " ", std::get<1>(name), " key ", std::get<2>(name),
                     ": ", above));
  }
}

void check_resources(const History& history, const Stores& stores, Problems& problems) {
  std::map<std::pair<std::uint32_t, std::string>, Gauge> uses;
  for (const RunStory& s : stores.stories(history)) {
    s.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind != EventKind::task_state || !s.by_worker(e.task)) return;
      bool was = before.tasks[e.task] == TaskState::running;
      bool is = e.task_state == TaskState::running;
      if (was == is) return;
      for (const core::Resource& r : s.run->def(e.task).resources)
        uses[{s.node, r.name}].add(step.commit, is ? r.amount : -std::int64_t{r.amount}, s.run->id);
    });
  }
  for (const auto& [name, gauge] : uses) {
    std::uint32_t capacity = 1;  // of a resource that nobody described
    for (const auto& [known, n] : history.resources) {
      if (known == name.second) capacity = n;
    }
    auto above = gauge.above(capacity);
    if (above.empty()) continue;
    problems.add(str("node ", name.first, " resource ", name.second, ": ", above));
  }
}

// A key makes one run, and is refused for anything else; every run was asked for.
void check_keys(const History& history, const Stores& stores, Problems& problems) {
  std::map<std::pair<std::uint32_t, std::string>, std::set<std::string>> asked;
  std::map<std::uint32_t, std::uint64_t> most;  // runs that the requests of a node may have made
  std::set<std::pair<std::uint32_t, std::string>> keys;
  for (const Request& r : history.requests) {
    bool makes = r.kind == RequestKind::submit || r.kind == RequestKind::recover;
    if (!makes) continue;
    if (r.key.empty()) {
      // Each message may have arrived, and been doubled on the way.
      most[r.node] += 2 * std::max<std::uint64_t>(r.sent, r.answers.size());
    } else if (keys.insert({r.node, r.key}).second) {
      most[r.node] += 1;
    }
  }
  std::map<std::uint32_t, std::uint64_t> made;
  for (const RunStory& s : stores.stories(history))
    made[s.node] += !s.run->parent;
  for (const auto& [node, n] : made) {
    if (n > most[node]) {
      problems.add(str("node ", node, " has ", n, " runs; what was asked for makes ", most[node]));
    }
  }
  // A request that was accepted is the run that it was answered with.
  for (const Request& r : history.requests) {
    if (r.kind != RequestKind::submit) continue;
    for (const Answer& a : r.answers) {
      const core::Run* run = a.ok ? stores.run(r.node, a.run) : nullptr;
      if (!run) continue;
      bool same = run->plan->id == r.workflow;
      const Json inputs = r.inputs.is_object() ? r.inputs : Json::object();
      for (const auto& [name, value] : inputs.as_object())
        same = same && run->inputs[name] == value;
      if (same) continue;
      problems.add(str("node ", r.node, " request ", r.number, " (key ", r.key,
                       ") was answered with run ", a.run.value, ", which is something else"));
    }
  }
  // The runs of one key that commits name.
  std::map<std::pair<std::uint32_t, std::string>, RunId> stored;
  for (const Commit& c : history.commits) {
    if (!c.applied || !c.batch) continue;
    for (const auto& key : c.batch->keys) {
      auto [at, fresh] = stored.try_emplace({c.node, key.key}, key.run);
      if (!fresh) problems.add(str("node ", c.node, " key ", key.key, " was written twice"));
      auto row = stores.store(c.node).find_key(key.key);
      if (!row.ok() || !*row || (*row)->run != key.run) {
        problems.add(str("node ", c.node, " key ", key.key, " was committed and is lost"));
      }
    }
  }
}

}  // namespace pawl::sim
