// What tasks leave behind: the checkpoint that the next attempt gets back, and what was printed.
#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "tests/sim/check.h"

namespace pawl::sim {
namespace {

using core::EventKind;
using core::Reason;
using core::TaskState;
using AttemptKey = std::tuple<std::uint32_t, RunId, TaskId, Attempt>;

bool last(const core::Report& r) { return r.kind >= core::ReportKind::completed; }

// What an attempt may have left. Where its last report is what ended it, all that it had reported
// in the same life of its node was taken before that.
std::set<std::string> after_attempt(const std::vector<const PortCall*>& reports,
                                    const std::set<std::string>& before, bool reported) {
  std::set<std::string> left;
  bool ended = false;
  for (const PortCall* end : reports) {
    if (!reported || !last(*end->report)) continue;
    ended = true;
    const std::string* bytes = nullptr;
    for (const PortCall* c : reports) {
      bool taken = c->life == end->life && c->at.n <= end->at.n;
      if (taken && c->report->has_checkpoint) bytes = &c->report->checkpoint;
    }
    if (bytes) {
      left.insert(*bytes);
    } else {
      ended = false;
    }
  }
  if (ended) return left;
  left.insert(before.begin(), before.end());
  for (const PortCall* c : reports) {
    if (c->report->has_checkpoint) left.insert(c->report->checkpoint);
  }
  return left;
}

}  // namespace

// The next attempt gets the last checkpoint of those before it; of an attempt that was lost, any
// that it had reported.
void check_checkpoints(const History& history, const Stores& stores, Problems& problems) {
  std::map<AttemptKey, std::vector<const PortCall*>> reports;
  std::set<AttemptKey> refused;  // an end of it came when another had been decided
  for (const PortCall& c : history.calls) {
    if (c.kind == PortCall::Kind::refused) {
      refused.insert({c.node, c.fence.run, c.fence.task, c.fence.attempt});
    }
    if (c.kind != PortCall::Kind::report || !c.report) continue;
    reports[{c.node, c.fence.run, c.fence.task, c.fence.attempt}].push_back(&c);
  }
  std::map<AttemptKey, const Execution*> bodies;
  for (const Execution& e : history.executions)
    bodies[{e.node, e.fence.run, e.fence.task, e.fence.attempt}] = &e;
  for (const RunStory& s : stores.stories(history)) {
    if (s.source) continue;  // its tasks began elsewhere
    std::map<TaskId, std::set<std::string>> may_be;
    s.replay([&](const Step& step, const Scene& before) {
      const core::Event& e = step.event;
      if (e.kind != EventKind::task_state || !s.by_worker(e.task)) return;
      auto& known = may_be[e.task];
      if (known.empty()) known = {""};
      if (before.tasks[e.task] == TaskState::completed) known = {""};  // it starts from nothing
      if (before.tasks[e.task] == TaskState::running) {
        bool lost = e.reason == Reason::lost || e.text.starts_with("its worker vanished");
        const AttemptKey attempt{s.node, s.run->id, e.task, before.attempts[e.task]};
        auto heard = reports[attempt];
        // What came when its end was written already, as of a worker that had been given up.
        std::erase_if(heard, [&](const PortCall* c) {
          return step.commit != kNoCommit && c->at.n > history.commits[step.commit].begun.n;
        });
        known = after_attempt(heard, known,
                              !lost && e.reason != Reason::released && refused.count(attempt) == 0);
      }
      if (e.task_state != TaskState::running) return;
      auto body = bodies.find({s.node, s.run->id, e.task, e.attempt});
      if (body == bodies.end() || body->second->resume != core::Resume::checkpoint) return;
      if (known.count(body->second->checkpoint)) return;
      problems.add(str(s.name(e.task), " attempt ", e.attempt, " got checkpoint \"",
                       body->second->checkpoint.substr(0, 40), "\"; the last one was \"",
                       known.rbegin()->substr(0, 40), "\""));
    });
  }
}

// What a body said once is recorded once at most: warnings, and reports that measured something.
void check_signs(const History& history, const Stores& stores, Problems& problems) {
  using Key = std::tuple<std::uint32_t, RunId, TaskId, EventKind>;
  std::map<Key, std::size_t> said;
  for (const PortCall& c : history.calls) {
    if (c.kind != PortCall::Kind::report || !c.report) continue;
    auto key = [&](EventKind kind) { return Key{c.node, c.fence.run, c.fence.task, kind}; };
    said[key(EventKind::warning)] += c.report->warnings.size();
    said[key(EventKind::metric)] += !c.report->metrics.empty();
  }
  for (const RunStory& s : stores.stories(history)) {
    std::map<std::pair<TaskId, EventKind>, std::size_t> recorded;
    s.replay([&](const Step& step, const Scene&) {
      const core::Event& e = step.event;
      bool sign = e.kind == EventKind::warning || e.kind == EventKind::metric;
      if (sign && s.by_worker(e.task)) ++recorded[{e.task, e.kind}];
    });
    for (const auto& [what, n] : recorded) {
      auto most = said[{s.node, s.run->id, what.first, what.second}];
      if (n <= most) continue;
      problems.add(str(s.name(what.first), " reported ", most, " times a ", to_string(what.second),
                       "; recorded are ", n));
    }
  }
}

// I8: lines have no gap and no repeat, are those that were printed, and all of them are there when
// the receipt of their attempt is given.
void check_logs(const History& history, const Stores& stores, Problems& problems) {
  for (const Execution& e : history.executions) {
    if (e.lines == 0 && !e.recorded) continue;
    store::LogQuery query;
    query.run = e.fence.run;
    query.task = e.fence.task;
    query.attempt = e.fence.attempt;
    auto chunks = stores.store(e.node).read_logs(query);
    if (!chunks.ok()) continue;
    auto where = str("node ", e.node, " run ", e.fence.run.value, " task ", e.path, " attempt ",
                     e.fence.attempt);
    std::uint64_t next = 0;
    for (const auto& chunk : *chunks) {
      if (chunk.first_line != next) {
        problems.add(str(where, ": line ", chunk.first_line, " follows ", next));
      }
      next = chunk.first_line + chunk.lines.size();
    }
    if (next > e.lines) problems.add(str(where, " printed ", e.lines, " lines; ", next, " stored"));
    if (e.recorded && next < e.lines) {
      problems.add(str(where, " got its receipt; of ", e.lines, " lines ", next, " are stored"));
    }
  }
}

}  // namespace pawl::sim
