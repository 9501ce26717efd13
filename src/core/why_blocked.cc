// Why a task is not at its end: what it waits for, and what would move it on.
#include <algorithm>

#include "base/mutant.h"
#include "base/text.h"
#include "core/why_asker.h"

namespace pawl::core {
namespace {

// How far a chain of blockers is followed, and how many members are looked at: bounds of one
// answer.
constexpr int kMostHops = 32;
constexpr std::uint32_t kMostMembers = 1000;

}  // namespace

TaskId WhyAsker::first_open_inside(TaskId parent) const {
  TaskId waits = kNoTask;
  std::uint32_t looked = 0;
  auto look = [&](TaskId m) {  // one that is under way tells more than one that waits for it
    auto state = row(m).state;
    if (is_final(state)) return false;
    if (state != TaskState::pending) return waits = m, true;
    if (waits == kNoTask) waits = m;
    return false;
  };
  if (const FanOut* f = run_.fan_out_of(parent)) {
    for (TaskId c = f->first; c < f->first + f->count && looked++ < kMostMembers; ++c) {
      if (look(c)) break;
    }
  } else if (!run_.is_child(parent)) {
    for (TaskId m : run_.workflow().members(parent)) {
      if (looked++ == kMostMembers || look(m)) break;
    }
  }
  return waits;
}

TaskId WhyAsker::frontier(TaskId t) const {
  const Workflow& w = run_.workflow();
  auto first_open = [&](std::span<const TaskId> tasks) {
    auto it =
        std::find_if(tasks.begin(), tasks.end(), [&](TaskId n) { return !is_final(row(n).state); });
    return it == tasks.end() ? kNoTask : *it;
  };
  for (int hop = 0; hop < kMostHops; ++hop) {
    TaskId next = kNoTask;
    if (row(t).state == TaskState::pending) {
      TaskId parent = run_.parent_of(t);
      if (parent != kNoTask && row(parent).state == TaskState::pending) {
        next = parent;
      } else if (!run_.is_child(t)) {
        next = first_open(w.needs(t));
        if (next == kNoTask && w.node(t).is_finally && !run_.finals_open)
          next = first_open(w.roots());
      }
    } else if (row(t).state == TaskState::running && holds_others(t)) {
      next = first_open_inside(t);
    }
    if (next == kNoTask) return t;
    t = next;
  }
  return t;
}

void WhyAsker::unblock_by(Why& w, TaskId other) const {
  TaskId last = frontier(other);
  w.unblock = str("the end of ", run_.path(last));
  if (row(last).state == TaskState::pending || row(last).state == TaskState::running) return;
  Why inner = task(last);
  if (!inner.unblock.empty()) w.unblock = inner.unblock;
}

void WhyAsker::not_admitted(Why& w) const {
  w.reason = Reason::not_admitted;
  if (run_.key.empty()) {
    w.text = "the run is accepted and about to begin";
    return;
  }
  std::vector<std::string> names;
  for (RunId holder : s_.key_holders)
    names.push_back(str("run ", holder.value));
  auto key = str("concurrency key \"", in_brief(run_.key), "\"");
  if (names.empty()) {
    w.text = str("the run waits for its ", key, ", which no run holds: it is about to begin");
    return;
  }
  w.text = str("the run waits for its ", key, ", of which at most ", std::max(s_.key_limit, 1u),
               " may run at once: held by ", some_of(names, names.size()));
  w.unblock = str("the end of ", names[0]);
  w.blockers = std::move(names);
}

void WhyAsker::needs(Why& w) const {
  std::vector<std::string> names;
  std::size_t open = 0;
  TaskId first = kNoTask;
  for (TaskId n : run_.workflow().needs(w.task)) {
    if (is_final(row(n).state) && !PAWL_MUTANT(why_stale_need)) continue;
    if (first == kNoTask) first = n;
    if (open++ < 3) names.push_back(str(run_.path(n), " (", to_string(row(n).state), ")"));
    if (w.blockers.size() < 100) w.blockers.push_back(run_.path(n));
  }
  w.reason = Reason::needs;
  w.text = str("waits for ", some_of(names, open));
  if (first == kNoTask) {
    w.text = "what it needs has ended: it is about to begin";
    return;
  }
  unblock_by(w, first);
}

void WhyAsker::main_phase(Why& w) const {
  std::vector<std::string> names;
  std::size_t open = 0;
  for (TaskId t : run_.workflow().roots()) {
    if (is_final(row(t).state)) continue;
    if (open++ == 0) unblock_by(w, t);
    if (names.size() < 3) names.push_back(run_.path(t));
  }
  if (open == 0) {  // nothing else keeps it back
    w.reason = Reason::paused;
    w.text = "the run is paused: its finally tasks are not begun";
    w.blockers = {str("run ", run_.id.value)};
    w.unblock = command("resume");
    return;
  }
  w.reason = Reason::main_phase;
  w.text = str("a finally task: runs after all others, and ", some_of(names, open),
               open == 1 ? " is" : " are", " not at the end");
  w.blockers = std::move(names);
}

void WhyAsker::pending(Why& w) const {
  TaskId parent = run_.parent_of(w.task);
  const bool child = run_.is_child(w.task);
  if (!run_.admitted) {
    Why run = whole();
    w.reason = Reason::not_admitted;
    w.text = run_.state == RunState::paused ? str("the run is paused and has not begun")
                                            : str("the run has not begun: ", run.text);
    w.blockers = run.blockers;
    w.unblock = run.unblock;
  } else if (parent != kNoTask && row(parent).state == TaskState::pending) {
    Why outer = task(parent);
    w.reason = Reason::group_closed;
    w.text = str("its ", child ? "for_each task " : "group ", run_.path(parent),
                 " has not begun: ", outer.text);
    w.blockers = {run_.path(parent)};
    w.unblock = outer.unblock;
  } else if (row(w.task).waits > 0) {
    needs(w);
  } else if (!child && parent == kNoTask && run_.workflow().node(w.task).is_finally &&
             !run_.finals_open) {
    main_phase(w);
  } else if (run_.state == RunState::paused && run_.def(w.task).executor == Executor::workflow) {
    w.reason = Reason::paused;
    w.text = "the run is paused: its child run is not started";
    w.blockers = {str("run ", run_.id.value)};
    w.unblock = command("resume");
  } else if (child && run_.def(w.task).max_parallel > 0) {
    w.reason = Reason::max_parallel;
    w.text = str(run_.path(parent), " runs at most ", run_.def(w.task).max_parallel,
                 " elements at once, and so many are not at their end");
    w.blockers = {run_.path(parent)};
    unblock_by(w, parent);
  } else {
    w.text = "nothing stands in its way: it is about to begin";
  }
}

bool WhyAsker::lacks_resource(Why& w) const {
  for (const Resource& want : run_.def(w.task).resources) {
    for (const Situation::ResourceUse& have : s_.resources) {
      if (have.name != want.name || have.used + want.amount <= have.capacity) continue;
      w.reason = Reason::resource;
      if (want.amount > have.capacity) {
        w.text = str("asks for ", want.amount, " of resource ", want.name, " but there ",
                     have.capacity == 1 ? "is " : "are ", have.capacity, ": it will never start");
        w.blockers = {str("resource ", want.name)};
        w.unblock = str("a server that has at least ", want.amount, " ", want.name,
                        ", or a workflow that asks for less; until then: ", command("cancel"));
        return true;
      }
      std::vector<std::string> names;
      for (RunId holder : have.holders)
        names.push_back(holder == run_.id ? "this run" : str("run ", holder.value));
      w.text = str("resource ", want.name, ": ", have.used, " of ", have.capacity, " used",
                   names.empty() ? "" : str(" by ", some_of(names, names.size())));
      if (want.amount > 1) w.text += str("; it asks for ", want.amount);
      w.blockers = {str("resource ", want.name)};
      w.blockers.insert(w.blockers.end(), names.begin(), names.end());
      w.unblock = str("the end of a task that uses ", want.name);
      return true;
    }
  }
  return false;
}

void WhyAsker::queued(Why& w) const {
  const TaskDef& def = run_.def(w.task);
  const Reason stored = row(w.task).reason;
  auto use = std::find_if(s_.queues.begin(), s_.queues.end(),
                          [&](const auto& q) { return q.queue == def.queue; });
  if (run_.state == RunState::paused && !PAWL_MUTANT(why_ignores_pause)) {
    w.reason = Reason::paused;
    w.text = str("the run is paused",
                 run_.pause_reason.empty() ? "" : str(" (", in_brief(run_.pause_reason), ")"));
    w.blockers = {str("run ", run_.id.value)};
    w.unblock = command("resume");
  } else if (s_.store_trouble) {
    w.reason = Reason::slot;
    w.text = str("nothing starts while nothing can be recorded: ", in_brief(s_.trouble));
    w.blockers = {"store"};
    w.unblock = "a store that can be written again";
  } else if (use == s_.queues.end() || use->slots == 0) {
    w.reason = Reason::no_worker;
    w.text = str("no worker serves queue ", def.queue);
    w.blockers = {str("queue ", def.queue)};
    w.unblock = str("a worker for queue ", def.queue, "; on one machine: ", command("watch"));
  } else if (lacks_resource(w)) {
  } else if (use->busy >= use->slots) {
    w.reason = Reason::slot;
    w.text = use->slots == 1 ? str("the only slot of queue ", def.queue, " is busy")
                             : str("all ", use->slots, " slots of queue ", def.queue, " are busy");
    w.blockers = {str("queue ", def.queue)};
    w.unblock = str("the end of a task of queue ", def.queue);
  } else {
    w.text = str("queue ", def.queue, " has a free slot: it is about to start");
  }
  if (stored == Reason::lost) w.text += "; queued again, since its worker vanished";
  if (stored == Reason::released) w.text += "; queued again, since its worker gave it back";
  const TaskExtra* x = run_.extra(w.task);
  if (x && x->wake != kNever) {
    w.until = x->wake;
    w.text += str("; fails by its queue timeout at ", when(x->wake));
  }
}

void WhyAsker::running(Why& w) const {
  const TaskRow& r = row(w.task);
  if (!holds_others(w.task)) {
    w.text = str("attempt ", r.attempt, " runs on worker ", r.worker.value, " since ",
                 format_time(r.started));
    if (r.cancel_asked) {
      w.reason = Reason::cancelled;
      w.text = str("told to stop; worker ", r.worker.value, " has not confirmed it yet");
      w.blockers = {str("worker ", r.worker.value)};
    }
    w.unblock = "its end";
    return;
  }
  const FanOut* f = run_.fan_out_of(w.task);
  auto all = f ? f->count : static_cast<std::uint32_t>(run_.workflow().members(w.task).size());
  w.text = str(r.waits, " of its ", all, f ? " elements" : " members",
               r.waits == 1 ? " is" : " are", " not at the end");
  if (r.waits > 0) unblock_by(w, w.task);
}

void WhyAsker::waiting(Why& w) const {
  const TaskRow& r = row(w.task);
  const TaskExtra* x = run_.extra(w.task);
  w.until = x ? x->wake : kNever;
  switch (run_.def(w.task).executor) {
    case Executor::sleep:
      w.text = str("sleeps until ", when(w.until));
      w.unblock = format_time(w.until);
      break;
    case Executor::gate:
      w.text = str("waits for a person",
                   x && !x->question.empty() ? str(": ", in_brief(x->question)) : "");
      if (w.until != kNever) w.text += str("; decided by its timeout at ", when(w.until));
      w.blockers = {"a person"};
      w.unblock = str(command("approve", w.task), ", or ", command("reject", w.task));
      break;
    default: {
      bool started = x && x->child;
      auto child = started ? str("run ", x->child.value) : std::string("its run");
      w.text = r.cancel_asked ? str("told to stop; ", child, " is not at its end yet")
               : started      ? str("waits for the end of ", child)
                              : str("its run is about to be started");
      w.blockers = {child};
      if (started) w.unblock = str("the end of ", child, "; see: pawl why ", x->child.value);
    }
  }
}

void WhyAsker::retrying(Why& w) const {
  const TaskRow& r = row(w.task);
  const TaskExtra* x = run_.extra(w.task);
  auto error = last_error(w.task);
  auto because = error.empty() ? error : str(": ", error);
  w.until = x ? x->wake : kNever;
  if (r.reason == Reason::needs_person) {
    w.text = str(failures(w.task), because, "; a person must see to it, then resume the run");
    w.blockers = {"a person"};
    w.unblock = command("resume");
    return;
  }
  if (w.until == kNever) {  // its time has come while the run was paused
    w.reason = Reason::paused;
    w.text = str(failures(w.task), because, "; it is due, but the run is paused");
    w.blockers = {str("run ", run_.id.value)};
    w.unblock = command("resume");
    return;
  }
  w.unblock = format_time(w.until);
  if (r.reason == Reason::try_later) {
    w.text = str("attempt ", r.attempt, " asked to be tried later", because, "; next at ",
                 when(w.until));
  } else if (r.reason == Reason::lost) {
    w.text =
        str("its worker vanished, ", r.losses, " times by now; next attempt at ", when(w.until));
  } else {
    w.text = str(failures(w.task), because, "; next attempt at ", when(w.until));
  }
}

}  // namespace pawl::core
