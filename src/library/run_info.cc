#include "library/run_info.h"

#include <algorithm>

#include "base/text.h"
#include "core/decide/decider.h"
#include "core/run_json.h"
#include "library/words.h"

namespace pawl::v1 {
namespace {

std::optional<TimePoint> time_or_none(Time t) {
  if (t == kNoTime || t == kNever) return std::nullopt;
  return to_time_point(t);
}

Millis millis(Duration d) { return std::chrono::duration_cast<Millis>(d); }

Value checkpoint_value(const std::string& bytes) {
  auto parsed = Json::parse(bytes);
  return parsed.ok() ? to_value(*std::move(parsed)) : Value(bytes);
}

class Describer {
 public:
  Describer(const core::Run& run, const Onlooker& onlooker) : run_(run), by_(onlooker) {}

  RunInfo info() {
    describe_head();
    Time newest = kNoTime;
    for (TaskId t : core::display_order(run_)) {
      if (run_.def(t).executor == core::Executor::group) continue;
      out_.tasks.push_back(task(t));
      const core::TaskExtra* x = run_.extra(t);
      if (!x || x->checkpoint.empty()) continue;
      if (Time begun = run_.rows[t].started; begun >= newest) {
        newest = begun;
        out_.last_checkpoint = out_.tasks.back().checkpoint;
        out_.checkpoint_step = out_.tasks.back().name;
      }
    }
    weigh();
    if (out_.state == RunState::completed) out_.output = run_output();
    return std::move(out_);
  }

 private:
  void describe_head() {
    out_.id = run_.id.value;
    out_.workflow = run_.workflow().name;
    out_.version = by_.traits.version;
    out_.job = run_.job;
    out_.name = run_.name;
    out_.state = run_state_of(run_);
    out_.created = time_or_none(run_.created);
    out_.finished = time_or_none(run_.finished);
    if (out_.state != RunState::pending) out_.started = time_or_none(run_.started);
    if (out_.started) {
      Time end = run_.finished == kNoTime ? by_.context.now : run_.finished;
      out_.elapsed = millis(end - run_.started);
    }
    out_.input = to_value(by_.traits.in_code ? run_.inputs[kRunInput] : run_.inputs);
    out_.error = run_.error;
    out_.max_recovery_attempts = by_.traits.max_recovery_attempts;
    out_.recovered_from = run_.source.value;
  }

  const Traits::Step* about(TaskId t) const {
    auto it = by_.traits.steps.find(std::string(run_.workflow().own_name(run_.definition(t))));
    return it == by_.traits.steps.end() ? nullptr : &it->second;
  }

  std::string type_of(TaskId t) const {
    const Traits::Step* known = about(t);
    if (known && !known->type.empty()) return known->type;
    if (!by_.traits.in_code) return run_.def(t).action;
    return std::string(run_.workflow().own_name(run_.definition(t)));
  }

  Json output(TaskId t) const {
    bool elements = run_.fan_out_of(t) != nullptr;
    if (run_.rows[t].state != core::TaskState::completed && !elements) return {};
    auto stored = core::outputs_of(run_, t, by_.context);
    if (!stored.ok()) return {};
    return by_.traits.in_code ? unwrap_output(*stored) : *stored;
  }

  double percent(TaskId t) const {
    const core::TaskRow& row = run_.rows[t];
    if (row.state == core::TaskState::completed || row.state == core::TaskState::skipped)
      return 100;
    if (const core::FanOut* f = run_.fan_out_of(t)) {
      double sum = 0;
      for (TaskId c = f->first; c < f->first + f->count; ++c)
        sum += percent(c);
      return f->count > 0 ? sum / f->count : 100;
    }
    const core::TaskExtra* x = run_.extra(t);
    if (!x || !x->has_progress || x->progress.total <= 0) return 0;
    return std::clamp(100 * x->progress.current / x->progress.total, 0.0, 100.0);
  }

  TaskInfo task(TaskId t) const {
    const core::TaskRow& row = run_.rows[t];
    TaskInfo out;
    out.name = run_.path(t);
    out.type = type_of(t);
    out.state = task_state_of(row.state);
    out.attempts = static_cast<int>(row.attempt);
    out.percent = percent(t);
    if (const Traits::Step* known = about(t)) out.estimated = known->estimate;
    out.started = time_or_none(row.started);
    out.finished = time_or_none(row.finished);
    if (row.started != kNoTime) {
      Time end = row.finished == kNoTime ? by_.context.now : row.finished;
      out.actual = millis(std::max(end - row.started, Duration(0)));
    }
    if (const core::TaskExtra* x = run_.extra(t)) {
      out.error = x->error;
      if (!x->checkpoint.empty()) out.checkpoint = checkpoint_value(x->checkpoint);
    }
    out.output = to_value(output(t));
    if (by_.situation && !is_final(row.state) && row.state != core::TaskState::running) {
      out.waits = why(t);
    }
    return out;
  }

  std::string why(TaskId t) const {
    auto why = core::why_task(run_, t, *by_.situation, by_.context.now);
    if (why.reason != core::Reason::no_worker) return why.text;
    return str("waits for its handler: step \"", run_.path(t), "\" of workflow \"",
               run_.workflow().name, "\" version ", by_.traits.version,
               " is not defined in this process; define() it, and it goes on");
  }

  // Percent and the time that remains, each step with the weight of its estimate.
  void weigh() {
    double known = 0;
    int with_estimate = 0;
    auto tops = [&](auto&& each) {
      for (TaskId t = 0; t < run_.workflow().task_count(); ++t)
        if (run_.def(t).executor != core::Executor::group) each(t);
    };
    auto estimate = [&](TaskId t) {
      const Traits::Step* s = about(t);
      return s && s->estimate ? static_cast<double>(s->estimate->count()) : -1.0;
    };
    tops([&](TaskId t) {
      if (double e = estimate(t); e >= 0) known += e, ++with_estimate;
    });
    double usual = with_estimate > 0 ? std::max(known / with_estimate, 1.0) : 1.0;
    double all = 0, done = 0, left = 0;
    tops([&](TaskId t) {
      double e = estimate(t);
      double weight = e >= 0 ? std::max(e, 1.0) : usual;
      double part = percent(t) / 100;
      all += weight;
      done += weight * part;
      if (e >= 0 && !is_final(run_.rows[t].state)) left += e * (1 - part);
    });
    out_.percent = out_.state == RunState::completed ? 100 : all > 0 ? 100 * done / all : 0;
    if (with_estimate > 0 && !is_final(out_.state)) {
      out_.remaining = Millis(static_cast<std::int64_t>(left));
    }
  }

  Value run_output() const {
    const core::Workflow& w = run_.workflow();
    if (!by_.traits.in_code) return to_value(run_.outputs);
    if (!by_.traits.output_of.empty()) {
      auto t = run_.find(by_.traits.output_of);
      return t ? to_value(output(*t)) : Value();
    }
    std::vector<TaskId> last;
    for (TaskId t : w.roots())
      if (w.dependents(t).empty()) last.push_back(t);
    if (last.size() == 1) return to_value(output(last[0]));
    Json all = Json::object();
    for (TaskId t : last)
      all.set(w.own_name(t), output(t));
    return to_value(std::move(all));
  }

  const core::Run& run_;
  const Onlooker& by_;
  RunInfo out_;
};

}  // namespace

TimePoint to_time_point(Time t) {
  return TimePoint(std::chrono::duration_cast<Millis>(t.time_since_epoch()));
}

RunInfo describe_run(const core::Run& run, const Onlooker& onlooker) {
  return Describer(run, onlooker).info();
}

}  // namespace pawl::v1
