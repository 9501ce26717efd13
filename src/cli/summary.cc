#include "cli/summary.h"

#include <deque>

#include "base/text.h"
#include "cli/brief_error.h"
#include "cli/live_lines.h"
#include "core/run_json.h"

namespace pawl::cli {
namespace {

constexpr std::size_t kLastLines = 20;

struct Facts {
  std::string workflow, state, error, failed_path, failed_error;
  core::RunState run_state = core::RunState::pending;
  core::Verdict verdict = core::Verdict::none;
  Duration took{0};
  Json outputs;
  TaskId failed = kNoTask;
  Attempt attempt = 0;
  std::uint32_t max_attempts = 1, failures = 0;
  bool rejected = false;
  int exit_code = 0;
};

Facts facts_of(const core::Run& run, bool warning_fails) {
  Facts f;
  f.workflow = run.workflow().name;
  f.run_state = run.state;
  f.state = core::to_string(run.state);
  f.verdict = run.verdict;
  f.took = run.finished - (run.started == kNoTime ? run.created : run.started);
  f.outputs = run.outputs;
  f.error = run.error;
  f.rejected = run.rejected;
  f.exit_code = core::run_exit_code(run, warning_fails);
  f.failures = run.counts[static_cast<std::size_t>(core::TaskState::failed)];
  f.failed = culprit(run);
  if (f.failed != kNoTask) {
    f.failed_path = run.path(f.failed);
    f.attempt = run.rows[f.failed].attempt;
    f.max_attempts = run.def(f.failed).retry.max_attempts;
    if (const auto* x = run.extra(f.failed)) f.failed_error = x->error;
  }
  return f;
}

std::string headline(const Facts& f, RunId run, const Term& term) {
  auto line = str(state_text(term, f.state), "  ", clean_line(f.workflow), " run ", run.value,
                  " in ", format_duration(f.took));
  if (f.verdict != core::Verdict::none) {
    auto verdict = std::string(core::to_string(f.verdict));
    line += str(", verdict ", paint(term, mark_of(verdict).style, verdict));
  }
  return line + '\n';
}

std::string failure_text(Session& session, const Facts& f, RunId run, const Term& term) {
  std::string out;
  if (f.failed == kNoTask) {
    if (!f.error.empty()) out += str("  ", clean_text(f.error), '\n');
    return out;
  }
  out += str("  ", paint(term, Style::bold, clean_line(f.failed_path)));
  if (f.attempt > 0)
    out += str(", attempt ", f.attempt, f.max_attempts > 1 ? str(" of ", f.max_attempts) : "");
  out += str(": ", cause_of(f.failed_error), '\n');
  auto store = session.store();
  if (f.attempt > 0 && store.ok()) {
    auto lines = last_lines(**store, run, f.failed, f.attempt, kLastLines);
    if (lines.ok()) {
      for (const auto& line : *lines) {
        out += str("  ", paint(term, Style::dim, "| "), clean_line(line.text), '\n');
      }
    }
  }
  return out;
}

std::string quoted_task(const std::string& path) {
  auto clean = clean_line(path);
  return clean.find('[') == std::string::npos ? clean : str('\'', clean, '\'');
}

std::string next_commands(const Facts& f, RunId run) {
  auto id = run.value;
  std::string out;
  if (f.failed != kNoTask && f.attempt > 0) {
    out += str("  pawl logs ", id, ' ', quoted_task(f.failed_path), "   all that it printed\n");
  }
  if (f.failures > 1)
    out += str("  pawl why ", id, "   the other ", f.failures - 1, " that failed\n");
  out += str("  pawl retry ", id, "   run what failed again, keep what is done\n");
  return out;
}

}  // namespace

bool fail_on_warning(const Ask& ask) {
  return ask.takes("fail-on") && ask.text("fail-on") == "warning";
}

TaskId culprit(const core::Run& run) {
  auto first = [&](core::TaskState state) {
    for (TaskId t = 0; t < run.task_count(); ++t) {
      bool holds = run.is_fan_out(t) || run.def(t).executor == core::Executor::group;
      if (run.rows[t].state != state || (run.is_child(t) && run.fan_out_of_child(t).dead)) continue;
      if (state == core::TaskState::failed && run.def(t).allow_failure) continue;
      const auto* x = run.extra(t);
      // A fan-out can fail by itself: its list could not be made.
      if (!holds || (run.rows[t].reason == core::Reason::expression && x)) return t;
    }
    return kNoTask;
  };
  return run.state == core::RunState::failed ? first(core::TaskState::failed) : kNoTask;
}

Result<std::vector<core::LogLine>> last_lines(store::Store& store, RunId run, TaskId task,
                                              Attempt attempt, std::size_t n) {
  std::deque<core::LogLine> kept;
  store::LogQuery query;
  query.run = run;
  query.task = task;
  query.attempt = attempt;
  while (true) {
    auto chunks = TRY(store.read_logs(query));
    auto from = query.from_line;
    for (auto& chunk : chunks) {
      for (std::size_t i = 0; i < chunk.lines.size(); ++i) {
        auto number = chunk.first_line + i;
        if (number < query.from_line) continue;
        query.from_line = number + 1;
        kept.push_back(std::move(chunk.lines[i]));
        if (kept.size() > n) kept.pop_front();
      }
    }
    if (query.from_line == from) break;
  }
  return std::vector<core::LogLine>(kept.begin(), kept.end());
}

std::string outputs_text(const Json& outputs, const Term& term) {
  std::string out;
  if (!outputs.is_object()) return out;
  for (const auto& [name, value] : outputs.as_object()) {
    auto text = value.is_string() ? value.as_string() : value.dump();
    auto line = str(clean_line(name), ": ", clean_line(text));
    auto width = static_cast<std::size_t>(std::max(20, term.width - 3));
    out += str("  ", term.tty ? truncate(line, width, term.utf8) : line, '\n');
  }
  return out;
}

Result<EndText> end_text(Session& session, RunId run, const Ask& ask) {
  Facts f;
  TRY(session.inspect(run, [&](const core::Run& r) { f = facts_of(r, fail_on_warning(ask)); }));
  EndText text;
  text.exit_code = f.exit_code;
  if (f.run_state == core::RunState::completed) {
    const Term& term = ask.io.out_term();
    text.result = str(headline(f, run, term), outputs_text(f.outputs, term));
    return text;
  }
  const Term& term = ask.io.err_term();
  text.problem = headline(f, run, term);
  if (f.run_state == core::RunState::failed) {
    text.problem += failure_text(session, f, run, term);
  }
  text.problem += next_commands(f, run);
  return text;
}

}  // namespace pawl::cli
