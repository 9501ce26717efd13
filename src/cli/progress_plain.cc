// Progress for logs, CI and pipes: nothing moves, every line stands for itself.
#include "base/text.h"
#include "cli/brief_error.h"
#include "cli/live_lines.h"
#include "cli/progress.h"

namespace pawl::cli {
namespace {

constexpr Duration kHeartbeat = std::chrono::seconds(30);

class PlainProgress final : public Progress {
 public:
  explicit PlainProgress(const Ask& ask) : io_(ask.io) {}

  void show(const std::vector<server::FeedItem>& items, RunView& view, Time now) override {
    std::string out;
    for (const auto& item : items)
      add(out, item, view);
    for (const auto& gate : view.take_opened_gates()) {
      out += str(clock_time(now), ' ', gate_text(gate, view.head().run, io_.err_term()));
    }
    if (out.empty()) return;
    last_ = now;
    io_.err(out);
  }

  void tick(const RunView& view, Time now) override {
    if (last_ == kNoTime) last_ = now;
    if (now - last_ < kHeartbeat || !view.known()) return;
    last_ = now;
    std::string running;
    for (const auto& [id, task] : view.tasks()) {
      if (view.holds_others(id) || task.state != core::TaskState::running) continue;
      if (running.size() > 80) {
        running += ", ...";
        break;
      }
      running += str(running.empty() ? ": " : ", ", clean_line(task.path), ' ',
                     short_duration(now - task.started));
    }
    using core::TaskState;
    auto left = view.count(TaskState::pending) + view.count(TaskState::queued);
    io_.err(str(clock_time(now), " ", core::to_string(view.head().state), ", ", view.done(), '/',
                view.total(), " done, ", view.count(TaskState::running), " running", running,
                left ? str(", ", left, " to come") : "", '\n'));
  }

  Duration patience() const override { return kHeartbeat; }
  bool wants_logs() const override { return true; }
  void note(std::string_view line) override { io_.err(str(line, '\n')); }

 private:
  void add(std::string& out, const server::FeedItem& item, const RunView& view) {
    using server::FeedKind;
    if (item.kind == FeedKind::log) {
      auto name = clean_line(item.path);
      for (const auto& line : item.log.lines) {
        out += str(clock_time(line.time), ' ', name, " | ", clean_line(line.text), '\n');
      }
      return;
    }
    if (item.kind == FeedKind::snapshot) {
      const auto& s = *item.snapshot;
      // Where a run is joined on its way, what is going on is said once.
      for (const auto& task : s.tasks) {
        if (core::is_final(task.state) || view.holds_others(task.task)) continue;
        out += str(clock_time(task.started == kNoTime ? s.created : task.started), ' ',
                   clean_line(task.path), ' ', core::to_string(task.state), '\n');
      }
      return;
    }
    if (item.kind == FeedKind::event) add_event(out, item, view.head().run.value);
  }

  void add_event(std::string& out, const server::FeedItem& item, std::int64_t run) {
    const core::Event& e = item.event;
    using core::EventKind;
    auto first = brief_error(e.text);
    switch (e.kind) {
      case EventKind::run_state:
        out += str(clock_time(e.time), " run ", core::to_string(e.run_state),
                   first.empty() ? "" : str(": ", first), '\n');
        if (e.run_state == core::RunState::paused) {
          out +=
              str("  go on with: pawl resume ", run, "   what it waits for: pawl why ", run, '\n');
        }
        return;
      case EventKind::task_state: {
        // Queued for an instant is no news; queued again is.
        if (e.task_state == core::TaskState::pending) return;
        if (e.task_state == core::TaskState::queued && e.reason != core::Reason::lost &&
            e.reason != core::Reason::released) {
          return;
        }
        if (e.reason == core::Reason::gate) return;  // its question says more
        std::string more;
        if (e.attempt > 1) more += str(", attempt ", e.attempt);
        if (e.reason != core::Reason::none && e.reason != core::Reason::error) {
          more += str(" (", core::to_string(e.reason), ")");
        }
        out +=
            str(clock_time(e.time), ' ', clean_line(item.path), ' ', core::to_string(e.task_state),
                more, first.empty() ? "" : str(": ", first), '\n');
        return;
      }
      case EventKind::warning:
        out += str(clock_time(e.time), ' ', clean_line(item.path), " warning: ", first, '\n');
        return;
      case EventKind::metric:
        out += str(clock_time(e.time), ' ', clean_line(item.path), ' ', first, '\n');
        return;
      case EventKind::gate_decided:
        out += str(clock_time(e.time), ' ', clean_line(item.path), ' ', first, '\n');
        return;
      case EventKind::changed:
        out += str(clock_time(e.time), " changed: ", first, '\n');
        return;
      case EventKind::submitted:
        return;
    }
  }

  Io& io_;
  Time last_ = kNoTime;
};

}  // namespace

std::unique_ptr<Progress> make_plain_progress(const Ask& ask) {
  return std::make_unique<PlainProgress>(ask);
}

}  // namespace pawl::cli
