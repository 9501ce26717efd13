// What must hold of every run, written without the code that upholds it.
#include <algorithm>
#include <functional>

#include "base/text.h"
#include "core/run_testing.h"

namespace pawl::core {
namespace {

std::int64_t us(Time t) { return t.time_since_epoch().count(); }

void dump_extra(std::string& out, const TaskExtra& x) {
  std::string text =
      str(x.output.dump(), x.output_hash, '|', x.error, '|', to_string(x.failure), x.exit_code,
          x.params.dump(), x.wake == kNever ? -1 : us(x.wake), '|', x.child.value, '|',
          x.checkpoint, '|', x.best, '|', static_cast<int>(x.resume), x.before, '|', x.items.dump(),
          '|', x.question, '|', x.preview.dump(), '|', x.warnings, x.note, '|');
  for (auto n : x.rule_uses)
    text += str(static_cast<int>(n), ',');
  for (const auto& [name, value] : x.metrics)
    text += str(name, '=', Json(value).dump(), ',');
  out += text;
}

// Rows that are part of the run: not the elements of an expansion that was replaced.
std::vector<TaskId> live_rows(const Run& run) {
  std::vector<TaskId> live;
  for (TaskId t = 0; t < run.task_count(); ++t) {
    if (!run.is_child(t) || !run.fan_out_of_child(t).dead) live.push_back(t);
  }
  return live;
}

std::vector<TaskId> inside(const Run& run, TaskId parent) {
  std::vector<TaskId> all;
  for (TaskId t : live_rows(run)) {
    if (run.parent_of(t) == parent) all.push_back(t);
  }
  return all;
}

class Checker {
 public:
  explicit Checker(const Run& run) : run_(run), w_(run.workflow()) {}
  std::vector<std::string> check() {
    count();
    for (TaskId t : live_rows(run_))
      check_task(t);
    check_lanes();
    check_timers();
    check_end();
    return std::move(findings_);
  }

 private:
  bool open(TaskId t) const { return !is_final(run_.rows[t].state); }
  template <typename... Pieces>
  void find(const Pieces&... pieces) {
    findings_.push_back(str(pieces...));
  }

  void count() {
    std::array<std::uint32_t, kTaskStateCount> counts{};
    std::uint32_t roots = 0, finals = 0;
    for (TaskId t : live_rows(run_)) {
      ++counts[static_cast<std::size_t>(run_.rows[t].state)];
      if (run_.parent_of(t) != kNoTask || !open(t)) continue;
      ++(w_.node(t).is_finally ? finals : roots);
    }
    if (counts != run_.counts) find("the counts by state are wrong");
    if (roots != run_.open_roots) find("open_roots is ", run_.open_roots, ", not ", roots);
    if (finals != run_.open_finals) find("open_finals is ", run_.open_finals, ", not ", finals);
  }

  void check_task(TaskId t) {
    const TaskRow& r = run_.rows[t];
    auto name = run_.path(t);
    auto members = inside(run_, t);
    bool holds_others = !members.empty() || run_.fan_out_of(t);
    std::uint32_t waits = 0;
    if (r.state == TaskState::pending && !run_.is_child(t)) {
      for (TaskId n : w_.needs(t))
        waits += open(n);
    } else if (r.state == TaskState::running) {
      for (TaskId m : members)
        waits += open(m);
      if (holds_others && waits == 0) find(name, " is open, but all inside of it has ended");
    }
    if (r.waits != waits) find(name, " waits for ", waits, ", its row says ", r.waits);
    if (is_final(r.state) != (r.finished != kNoTime)) find(name, " has a wrong end time");
    bool attempt_runs = r.state == TaskState::running && !holds_others;
    if (attempt_runs != (r.lease != 0) || attempt_runs != static_cast<bool>(r.worker)) {
      find(name, " is ", to_string(r.state), " and has lease ", r.lease);
    }
    if (r.lease >= run_.next_lease) find(name, " has a lease from the future");
    TaskId parent = run_.parent_of(t);
    if (parent != kNoTask && is_final(run_.rows[parent].state) && open(t)) {
      find(name, " is open in ", run_.path(parent), ", which has ended");
    }
    bool moves = r.state != TaskState::pending && open(t);
    if (moves && parent != kNoTask && run_.rows[parent].state != TaskState::running) {
      find(name, " is ", to_string(r.state), " in a parent that is not open");
    }
    // One that was open ends as its members did.
    if (is_final(r.state) && holds_others && r.started != kNoTime && r.reason != Reason::expression)
      if (auto want = rolled_up(run_, t); want != r.state) {
        find(name, " is ", to_string(r.state), "; its members roll up to ", to_string(want));
      }
  }

  void check_lanes() {
    std::vector<std::uint32_t> live(run_.lanes.size());
    for (TaskId t : live_rows(run_)) {
      if (run_.rows[t].state != TaskState::queued) continue;
      const Lane& lane = run_.lanes[run_.lane_of(t)];
      ++live[run_.lane_of(t)];
      auto from = lane.tasks.begin() + static_cast<std::ptrdiff_t>(lane.head);
      if (std::find(from, lane.tasks.end(), t) == lane.tasks.end()) {
        find(run_.path(t), " is queued, but in no lane");
      }
    }
    for (std::size_t i = 0; i < live.size(); ++i) {
      if (run_.lanes[i].live != live[i]) find("lane ", i, " has ", live[i], " queued tasks");
    }
  }

