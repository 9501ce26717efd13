#include "actions/shell.h"

#include <sys/wait.h>

#include "actions/classify.h"
#include "base/codec.h"
#include "base/text.h"

namespace pawl::actions {
namespace {

constexpr int kTryLater = 75;  // EX_TEMPFAIL
constexpr int kNoRetry = 78;   // EX_CONFIG

class ShellAction : public Action, public ProcessEvents {
 public:
  ShellAction(Sink& sink, const Services& services) : sink_(sink), services_(services) {}
  ~ShellAction() override { unwatch(); }

  void start(const core::Assignment& a) override {
    files_ = TaskFiles(str(services_.data_dir, "/work", '/', a.fence.run.value), a.fence.task,
                       a.fence.attempt);
    auto spec = make_spec(a);
    if (!spec.ok()) return end(not_begun(spec.error()));
    masker_ = Masker(a.secrets);
    watch();
    key_ = services_.processes->start(std::move(*spec), this);
  }

  void adopt(const HeldProcess& held) override {
    auto state = decode_shell_state(held.state);
    key_ = held.key;
    if (state) state_ = std::move(*state);
    files_ = TaskFiles(state_.run_dir, held.fence.task, held.fence.attempt);
    files_.set_stamp(state_.checkpoint_stamp);
    masker_ = Masker(held.secrets);
    Reader r(held.mark);
    const auto offset = r.varint(), lines = r.varint();
    watch();
    if (r.ok()) events_->resume(offset, lines);
    services_.processes->adopt(key_, this);
  }

  void stop(StopReason reason) override {
    if (key_ != 0 && !ended_) services_.processes->stop(key_, reason, state_.kill_after);
  }

  void recorded() override {
    if (key_ != 0) services_.processes->forget(key_);
    files_.clean(!events_ || events_->offset() > 0);
    files_.clean_input(exited_, *services_.spare_inputs);
  }

  // ProcessEvents
  void launched() override { sink_.started(); }
  void launch_failed(const LaunchError& error) override {
    end(failed_for_good(core::FailureClass::user,
                        describe_launch_error(error, state_.program, state_.cwd)));
  }
  void lines(std::uint64_t first, std::vector<core::LogLine> lines) override {
    for (std::size_t i = 0; i < lines.size() && !notes_.empty(); ++i) {
      if (lines[i].stream == core::Stream::pawl) std::erase(notes_, lines[i].text);
    }
    err_.add(lines, core::Stream::err);
    out_.add(lines, core::Stream::out);
    sink_.lines(first, std::move(lines));
  }
  void exited(const ProcessExit& exit) override {
    exited_ = !exit.unconfirmed;
    for (auto& text : std::exchange(notes_, {}))
      sink_.note(std::move(text));
    read_events(true);
    auto report = report_of(exit);
    std::string bytes;
    if (files_.take_checkpoint(bytes)) {
      report.has_checkpoint = true;
      report.checkpoint = std::move(bytes);
    }
    end(std::move(report));
  }
  void vanished() override {
    key_ = 0;
    sink_.note("the process that carries out tasks is gone, and this task with it");
    core::Report report;
    report.kind = core::ReportKind::lost;
    end(std::move(report));
  }

 private:
  // A disk without room for the task's input is no fault of the task: it waits, like all else here.
  static core::Report not_begun(const Error& error) {
    if (error.code != Errc::disk_full) {
      return failed_for_good(core::FailureClass::user, error.message);
    }
    auto report = failed(core::FailureClass::disk_full, error.message);
    report.try_later = true;
    return report;
  }

  Result<ProcessSpec> make_spec(const core::Assignment& a) {
    TRY(files_.prepare(a, *services_.spare_inputs));
    ProcessSpec spec;
    spec.fence = a.fence;
    spec.argv = TRY(shell_argv(a));
    spec.env = TRY(shell_env(a, files_, services_.program));
    spec.cwd = shell_cwd(a, files_);
    spec.secrets = a.secrets;
    state_ = ShellState{.run_dir = files_.run_dir(),
                        .checkpoint_stamp = files_.stamp(),
                        .program = spec.argv[0],
                        .cwd = spec.cwd,
                        .kill_after = a.def->kill_after,
                        .attempt_timeout = a.def->timeout.attempt,
                        .heartbeat_timeout = a.def->timeout.heartbeat};
    spec.state = encode(state_);
    if (!a.before.empty()) spec.notes.push_back("running the recovery rule's clean-up first");
    return spec;
  }

