#include "cli/live_lines.h"

#include <algorithm>

#include "base/text.h"
#include "cli/brief_error.h"

namespace pawl::cli {
namespace {

using core::TaskState;

// A line made of painted pieces; what is beyond the width is cut before it is painted.
class Line {
 public:
  Line(const Term& term, std::size_t width) : term_(term), left_(width) {}
  Line& add(std::string_view text, Style style = Style::plain) {
    if (left_ == 0 || text.empty()) return *this;
    auto width = display_width(text);
    auto shown = width <= left_ ? std::string(text) : truncate(text, left_, term_.utf8);
    left_ = width <= left_ ? left_ - width : 0;
    out_ += paint(term_, style, shown);
    return *this;
  }
  Line& gap() { return add("  "); }
  std::size_t left() const { return left_; }
  std::string text() const { return out_; }

 private:
  const Term& term_;
  std::size_t left_;
  std::string out_;
};

std::string_view mark(const Term& term, TaskState s) {
  auto m = mark_of(core::to_string(s));
  return term.utf8 ? m.utf8 : m.ascii;
}

std::size_t width_of(const Term& term) {
  // The last column stays empty: a character there makes some terminals wrap.
  return static_cast<std::size_t>(std::max(1, term.width - 1));
}

std::string number(double v) {
  auto whole = static_cast<std::int64_t>(v);
  if (static_cast<double>(whole) == v) return str(whole);
  char buffer[32];
  auto n = std::snprintf(buffer, sizeof buffer, "%.4g", v);
  return {buffer, static_cast<std::size_t>(n)};
}

bool bytes_unit(std::string_view unit) { return unit == "B" || unit == "bytes" || unit == "byte"; }

std::string progress_text(const core::Progress& p) {
  auto shown = [&](double v) {
    return bytes_unit(p.unit) ? format_size(static_cast<std::uint64_t>(std::max(0.0, v)))
                              : number(v);
  };
  auto text = shown(p.current);
  if (p.total > 0) text += str('/', shown(p.total));
  if (bytes_unit(p.unit)) {
    if (p.total > 0) text += str(' ', static_cast<int>(100.0 * p.current / p.total), '%');
    return text;
  }
  return p.unit.empty() ? text : str(clean_line(p.unit), ' ', text);
}

std::string head_line(const LiveInput& in, const Term& term) {
  const auto& head = in.view.head();
  Line line(term, width_of(term));
  line.add(clean_line(head.workflow), Style::bold).gap().add(str("run ", head.run.value)).gap();
  auto state = mark_of(core::to_string(head.state));
  line.add(core::to_string(head.state), state.style);
  auto begun = head.started == kNoTime ? head.created : head.started;
  auto took = (head.finished == kNoTime ? in.now : head.finished) - begun;
  line.gap().add(short_duration(took));
  if (!in.view.ended() && in.expected.count() > 0 && head.state != core::RunState::paused) {
    auto left = in.expected - took;
    line.gap().add(left.count() > 0 ? str("ETA ~", short_duration(left))
                                    : str("longer than usual (", short_duration(in.expected), ")"),
                   Style::dim);
  }
  if (!head.name.empty() && line.left() > 12) line.gap().add(clean_line(head.name), Style::dim);
  return line.text();
}

std::string bar_line(const LiveInput& in, const Term& term) {
  const auto& v = in.view;
  Line line(term, width_of(term));
  auto total = v.total(), done = v.done();
  line.add(str("[ ", done, '/', total, " ] "), Style::bold);
  // The counts say it all: where there is little room the bar goes first.
  bool narrow = term.width < 60;
  std::size_t width = narrow ? 0 : 20;
  auto full = total ? static_cast<std::size_t>(std::uint64_t{done} * width / total) : 0;
  std::string bar, rest;
  for (std::size_t i = 0; i < width; ++i) {
    (i < full ? bar : rest) += term.utf8 ? (i < full ? "█" : "░") : (i < full ? "#" : ".");
  }
  auto failed = v.count(TaskState::failed);
  line.add(bar, failed ? Style::red : Style::green).add(rest, Style::dim);
  struct Part {
    TaskState state;
    std::uint32_t n;
  };
  const Part parts[] = {
      {TaskState::completed, v.count(TaskState::completed)},
      {TaskState::running, v.count(TaskState::running)},
      {TaskState::failed, failed},
      {TaskState::waiting, v.count(TaskState::waiting)},
      {TaskState::retrying, v.count(TaskState::retrying)},
      {TaskState::skipped, v.count(TaskState::skipped)},
      {TaskState::cancelled, v.count(TaskState::cancelled)},
      {TaskState::pending, v.count(TaskState::pending) + v.count(TaskState::queued)},
  };
  for (const auto& part : parts) {
    bool always = part.state == TaskState::completed || part.state == TaskState::running;
    if (part.n == 0 && !always) continue;
    auto m = mark_of(core::to_string(part.state));
    if (!narrow || &part != parts) line.add(narrow ? " " : "  ");
    line.add(str(mark(term, part.state), ' ', part.n), part.n ? m.style : Style::dim);
  }
  return line.text();
}

void add_activity(Line& line, const RunView::Task& task, Time now) {
  if (task.attempt > 1) line.gap().add(str("attempt ", task.attempt), Style::yellow);
  if (task.has_progress) line.gap().add(progress_text(task.progress));
  for (const auto& [name, value] : task.metrics) {
    if (line.left() < 10) return;
    line.gap().add(str(clean_line(name), ' ', number(value)), Style::cyan);
  }
  auto eta = RunView::task_eta(task, now);
  if (eta.count() >= 0) line.gap().add(str("ETA ", short_duration(eta)), Style::dim);
  if (!task.has_progress && task.metrics.empty() && !task.last_line.empty() && line.left() > 8) {
    line.gap().add(task.last_line, Style::dim);
  }
}

std::string first_line(std::string_view text) {
  return clean_line(text.substr(0, text.find('\n')));
}

// What to type matters most; the question stands above in full, from when the gate opened.
void add_gate(Line& line, const RunView::Task& task, std::int64_t run, const std::string& since,
              const Term& term) {
  auto command = str("pawl approve ", run, ' ', clean_line(task.path));
  auto room = line.left() > command.size() + 12 ? line.left() - command.size() - 2 : 0;
  auto question = str("gate ", since, ": ", first_line(task.question));
  if (room > 0) line.add(truncate(question, room, term.utf8)).gap();
  line.add(command, Style::bold);
}

std::string task_line(const LiveInput& in, const Term& term, const RunView::Task& task,
                      std::size_t name_width) {
  auto m = mark_of(core::to_string(task.state));
  Line line(term, width_of(term));
  line.add(" ").add(mark(term, task.state), m.style).add(" ");
  bool gate = task.state == TaskState::waiting && task.reason == core::Reason::gate;
  if (gate && term.width < 60) {  // the command names the task
    auto run = in.view.head().run.value;
    line.add(str("pawl approve ", run, ' ', clean_line(task.path)), Style::bold);
    return line.text();
  }
  line.add(pad_right(truncate(clean_line(task.path), name_width, term.utf8), name_width)).gap();
  auto since = task.started == kNoTime ? std::string() : short_duration(in.now - task.started);
  auto run = in.view.head().run.value;
  switch (task.state) {
    case TaskState::failed:
      line.add(task.attempt > 1 ? str("failed after ", task.attempt, " attempts: ") : "failed: ",
               Style::red);
      line.add(brief_error(task.error));
      break;
    case TaskState::running:
      line.add(pad_left(since, 6));
      add_activity(line, task, in.now);
      break;
    case TaskState::retrying:
      if (task.reason == core::Reason::needs_person) {
        line.add("needs a person: ", Style::yellow).add(brief_error(task.error));
        break;
      }
      line.add(task.wake == kNever ? std::string("again soon")
                                   : str("again in ", short_duration(task.wake - in.now)),
               Style::yellow);
      if (line.left() > 40) {
        line.add(str(" (attempt ", task.attempt, " of ", task.max_attempts, ")"));
      }
      line.add(": ");
      line.add(brief_error(task.error), Style::dim);
      break;
    case TaskState::waiting:
      if (task.reason == core::Reason::gate) {
        add_gate(line, task, run, since, term);
      } else if (task.reason == core::Reason::child_run) {
        line.add(pad_left(since, 6)).gap().add(str("waits for run ", task.child.value));
      } else {
        line.add(str("sleeps", task.wake == kNever
                                   ? std::string()
                                   : str(" ", short_duration(task.wake - in.now), " more")));
      }
      break;
    default:
      break;
  }
  return line.text();
}

int rank(const RunView::Task& t) {
  if (t.state == TaskState::failed) return 0;
  if (t.state == TaskState::waiting && t.reason == core::Reason::gate) return 1;
  if (t.reason == core::Reason::needs_person) return 1;
  if (t.state == TaskState::running) return 2;
  return 3;
}

std::string queue_line(const LiveInput& in, const Term& term, std::size_t unseen) {
  auto pending = in.view.count(TaskState::pending), queued = in.view.count(TaskState::queued);
  std::vector<std::string> parts;
  if (unseen) parts.push_back(str(unseen, " more not shown"));
  if (pending) parts.push_back(str(pending, pending == 1 ? " waits" : " wait", " for others"));
  if (queued) {
    bool paused = in.view.head().state == core::RunState::paused;
    parts.push_back(str(queued, paused ? " held by the pause" : " queued for a slot"));
  }
  if (parts.empty()) return {};
  Line line(term, width_of(term));
  line.add(" ").add(mark(term, TaskState::pending), Style::dim).add(" ");
  line.add(join(parts, ", "), Style::dim);
  return line.text();
}

}  // namespace

std::string short_duration(Duration d) {
  auto s = std::chrono::duration_cast<std::chrono::seconds>(std::max(d, Duration{0})).count();
  if (s < 60) return str(s, 's');
  auto two = [](std::int64_t n) { return n < 10 ? str('0', n) : str(n); };
  if (s < 3600) return str(s / 60, 'm', two(s % 60), 's');
  if (s < 86400) return str(s / 3600, 'h', two(s / 60 % 60), 'm');
  return str(s / 86400, 'd', two(s / 3600 % 24), 'h');
}

std::vector<std::string> live_lines(const LiveInput& in, const Term& term) {
  std::vector<std::string> out = {head_line(in, term), bar_line(in, term)};
  if (in.view.head().state == core::RunState::paused) {
    Line line(term, width_of(term));
    line.add(" ").add(
        in.view.head().pause_reason.empty() ? "paused" : brief_error(in.view.head().pause_reason),
        Style::yellow);
    out.push_back(line.text());
    Line next(term, width_of(term));
    out.push_back(next.add(" go on: ")
                      .add(str("pawl resume ", in.view.head().run.value), Style::bold)
                      .text());
  }
  std::vector<const RunView::Task*> tasks;
  for (const auto& [id, task] : in.view.tasks()) {
    if (!in.view.holds_others(id)) tasks.push_back(&task);
  }
  auto room = static_cast<std::size_t>(std::max(1, in.height - static_cast<int>(out.size()) - 1));
  auto before = [](const RunView::Task* a, const RunView::Task* b) {
    auto ra = rank(*a), rb = rank(*b);
    if (ra != rb) return ra < rb;
    return a->started != b->started ? a->started < b->started : a->task < b->task;
  };
  auto shown = std::min(room, tasks.size());
  std::partial_sort(tasks.begin(), tasks.begin() + static_cast<std::ptrdiff_t>(shown), tasks.end(),
                    before);
  std::size_t name_width = 0;
  for (std::size_t i = 0; i < shown; ++i) {
    name_width = std::max(name_width, display_width(clean_line(tasks[i]->path)));
  }
  name_width = std::min(name_width, static_cast<std::size_t>(std::max(8, term.width / 3)));
  for (std::size_t i = 0; i < shown; ++i) {
    out.push_back(task_line(in, term, *tasks[i], name_width));
  }
  auto rest = queue_line(in, term, tasks.size() - shown);
  if (!rest.empty()) out.push_back(std::move(rest));
  return out;
}

}  // namespace pawl::cli
