// logs: what tasks printed, as they printed it. In a pipe the lines go through untouched.
#include <poll.h>
#include <signal.h>

#include <deque>
#include <map>

#include "base/text.h"
#include "cli/follow.h"
#include "cli/handlers.h"

namespace pawl::cli {
namespace {

struct Wanted {
  RunId run;
  TaskId task = kNoTask;
  std::optional<Attempt> attempt;  // none: the last of each task
  std::string grep;
};

// Prints lines, each once: the store and the feed overlap where a log is followed.
class LogPrinter {
 public:
  LogPrinter(const Ask& ask, const Wanted& wanted) : ask_(ask), wanted_(wanted) {}

  void add(const std::string& path, TaskId task, Attempt attempt, std::uint64_t first,
           const std::vector<core::LogLine>& lines) {
    auto& next = next_[{task, attempt}];
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (first + i < next) continue;
      next = first + i + 1;
      const auto& text = lines[i].text;
      if (!wanted_.grep.empty() && text.find(wanted_.grep) == std::string::npos) continue;
      put(path, attempt, lines[i]);
    }
  }
  void keep_last(std::size_t n) { last_ = n; }
  void flush() {
    for (const auto& line : kept_)
      out_ += line;
    kept_.clear();
    last_.reset();
    write();
  }
  bool gone() const { return ask_.io.out_closed(); }

 private:
  void put(const std::string& path, Attempt attempt, const core::LogLine& line) {
    std::string text;
    if (ask_.json()) {
      Json j = Json::object();
      j.set("task", path).set("attempt", attempt).set("time", format_time(line.time));
      j.set("stream", kStreams[static_cast<int>(line.stream)]).set("text", line.text);
      text = str(j.dump(), '\n');
    } else {
      const Term& term = ask_.io.out_term();
      auto shown = term.tty ? clean_line(line.text) : line.text;
      if (line.stream == core::Stream::pawl) shown = paint(term, Style::dim, shown);
      if (wanted_.task == kNoTask)
        shown = str(paint(term, Style::cyan, clean_line(path)), " | ", shown);
      text = str(shown, '\n');
    }
    if (last_) {
      kept_.push_back(std::move(text));
      if (kept_.size() > *last_) kept_.pop_front();
      return;
    }
    out_ += text;
    if (out_.size() > (64u << 10)) write();
  }
  void write() {
    if (!out_.empty()) ask_.io.out(out_);
    out_.clear();
  }

