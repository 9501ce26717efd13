// What an agent carries out: attempts, from their delivery to their receipt.
#include "tests/sim/agent.h"

namespace pawl::sim {

using core::ReportKind;
using End = Execution::End;

void Agent::take(const Down& d) {
  switch (d.kind) {
    case Down::Kind::assign:
      for (const auto& a : d.assignments)
        accept(a, d.worker);
      return;
    case Down::Kind::cancel:
      for (const auto& f : d.fences) {
        auto it = bodies_.find(key_of(f));
        if (it == bodies_.end() || it->second.stopping) continue;
        it->second.stopping = true;
        Duration kill{static_cast<std::int64_t>(1000 + random_.below(500'000))};
        bool confirmed = random_.below(10) != 0;
        due(kill, it->first, it->second.number, [this, key = it->first, confirmed](Body& body) {
          core::Report r;
          r.fence = body.assignment.fence;
          r.kind = ReportKind::cancelled;
          r.receipt = true;
          r.unconfirmed = !confirmed;
          finish(key, std::move(r), End::cancelled);
        });
      }
      return;
    case Down::Kind::refused:
      for (const auto& f : d.fences)
        refused(f);
      return;
    case Down::Kind::recorded:
      for (const auto& f : d.fences)
        recorded(f);
  }
}

void Agent::accept(const core::Assignment& a, WorkerId worker) {
  if (state_ != State::joined) return;  // it is leaving: its node takes back what it was given
  auto key = key_of(a.fence);
  if (bodies_.count(key) || evidence_.count(key)) {
    return stage_.breach(str("agent ", number_, " was given run ", a.fence.run.value, " ", a.path,
                             " attempt ", a.fence.attempt, " a second time"));
  }
  if (bodies_.size() >= slots_) {
    stage_.breach(str("agent ", number_, " was given more than its ", slots_, " slots"));
  }
  Execution e;
  e.node = node_.number();
  e.agent = number_;
  e.agent_life = life_;
  e.worker = worker;
  e.fence = a.fence;
  e.workflow = a.workflow ? a.workflow->name : "";
  e.path = a.path;
  e.resume = a.resume;
  e.checkpoint = a.checkpoint;
  e.before = a.before;
  e.with = a.with;
  e.input = a.input;
  e.delivered = stage_.at();
  Body body;
  body.assignment = a;
  body.script = script_of(stage_.scenario.seed, node_.number(), a);
  body.execution = stage_.history.executions.size();
  body.number = next_body_++;
  stage_.history.executions.push_back(std::move(e));
  stage_.note("agent ", number_, " gets run ", a.fence.run.value, " ", a.path, " attempt ",
              a.fence.attempt, " lease ", a.fence.lease);
  ++node_.flying_agents;
  Duration wait = body.script.start_delay;
  auto number = body.number;
  bodies_.emplace(key, std::move(body));
  due(wait, key, number, [this, key](Body& b) { begin_body(key, b); });
}

// Calls once it is time, if the body is still there. A frozen machine does nothing meanwhile.
void Agent::due(Duration wait, const Key& key, std::uint64_t number,
                std::function<void(Body&)> what) {
  stage_.after(wait, [this, key, number, what = std::move(what)] {
    auto it = bodies_.find(key);
    if (it == bodies_.end() || it->second.number != number) return;
    if (frozen()) return due(frozen_until_ - stage_.now() + Duration{3}, key, number, what);
    // It thawed this instant: whether it may go on is found out first.
    if (stage_.now() > valid_until_) return due(Duration{100'000}, key, number, what);
    what(it->second);
  });
}

void Agent::begin_body(const Key& key, Body& body) {
  body.begun = true;
  const Script& s = body.script;
  stage_.history.executions[body.execution].started = stage_.at();
  bool never = s.length.count() == 0;
  if (!never) {
    core::Report r;
    r.fence = body.assignment.fence;
    r.kind = ReportKind::started;
    send({{std::move(r)}, {}});
  }
  auto part = [&](double p) {
    return Duration{static_cast<std::int64_t>(p * static_cast<double>(s.length.count()))};
  };
  for (std::size_t i = 0; i < s.signs.size(); ++i) {
    due(part(s.signs[i].part), key, body.number, [this, i](Body& b) { sign(b, i); });
  }
  for (std::size_t i = 0; i < s.lines.size(); ++i) {
    due(part(s.lines[i].first), key, body.number, [this, i](Body& b) { print(b, i); });
  }
  due(s.length + Duration{1}, key, body.number, [this, key](Body& b) {
    core::Report r = b.script.end;
    r.fence = b.assignment.fence;
    if (!b.checkpoint.empty()) {
      r.has_checkpoint = true;
      r.checkpoint = b.checkpoint;
      r.best_checkpoint = b.best;
    }
    End end = r.kind == ReportKind::completed ? End::completed
              : r.kind == ReportKind::failed  ? End::failed
                                              : End::released;
    finish(key, std::move(r), end);
  });
}

void Agent::sign(Body& body, std::size_t which) {
  core::Report r = body.script.signs[which].report;
  r.fence = body.assignment.fence;
  if (r.has_checkpoint) {
    body.checkpoint = r.checkpoint;
    body.best = r.best_checkpoint;
    auto& e = stage_.history.executions[body.execution];
    e.last_checkpoint = r.checkpoint;
    if (r.best_checkpoint) e.best_checkpoint = r.checkpoint;
  }
  send({{std::move(r)}, {}});
}

void Agent::print(Body& body, std::size_t which) {
  core::LogLine line{node_.clock().now(), core::Stream::out, body.script.lines[which].second};
  core::LogBatch batch{body.assignment.fence, body.printed.size(), {line}};
  body.printed.push_back(std::move(line));
  ++stage_.history.executions[body.execution].lines;
  send({{}, std::move(batch)});
}

void Agent::finish(const Key& key, core::Report report, End end) {
  Body body = std::move(bodies_.at(key));
  bodies_.erase(key);
  --node_.flying_agents;
  auto& e = stage_.history.executions[body.execution];
  e.ended = stage_.at();
  e.end = end;
  if (end == End::completed) e.outputs = report.outputs;
  if (end == End::failed) e.failure = report.failure_class;
  stage_.note("agent ", number_, " ends run ", report.fence.run.value, " ", e.path, " attempt ",
              report.fence.attempt, ": ", to_string(end));
  evidence_[key] = {report, std::move(body.printed), body.execution};
  send({{report}, {}, 1});
  auto number = node_.number();
  if (stage_.strikes(FaultKind::report_doubled, number, number_, true)) send({{report}, {}});
  if (stage_.strikes(FaultKind::report_stale, number, number_, true)) {
    stage_.after(Duration{static_cast<std::int64_t>(random_.below(20'000'000))},
                 [this, report, life = life_] {
                   if (life == life_ && !down_now_ && !frozen()) send({{report}, {}});
                 });
  }
}

void Agent::drop(const Key& key, End end, At when) {
  auto it = bodies_.find(key);
  auto& e = stage_.history.executions[it->second.execution];
  e.ended = when;
  e.end = end;
  bodies_.erase(it);
  --node_.flying_agents;
}

void Agent::drop_all(End end, At when) {
  while (!bodies_.empty())
    drop(Key(bodies_.begin()->first), end, when);
}

void Agent::refused(const core::Fence& f) {
  auto key = key_of(f);
  evidence_.erase(key);
  if (!bodies_.count(key)) return;
  stage_.note("agent ", number_, " gives up run ", f.run.value, " task ", f.task, " attempt ",
              f.attempt, ": refused");
  drop(key, End::refused, stage_.at());
  send({{}, {}, 1});
}

void Agent::recorded(const core::Fence& f) {
  auto it = evidence_.find(key_of(f));
  if (it == evidence_.end()) return;
  stage_.history.executions[it->second.execution].recorded = stage_.at();
  evidence_.erase(it);
}

}  // namespace pawl::sim