  void watch() {
    events_.emplace(files_.events());
    watch_ = services_.watcher->watch(files_.run_dir(), files_.events_name(),
                                      [this] { read_events(false); });
  }
  void unwatch() {
    if (watch_ != 0) services_.watcher->unwatch(watch_);
    watch_ = 0;
  }

  void read_events(bool at_end) {
    if (!events_ || ended_) return;
    const auto before = events_->offset();
    auto events = events_->read(at_end);
    if (events_->offset() != before && !at_end) {
      std::string mark;
      Writer w(mark);
      w.varint(events_->offset());
      w.varint(events_->lines());
      services_.processes->mark(key_, mark);
    }
    if (!events.any()) return;
    if (events.failure_class) failure_class_ = events.failure_class;
    if (events.progress) sink_.progress(std::move(*events.progress));
    for (auto& [name, value] : events.metrics)
      sink_.metric(std::move(name), value);
    for (auto& text : events.warnings)
      sink_.warning(masker_.masked(text));
    for (auto& text : events.problems) {
      note(masker_.masked(text), at_end);
    }
    if (events.best_checkpoint) take_best(at_end);
    sink_.alive();
  }

  // The spawner numbers lines while it runs; a note that meets its end there is said here.
  void note(std::string text, bool at_end) {
    if (at_end) return sink_.note(std::move(text));
    services_.processes->note(key_, text);
    notes_.push_back(std::move(text));
  }

  void take_best(bool at_end) {
    auto kept = files_.keep_best();
    if (!kept.ok()) {
      return note(str("cannot keep the best checkpoint: ", kept.error().message), at_end);
    }
    sink_.checkpoint(std::move(*kept), true);
  }

  core::Report report_of(const ProcessExit& exit) {
    if (exit.stopped != StopReason::none) {
      core::Report report;
      report.kind = core::ReportKind::cancelled;
      report.exit_code = exit_code(exit.status);
      report.unconfirmed = exit.unconfirmed;
      return report;
    }
    if (exit.status == 0) return completed();
    const auto& tail = err_.empty() ? out_ : err_;
    const std::string text = tail.text();
    std::string message = describe_status(exit.status);
    if (!text.empty()) {
      message += err_.empty() ? "; last lines of stdout:\n" : "; last lines of stderr:\n";
      message += text;
    }
    auto report =
        failed(failure_class_.value_or(classify({.status = exit.status, .tail = text})), message);
    report.exit_code = exit_code(exit.status);
    report.try_later = report.exit_code == kTryLater;
    report.no_retry = report.exit_code == kNoRetry;
    return report;
  }

  core::Report completed() {
    auto text = files_.output_text();
    if (!text.ok()) return failed(core::FailureClass::user, text.error().message);
    if (!masker_.empty() && masker_.mask(*text)) {
      sink_.warning("PAWL_OUTPUT held the value of a secret; it was replaced by ***");
    }
    auto outputs = TaskFiles::parse_output(*text);
    if (!outputs.ok()) return failed(core::FailureClass::user, outputs.error().message);
    core::Report report;
    report.kind = core::ReportKind::completed;
    report.outputs = std::move(*outputs);
    return report;
  }

  static int exit_code(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  void end(core::Report report) {
    ended_ = true;
    unwatch();
    sink_.done(std::move(report));
  }

  Sink& sink_;
  const Services& services_;
  TaskFiles files_;
  ShellState state_;
  Masker masker_;
  std::optional<EventsFile> events_;
  std::optional<core::FailureClass> failure_class_;
  Tail err_, out_;
  std::vector<std::string> notes_;  // sent to the spawner, not seen in the log yet
  ProcessKey key_ = 0;
  std::uint64_t watch_ = 0;
  bool exited_ = false;  // and all of its group
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Action> make_shell(Sink& sink, const Services& services) {
  return std::make_unique<ShellAction>(sink, services);
}

}  // namespace pawl::actions
