// approve, reject: what a person decides at a gate.
#include "base/mutant.h"
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {
namespace {

Result<TaskId> open_gate(const Run& run, const std::string& path) {
  std::vector<TaskId> open;
  for (TaskId t = 0; t < run.task_count(); ++t) {
    if (run.rows[t].state == TaskState::waiting && run.def(t).executor == Executor::gate) {
      if (path.empty() || run.path(t) == path) open.push_back(t);
    }
  }
  if (open.size() == 1) return open[0];
  if (open.size() > 1 && PAWL_MUTANT(gate_not_asked)) return open[0];
  if (!open.empty()) {
    std::string names;
    for (TaskId t : open)
      names += str(names.empty() ? "" : ", ", run.path(t));
    return {Errc::conflict,
            str("run ", run.id.value, " has ", open.size(), " open gates; name one of: ", names)};
  }
  if (path.empty()) {
    return {Errc::conflict,
            str("run ", run.id.value, " has no open gate (it is ", to_string(run.state), ")")};
  }
  auto t = run.find(path);
  if (!t) return {Errc::not_found, str("run ", run.id.value, " has no task \"", path, "\"")};
  if (run.def(*t).executor != Executor::gate) {
    return {Errc::conflict, str("task ", path, " of run ", run.id.value, " is not a gate")};
  }
  return {Errc::conflict, str("gate ", path, " of run ", run.id.value, " is not open: it is ",
                              to_string(run.rows[*t].state))};
}

std::string said(const char* what, const std::string& by, const std::string& message) {
  return str(what, by.empty() ? "" : str(" by ", by), message.empty() ? "" : str(": ", message));
}

}  // namespace

Status decide(Run& run, const Approve& c, Context& ctx) {
  TaskId t = TRY(open_gate(run, c.task));
  auto data = c.data.is_object() ? c.data : Json::object();
  if (const auto& form = run.def(t).form; !form.empty()) {
    auto checked = check_form(form, data);
    if (!checked.ok()) {
      return {checked.error().code,
              str("gate ", run.path(t), " of run ", run.id.value, ": ", checked.error().message)};
    }
    data = std::move(*checked);
  }
  Decider d(run, ctx);
  TaskExtra& x = d.extra(t);
  x.note = said("approved", c.by, c.message);
  x.output = PAWL_MUTANT(gate_answer_dropped) ? Json::object() : std::move(data);
  x.output.set("approved", true);
  if (!c.by.empty()) x.output.set("by", c.by);
  if (!c.message.empty()) x.output.set("message", c.message);
  d.event(EventKind::gate_decided, t, x.note);
  d.move(t, TaskState::completed);
  d.settle_later(t);
  d.drain();
  return {};
}

Status decide(Run& run, const Reject& c, Context& ctx) {
  TaskId t = TRY(open_gate(run, c.task));
  Decider d(run, ctx);
  auto note = said("rejected", c.by, c.message);
  d.extra(t).note = note;
  d.event(EventKind::gate_decided, t, note);
  d.give_up(t, Reason::rejected, FailureClass::user, note);
  d.settle_later(t);
  d.drain();
  return {};
}

}  // namespace pawl::core