  void check_timers() {
    if (!std::is_heap(run_.timers.begin(), run_.timers.end(), std::greater<>())) {
      find("the timers are no heap");
    }
    for (const auto& [t, x] : run_.extras) {
      if (x.wake == kNever) continue;
      if (!open(t)) find(run_.path(t), " has ended, with a timer");
      if (std::find(run_.timers.begin(), run_.timers.end(), std::pair(x.wake, t)) ==
          run_.timers.end()) {
        find(run_.path(t), " has a wake time but no timer");
      }
    }
    for (TaskId t : live_rows(run_)) {
      const TaskExtra* x = run_.extra(t);
      const TaskRow& r = run_.rows[t];
      bool waits_for_time = (r.state == TaskState::retrying && r.reason != Reason::needs_person &&
                             run_.state != RunState::paused) ||
                            (r.state == TaskState::waiting && r.reason == Reason::sleep);
      if (waits_for_time && (!x || x->wake == kNever)) find(run_.path(t), " waits for no time");
    }
  }

  void check_end() {
    bool ended = is_final(run_.state);
    if (ended != (run_.finished != kNoTime)) find("the run has a wrong end time");
    if (ended) {
      for (TaskId t : live_rows(run_)) {
        if (open(t)) find(run_.path(t), " is open, but the run has ended");
      }
      return;
    }
    bool held = run_.state == RunState::paused || run_.state == RunState::pending;
    if (!held && run_.open_roots == 0 && !run_.finals_open) find("finally was not begun");
    if (!held && run_.open_roots == 0 && run_.open_finals == 0) find("the run did not end");
    if (run_.finals_open && run_.open_roots > 0) find("finally began too early");
    if (held) return;
    // Something must be able to happen: else the run hangs.
    auto some = [&](TaskState s) { return run_.counts[static_cast<std::size_t>(s)] > 0; };
    bool alive = some(TaskState::queued) || some(TaskState::waiting) || some(TaskState::retrying);
    for (TaskId t : live_rows(run_))
      alive = alive || run_.rows[t].lease != 0;
    if (!alive) find("nothing can move the run on");
  }

  const Run& run_;
  const Workflow& w_;
  std::vector<std::string> findings_;
};

}  // namespace

TaskState rolled_up(const Run& run, TaskId parent) {
  int failed = 0, cancelled = 0, others = 0, skipped = 0;
  for (TaskId m : inside(run, parent)) {
    switch (run.rows[m].state) {
      case TaskState::failed:
        ++(!run.is_child(m) && run.def(m).allow_failure ? others : failed);
        break;
      case TaskState::cancelled:
        ++cancelled;
        break;
      case TaskState::skipped:
        ++skipped;
        break;
      default:
        ++others;
    }
  }
  if (failed) return TaskState::failed;
  if (cancelled) return TaskState::cancelled;
  return skipped && !others ? TaskState::skipped : TaskState::completed;
}

std::vector<std::string> check_run(const Run& run) { return Checker(run).check(); }

std::string dump_run(const Run& run) {
  std::string out = str(
      "run ", run.id.value, ' ', to_string(run.state), ' ', to_string(run.verdict),
      run.admitted ? " admitted" : "", run.cancelling ? " cancelling" : "",
      run.finals_open ? " finals_open" : "", run.rejected ? " rejected" : "",
      run.warned ? " warned" : "", ' ', to_string(run.before_pause), ' ', us(run.created), ' ',
      us(run.started), ' ', us(run.finished), ' ', run.parent.value, ' ', run.source.value, ' ',
      run.parent_task, ' ', run.name, '|', run.job, '|', run.labels, '|', run.key, '|',
      run.priority, ' ', run.inputs.dump(), run.outputs.dump(), run.error, '|', run.pause_reason,
      '|', run.next_lease, ' ', run.tail_first, ' ', run.next_seq, ' ', us(run.tail_time), ' ',
      run.tail.size(), " open ", run.open_roots, ' ', run.open_finals, "\n");
  for (TaskId t = 0; t < run.task_count(); ++t) {
    const TaskRow& r = run.rows[t];
    out += str(run.path(t), ' ', to_string(r.state), ' ', to_string(r.reason),
               r.cancel_asked ? " cancel" : "", r.reused ? " reused " : " ", r.failures, ' ',
               r.losses, ' ', r.attempt, ' ', r.lease, ' ', r.worker.value, ' ', r.waits, ' ',
               us(r.queued), ' ', us(r.started), ' ', us(r.finished), ' ');
    // An entry without anything in it is no entry.
    const TaskExtra* x = run.extra(t);
    dump_extra(out, x ? *x : TaskExtra());
    out += '\n';
  }
  for (const FanOut& f : run.fan_outs) {
    out += str("fan-out ", f.parent, ' ', f.first, ' ', f.count, ' ', f.dead ? -1 : int(f.next),
               ' ', f.dead ? -1 : int(f.active), '\n');
  }
  for (const Lane& lane : run.lanes) {
    std::set<TaskId> queued;
    for (std::size_t i = lane.head; i < lane.tasks.size(); ++i) {
      if (run.rows[lane.tasks[i]].state == TaskState::queued) queued.insert(lane.tasks[i]);
    }
    out += str("lane ", lane.live, ':');
    for (TaskId t : queued)
      out += str(' ', t);
    out += '\n';
  }
  std::set<std::pair<Time, TaskId>> timers;
  for (const auto& timer : run.timers) {
    const TaskExtra* x = run.extra(timer.second);
    if (x && x->wake == timer.first) timers.insert(timer);
  }
  for (const auto& [wake, t] : timers)
    out += str("timer ", us(wake), ' ', t, '\n');
  return out;
}

}  // namespace pawl::core
