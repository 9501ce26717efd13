#include "cli/progress.h"

#include <ctime>

#include "base/text.h"

namespace pawl::cli {
namespace {

class JsonProgress final : public Progress {
 public:
  explicit JsonProgress(const Ask& ask) : io_(ask.io) {}
  void show(const std::vector<server::FeedItem>& items, RunView& view, Time) override {
    std::string out;
    for (const auto& item : items) {
      if (item.kind != server::FeedKind::closed)
        out += str(server::item_to_json(item).dump(), '\n');
    }
    view.take_opened_gates();
    io_.err(out);
  }
  bool wants_logs() const override { return true; }
  void note(std::string_view line) override {
    Json j = Json::object();
    io_.err(str(j.set("event", "note").set("text", line).dump(), '\n'));
  }

 private:
  Io& io_;
};

class NoProgress final : public Progress {
 public:
  void show(const std::vector<server::FeedItem>&, RunView& view, Time) override {
    view.take_opened_gates();
  }
  void note(std::string_view) override {}
};

}  // namespace

std::string clock_time(Time t) {
  auto seconds = static_cast<std::time_t>(
      std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count());
  std::tm local{};
  ::localtime_r(&seconds, &local);
  char text[16];
  auto n = std::strftime(text, sizeof text, "%H:%M:%S", &local);
  return {text, n};
}

std::string gate_text(const RunView::Task& gate, RunId run, const Term& term) {
  auto path = clean_line(gate.path);
  std::string out =
      str(paint(term, Style::yellow, str("gate ", path, ":")), ' ',
          clean_line(gate.question.empty() ? "waits for a decision" : gate.question), '\n');
  if (!gate.preview.empty()) {
    int lines = 0;
    for (auto line : split(gate.preview, '\n')) {
      if (++lines > 20) {
        out += "  ...\n";
        break;
      }
      out += str("  ", truncate(clean_line(line), 400, term.utf8), '\n');
    }
  }
  if (gate.wake != kNever) out += str("  decides itself at ", clock_time(gate.wake), '\n');
  out += str("  ", paint(term, Style::bold, str("pawl approve ", run.value, ' ', path)),
             "   or   pawl reject ", run.value, ' ', path, " -m WHY\n");
  return out;
}

std::unique_ptr<Progress> make_progress(const Ask& ask, Duration expected) {
  auto how = ask.args.text("progress").value_or("auto");
  if (ask.quiet()) how = "none";
  if (how == "auto") {
    const char* ci = ask.io.environment("CI");
    const char* kind = ask.io.environment("TERM");
    bool dumb = kind && std::string_view(kind) == "dumb";
    how = ask.io.err_term().tty && !dumb && !(ci && *ci) ? "tty" : "plain";
  }
  if (how == "tty" && ask.io.err_term().tty) return make_live_progress(ask, expected);
  if (how == "json") return std::make_unique<JsonProgress>(ask);
  if (how == "none") return std::make_unique<NoProgress>();
  return make_plain_progress(ask);
}

}  // namespace pawl::cli
