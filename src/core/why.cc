#include "core/why.h"

#include "base/text.h"
#include "core/why_asker.h"

namespace pawl::core {

std::string some_of(const std::vector<std::string>& names, std::size_t total) {
  constexpr std::size_t kShown = 3;
  std::string text;
  std::size_t shown = std::min(names.size(), kShown);
  for (std::size_t i = 0; i < shown; ++i) {
    bool last = i + 1 == shown && shown == total;
    text += str(i == 0 ? "" : last ? " and " : ", ", names[i]);
  }
  if (total > shown) text += str(" and ", total - shown, " more");
  return text;
}

std::string in_brief(std::string_view message) {
  constexpr std::size_t kMost = 200;
  auto line = trim(message.substr(0, message.find('\n')));
  // What a process printed follows in the message, not in this line.
  line = line.substr(0, line.find("; last lines of "));
  if (line.size() <= kMost) return std::string(line);
  auto cut = kMost;
  while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xc0) == 0x80)
    --cut;
  return str(line.substr(0, cut), "...");
}

bool WhyAsker::holds_others(TaskId t) const {
  return run_.is_fan_out(t) || run_.def(t).executor == Executor::group;
}

std::string WhyAsker::command(std::string_view verb, TaskId t, std::string_view flag) const {
  auto text = str("pawl ", verb, " ", run_.id.value);
  if (t == kNoTask) return text;
  auto path = run_.path(t);
  const char* quote = path.find('[') == std::string::npos ? "" : "'";
  return str(text, flag.empty() ? "" : " ", flag, " ", quote, path, quote);
}

std::string WhyAsker::again(TaskId t) const {
  if (run_.state == RunState::completed) return command("recover", t, "--from");
  if (run_.cancelling && !is_final(run_.state)) return "the end of the run, then a retry";
  return command("retry", t, "--from");
}

std::string WhyAsker::when(Time t) const {
  if (t <= now_) return str(format_time(t), " (now)");
  return str(format_time(t), " (in ", format_duration(t - now_), ")");
}

std::string WhyAsker::last_error(TaskId t) const {
  const TaskExtra* x = run_.extra(t);
  if (!x) return "";
  auto message = in_brief(x->error);
  if (x->failure == FailureClass::none || x->failure == FailureClass::user) return message;
  return message.empty() ? to_string(x->failure) : str(to_string(x->failure), ": ", message);
}

std::string WhyAsker::failures(TaskId t) const {
  const TaskRow& r = row(t);
  auto most = run_.def(t).retry.max_attempts;
  auto text = str("attempt ", r.attempt, " failed");
  // A recovery rule may grant more than max_attempts: then a total would mislead.
  if (r.failures > 0 && r.failures <= most)
    text += str(" (failure ", r.failures, " of ", most, ")");
  return text;
}

std::string WhyAsker::source() const {
  return run_.source ? str("run ", run_.source.value) : std::string("an earlier run");
}

Why WhyAsker::task(TaskId t) const {
  const TaskRow& r = row(t);
  Why w;
  w.task = t;
  w.path = run_.path(t);
  w.state = r.state;
  w.reason = r.reason;
  switch (r.state) {
    case TaskState::pending:
      pending(w);
      break;
    case TaskState::queued:
      queued(w);
      break;
    case TaskState::running:
      running(w);
      break;
    case TaskState::waiting:
      waiting(w);
      break;
    case TaskState::retrying:
      retrying(w);
      break;
    case TaskState::completed: {
      const TaskExtra* x = run_.extra(t);
      w.text = r.reused ? str("completed in ", source(), "; its outputs are reused") : "completed";
      if (x && !x->note.empty()) w.text += str(": ", in_brief(x->note));
      break;
    }
    case TaskState::failed:
      failed(w);
      break;
    case TaskState::skipped:
      skipped(w);
      break;
    case TaskState::cancelled:
      cancelled(w);
      break;
  }
  return w;
}

Why WhyAsker::whole() const {
  Why w;
  switch (run_.state) {
    case RunState::pending:
      not_admitted(w);
      break;
    case RunState::running:
    case RunState::recovering:
      run_moving(w);
      break;
    case RunState::paused:
      run_paused(w);
      break;
    case RunState::completed:
    case RunState::failed:
    case RunState::cancelled:
      run_ended(w);
      break;
  }
  if (s_.store_trouble && !is_final(run_.state)) {
    w.text += str("; nothing can be recorded now: ", in_brief(s_.trouble));
    w.blockers.emplace_back("store");
    w.unblock = "a store that can be written again";
    w.until = kNever;
  }
  return w;
}

Why why_task(const Run& run, TaskId t, const Situation& s, Time now) {
  PAWL_ASSERT(t < run.task_count());
  return WhyAsker(run, s, now).task(t);
}

Why why_run(const Run& run, const Situation& s, Time now) { return WhyAsker(run, s, now).whole(); }

std::vector<Why> why_all(const Run& run, const Situation& s, Time now) {
  WhyAsker asker(run, s, now);
  std::vector<Why> all{asker.whole()};
  auto ask = [&](TaskId t) {
    auto state = run.rows[t].state;
    if (state != TaskState::running && state != TaskState::completed) all.push_back(asker.task(t));
  };
  for (TaskId t = 0; t < run.workflow().task_count(); ++t)
    ask(t);
  for (const FanOut& f : run.fan_outs) {
    if (f.dead) continue;
    for (TaskId c = f.first; c < f.first + f.count; ++c)
      ask(c);
  }
  return all;
}

Json why_to_json(const Why& w) {
  Json j = Json::object();
  j.set("task", w.task == kNoTask ? Json() : Json(w.path));
  // The run's own state stands beside it in every answer that holds one.
  if (w.task != kNoTask) j.set("state", to_string(w.state));
  j.set("reason", w.reason == Reason::none ? Json() : Json(to_string(w.reason)));
  j.set("text", w.text);
  Json blockers = Json::array();
  for (const std::string& b : w.blockers)
    blockers.push(b);
  j.set("blockers", std::move(blockers));
  j.set("unblock", w.unblock.empty() ? Json() : Json(w.unblock));
  j.set("until", w.until == kNever ? Json() : Json(format_time(w.until)));
  return j;
}

}  // namespace pawl::core