  static constexpr const char* kStreams[] = {"out", "err", "pawl"};
  const Ask& ask_;
  const Wanted& wanted_;
  std::map<std::pair<TaskId, Attempt>, std::uint64_t> next_;
  std::optional<std::size_t> last_;
  std::deque<std::string> kept_;
  std::string out_;
};

struct Source {
  TaskId task;
  Attempt attempt;
  std::string path;
};

// Tasks whose logs are wanted, in the order of the file; of each the attempt that counts.
Result<std::vector<Source>> sources(Session& session, const Ask& ask, Wanted& wanted) {
  std::vector<Source> out;
  auto name = ask.args.arg("TASK");
  Status found;
  TRY(session.inspect(wanted.run, [&](const core::Run& run) {
    if (name) {
      auto t = run.find(*name);
      if (!t) {
        std::vector<std::string> names;
        for (TaskId i = 0; i < std::min<TaskId>(run.task_count(), 10'000); ++i) {
          names.push_back(run.path(i));
        }
        auto near = nearest(*name, names);
        Error error{Errc::not_found, str("run ", run.id.value, " has no task '", *name, "'")};
        found =
            near.empty() ? error : with_hint(std::move(error), str("did you mean '", near, "'?"));
        return;
      }
      wanted.task = *t;
    }
    auto inside = [&](TaskId t) {
      for (; t != kNoTask; t = run.parent_of(t)) {
        if (t == wanted.task) return true;
      }
      return wanted.task == kNoTask;
    };
    for (TaskId t = 0; t < run.task_count(); ++t) {
      if (run.rows[t].attempt == 0 || !inside(t)) continue;
      auto attempt = wanted.attempt.value_or(run.rows[t].attempt);
      if (attempt <= run.rows[t].attempt) out.push_back({t, attempt, run.path(t)});
    }
    // A group's or fan-out's log is its members', each behind its name.
    if (out.size() > 1) wanted.task = kNoTask;
  }));
  TRY(std::move(found));
  return out;
}

Status print_stored(store::Store& store, LogPrinter& printer, const Wanted& wanted,
                    const std::vector<Source>& from) {
  for (const auto& source : from) {
    store::LogQuery query;
    query.run = wanted.run;
    query.task = source.task;
    query.attempt = source.attempt;
    while (!printer.gone()) {
      auto chunks = TRY(store.read_logs(query));
      auto before = query.from_line;
      for (const auto& chunk : chunks) {
        printer.add(source.path, source.task, source.attempt, chunk.first_line, chunk.lines);
        query.from_line = std::max(query.from_line, chunk.first_line + chunk.lines.size());
      }
      if (query.from_line == before) break;
    }
  }
  return {};
}

// Ends with the run, the reader, Ctrl-C or --timeout.
Result<int> print_live(const Ask& ask, Signals& signals, server::Feed& feed, LogPrinter& printer,
                       const std::vector<Source>& known, bool one_task) {
  auto until = deadline(ask);
  auto watched = [&](TaskId task) {
    if (!one_task) return true;
    for (const auto& source : known) {
      if (source.task == task) return true;
    }
    return false;
  };
  while (!printer.gone()) {
    bool end = false;
    for (const auto& item : feed.take()) {
      if (item.kind == server::FeedKind::log && watched(item.task)) {
        printer.add(item.path, item.task, item.log.fence.attempt, item.log.first_line,
                    item.log.lines);
      }
      end |= item.kind == server::FeedKind::closed;
      end |= item.kind == server::FeedKind::snapshot && core::is_final(item.snapshot->state);
      end |= item.kind == server::FeedKind::event &&
             item.event.kind == core::EventKind::run_state && core::is_final(item.event.run_state);
    }
    printer.flush();
    if (end) return 0;
    int wait = -1;
    if (until) {
      auto left = *until - system_clock().mono();
      if (left.count() <= 0) return kExitTimeout;
      wait =
          static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(left).count()) + 1;
    }
    // A reader that goes away while nothing is printed ends this too.
    pollfd wanted[] = {{feed.fd(), POLLIN, 0}, {signals.fd(), POLLIN, 0}, {1, 0, 0}};
    if (::poll(wanted, 3, wait) < 0) continue;
    if (wanted[2].revents & (POLLERR | POLLHUP)) return 0;
    int number = signals.take();
    if (number != 0 && number != SIGWINCH && number != SIGTSTP) return exit_of_signal(number);
  }
  return 0;
}

}  // namespace

Result<int> run_logs(const Ask& ask) {
  Signals signals;
  auto session = TRY(Session::open(ask, Access::read));
  Wanted wanted;
  wanted.run = TRY(session->find(ask.run()));
  wanted.grep = ask.text("grep");
  if (auto n = ask.args.integer("attempt")) wanted.attempt = static_cast<Attempt>(*n);
  bool follow = ask.args.on("follow");
  std::unique_ptr<server::Feed> feed;
  if (follow && !session->other_owner().is_null()) {
    // Before the stored lines are read: what falls between is told twice, and printed once.
    feed = TRY(session->follow(wanted.run, true));
  }
  bool one_task = ask.args.arg("TASK").has_value();
  auto from = TRY(sources(*session, ask, wanted));
  LogPrinter printer(ask, wanted);
  if (auto n = ask.args.integer("tail")) printer.keep_last(static_cast<std::size_t>(*n));
  TRY(print_stored(*TRY(session->store()), printer, wanted, from));
  printer.flush();
  if (feed) return print_live(ask, signals, *feed, printer, from, one_task);
  auto row = TRY(TRY(session->store())->find_run(wanted.run));
  if (follow && row && row->header.open) {
    ask.note(
        str("no process carries run ", wanted.run.value, " on now: pawl watch ", wanted.run.value));
  }
  return 0;
}

}  // namespace pawl::cli
