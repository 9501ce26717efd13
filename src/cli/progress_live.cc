// Progress on a terminal: live_lines() on a Screen.
#include <unistd.h>

#include "base/text.h"
#include "cli/live_lines.h"
#include "cli/progress.h"
#include "cli/screen.h"

namespace pawl::cli {
namespace {

constexpr Duration kFrame = std::chrono::milliseconds(100);
constexpr Duration kSecond = std::chrono::seconds(1);  // elapsed times move that often

class LiveProgress final : public Progress {
 public:
  LiveProgress(const Ask& ask, Duration expected)
      : screen_(STDERR_FILENO, ask.io.err_term()), expected_(expected) {}

  void show(const std::vector<server::FeedItem>& items, RunView& view, Time now) override {
    std::string lasting;
    for (const auto& gate : view.take_opened_gates()) {
      lasting += gate_text(gate, view.head().run, screen_.term());
    }
    for (const auto& item : items) {
      const auto& e = item.event;
      if (item.kind == server::FeedKind::event && e.kind == core::EventKind::warning) {
        lasting += str(paint(screen_.term(), Style::yellow, "warning: "), clean_line(item.path),
                       ": ", clean_line(e.text), '\n');
      }
    }
    if (!lasting.empty()) {
      screen_.above(lasting);
      drawn_at_ = kNoTime;
    }
    dirty_ = true;
    if (now - drawn_at_ >= kFrame) draw(view, now);
  }

  void tick(const RunView& view, Time now) override {
    if (view.known() && (now - drawn_at_ >= kSecond || (dirty_ && now - drawn_at_ >= kFrame))) {
      draw(view, now);
    }
  }

  Duration patience() const override { return dirty_ ? kFrame : kSecond; }
  bool wants_logs() const override { return true; }
  void resized() override {
    screen_.measure();
    drawn_at_ = kNoTime;
    dirty_ = true;
  }
  void note(std::string_view line) override { screen_.above(str(line, '\n')); }
  void finish() override { screen_.clear(); }

 private:
  void draw(const RunView& view, Time now) {
    if (!view.known()) return;
    drawn_at_ = now;
    dirty_ = false;
    LiveInput in{view, now, screen_.height() - 1, expected_};
    screen_.draw(live_lines(in, screen_.term()));
  }

  Screen screen_;
  Duration expected_;
  Time drawn_at_ = kNoTime;
  bool dirty_ = false;
};

}  // namespace

std::unique_ptr<Progress> make_live_progress(const Ask& ask, Duration expected) {
  return std::make_unique<LiveProgress>(ask, expected);
}

}  // namespace pawl::cli
