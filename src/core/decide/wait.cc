// Tasks that hold no worker: a sleep waits for a time, a gate for a person, a `workflow` task for
// the run it started.
#include "base/mutant.h"
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {
namespace {

// A value that an expression made is checked here; literals were checked with the file.
Result<Duration> duration_of(const Json& v) {
  if (v.is_string()) return parse_duration(v.as_string());
  return {Errc::usage, str("expected a duration such as \"10m\", found ", v.dump())};
}

}  // namespace

void Decider::begin_child_run(TaskId t, const Json& with) {
  const Json& file = with["file"];
  const Json& name = with["workflow"];
  const Json* inputs = with.find("inputs");
  ++run_.rows[t].attempt;
  if (const TaskExtra* x = run_.extra(t); x && x->child) extra(t).child = {};
  move(t, TaskState::waiting, Reason::child_run);
  ctx_.effects->children.push_back({t, name.is_string() ? name.as_string() : "",
                                    file.is_string() ? file.as_string() : "",
                                    inputs ? *inputs : Json::object()});
}

void Decider::begin_wait(TaskId t) {
  const TaskDef& def = run_.def(t);
  auto refuse = [&](std::string_view message) {
    give_up(t, Reason::expression, FailureClass::user, str("with: ", message));
    settle_later(t);
  };
  auto with = def.with.render(RunScope(run_, t, ctx_, this));
  if (!with.ok()) return refuse(with.error().message);
  if (run_.state == RunState::recovering) move_run(RunState::running);
  if (def.executor == Executor::workflow) return begin_child_run(t, *with);
  Time wake = kNever;
  if (def.executor == Executor::sleep) {
    if (const Json* until = with->find("until")) {
      auto time = parse_time(until->is_string() ? until->as_string() : "");
      if (!time.ok()) return refuse(str("until: ", time.error().message));
      wake = *time;
    } else {
      auto d = duration_of((*with)["for"]);
      if (!d.ok()) return refuse(str("for: ", d.error().message));
      wake = ctx_.now + *d;
      if (PAWL_MUTANT(sleep_short)) wake -= *d / 10;
    }
    move(t, TaskState::waiting, Reason::sleep);
    return arm(t, wake);
  }
  if (const Json* timeout = with->find("timeout")) {
    auto d = duration_of(*timeout);
    if (!d.ok()) return refuse(str("timeout: ", d.error().message));
    wake = ctx_.now + *d;
  }
  move(t, TaskState::waiting, Reason::gate);
  TaskExtra& x = extra(t);
  const Json& question = (*with)["question"];
  x.question = question.is_string() ? question.as_string()
               : question.is_null() ? ""
                                    : question.dump();
  x.preview = (*with)["preview"];
  arm(t, wake);
}

}  // namespace pawl::core
