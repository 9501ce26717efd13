#include "core/flow_testing.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace pawl::core {
namespace {

class FlowText {
 public:
  explicit FlowText(Random& random) : random_(random) {}
  std::string whole() {
    std::string text = str("inputs: {list: {default: [1, 2, 3]}}\ntasks: ", tasks(1 + below(6), 0));
    if (below(2)) text += str("\nfinally: ", tasks(1 + below(3), 1));
    if (below(4) == 0) text += "\nconcurrency: {key: all}";
    return text + "\n";
  }

 private:
  std::uint64_t below(std::uint64_t n) { return random_.below(n); }

  std::string tasks(std::uint64_t count, int depth) {
    std::string text = "{";
    for (std::uint64_t i = 0; i < count; ++i) {
      text += str(i ? ", " : "", "t", next_++, ": {");
      std::string needs;
      // Names are unique in the file, so that needs are the tasks just before, in the same group.
      for (std::uint64_t n = 0; n < i; ++n) {
        if (below(3) == 0)
          needs += str(needs.empty() ? "" : ", ", names_.at(names_.size() - i + n));
      }
      names_.push_back(str("t", next_ - 1));
      if (!needs.empty()) text += str("needs: [", needs, "], ");
      text += body(depth) + "}";
    }
    // Names of an inner group are gone where it ends.
    names_.resize(names_.size() - count);
    return text + "}";
  }

  std::string condition() {
    static constexpr const char* kAll[] = {"success()",
                                           "failure()",
                                           "always()",
                                           "none_failed()",
                                           "'false'",
                                           "1 == 1",
                                           "1 / (run.version - 1) > 0"};
    return below(4) ? "" : str("if: ", kAll[below(std::size(kAll))], ", ");
  }

  std::string body(int depth) {
    std::string text = condition();
    if (below(8) == 0) text += "allow_failure: true, ";
    auto kind = below(12);
    if (kind == 0 && depth < 3) return str(text, "tasks: ", tasks(1 + below(3), depth + 1));
    if (below(5) == 0) text += fan_out();
    switch (kind) {
      case 1:
        return text + "action: sleep, with: {for: 5m}";
      case 2:
        return text + "action: gate, with: {question: q}";
      case 3:
        return text + "action: gate, with: {question: q, timeout: 3m, on_timeout: approve}";
      case 4:
        return text + "action: workflow, with: {workflow: o}, retry: {max_attempts: 2}";
      case 5:
        return text + "action: workflow, with: {workflow: o}, timeout: 4m";
      case 6:
        return text + "action: noop, timeout: {queue: 10m}, retry: {max_attempts: 3}";
      case 7:
        return text +
               "action: train, params: {n: 8}, recover: [{on: oom, set: {n: \"${{ params.n / "
               "2 }}\"}}, {on: disk_full, action: pause}]";
      default:
        return text + "action: noop, retry: {max_attempts: " + str(1 + below(3)) + "}";
    }
  }

  std::string fan_out() {
    static constexpr const char* kLists[] = {"[]",
                                             "[a]",
                                             "[a, b, c]",
                                             "\"${{ inputs.list }}\"",
                                             "\"${{ run.name }}\"",
                                             "\"${{ split(run.state + ',x,y', ',') }}\""};
    std::string text = str("for_each: ", kLists[below(std::size(kLists))], ", ");
    if (below(2)) text += str("max_parallel: ", 1 + below(2), ", ");
    return text;
  }

  Random& random_;
  int next_ = 0;
  std::vector<std::string> names_;
};

}  // namespace

std::string random_flow(Random& random) { return FlowText(random).whole(); }

RandomStory::RandomStory(std::uint64_t seed)
    : random_(seed),
      flow_(random_flow(random_)),
      run_(std::make_unique<TestRun>(flow_, Json::object().set("list", Json::array({1, 2, 3})),
                                     seed)) {}

std::vector<std::string> RandomStory::waiting(Executor executor) const {
  std::vector<std::string> paths;
  const Run& run = run_->run;
  for (TaskId t = 0; t < run.task_count(); ++t) {
    if (run.rows[t].state == TaskState::waiting && run.def(t).executor == executor) {
      paths.push_back(run.path(t));
    }
  }
  return paths;
}

void RandomStory::report() {
  auto held = run_->holding();
  if (held.empty()) return;
  const std::string& path = any_of(held);
  static constexpr FailureClass kClasses[] = {FailureClass::user, FailureClass::oom,
                                              FailureClass::auth, FailureClass::disk_full};
  switch (random_.below(10)) {
    case 0:
      return run_->lose(path);
    case 1:
      return run_->release(path);
    case 2:
      return run_->stopped(path, random_.below(2));
    case 3:
      return run_->fail(path, {.exit_code = 75, .try_later = true});
    case 4:
      return run_->fail(path, {.no_retry = true});
    case 5: {
      Report late = run_->report_of(path, ReportKind::completed);
      late.fence.lease += static_cast<Lease>(random_.below(2) + 1);
      EXPECT_EQ(run_->report(late).error().code, Errc::stale_attempt);
      return;
    }
    case 6:
    case 7:
      return run_->fail(path, {.failure_class = kClasses[random_.below(4)]});
    default: {
      Report done = run_->report_of(path, ReportKind::completed);
      done.outputs =
          Json::object().set("rows", 1).set("text", std::string(random_.below(400), 'x'));
      if (random_.below(5) == 0) done.warnings = {"careful"};
      if (random_.below(3) == 0) done.has_checkpoint = true, done.checkpoint = "bytes";
      EXPECT_TRUE(run_->report(done).ok());
    }
  }
}

void RandomStory::decide_gate() {
  auto gates = waiting(Executor::gate);
  if (gates.empty()) return;
  const std::string& path = any_of(gates);
  EXPECT_TRUE((random_.below(4) ? run_->approve(path) : run_->reject(path)).ok());
}

void RandomStory::end_child() {
  auto children = waiting(Executor::workflow);
  if (children.empty()) return;
  static constexpr RunState kEnds[] = {RunState::completed, RunState::completed, RunState::failed,
                                       RunState::cancelled};
  EXPECT_TRUE(run_->end_child(any_of(children), kEnds[random_.below(4)], Json::object()).ok());
}

// People may ask for what is refused: then nothing changes, which TestRun checks.
void RandomStory::person() {
  switch (random_.below(8)) {
    case 0:
    case 1:
      (void)run_->pause();
      return;
    case 2:
    case 3:
    case 4:
      (void)run_->resume();
      return;
    case 5:
      if (random_.below(3) == 0 && run_->cancel().ok()) ++cancels_;
      return;
    default:
      if (is_final(run_->run.state)) return;  // reopen() does that
      if (run_->retry().ok()) cancels_ = 0;
  }
}

void RandomStory::step() {
  if (!run_->run.admitted && random_.below(3) == 0) (void)run_->admit();
  switch (random_.below(12)) {
    case 0:
    case 1:
    case 2:
      run_->claim(1 + static_cast<std::uint32_t>(random_.below(3)));
      return;
    case 3:
      return run_->advance(std::chrono::seconds(random_.below(300)));
    case 4:
      return decide_gate();
    case 5:
      return end_child();
    case 6:
      return person();
    case 7:
      return run_->crash();
    default:
      return report();
  }
}

void RandomStory::finish() {
  for (int i = 0; i < 1000 && !is_final(run_->run.state); ++i) {
    if (!run_->run.admitted) (void)run_->admit();
    if (run_->run.state == RunState::paused) {
      EXPECT_TRUE(run_->resume().ok());
    }
    run_->work();
    for (const auto& path : waiting(Executor::gate))
      EXPECT_TRUE(run_->approve(path).ok());
    auto children = waiting(Executor::workflow);
    for (const auto& path : children) {
      if (run_->state(path) != TaskState::waiting) continue;
      EXPECT_TRUE(run_->end_child(path, RunState::completed, Json::object()).ok());
    }
    run_->advance(std::chrono::minutes(10));
  }
  EXPECT_TRUE(is_final(run_->run.state)) << "the run does not end: " << run_->reasons();
}

void RandomStory::reopen() {
  auto count = run_->run.task_count();
  std::string from;
  do {
    from = run_->run.path(static_cast<TaskId>(random_.below(count)));
  } while (!run_->run.find(from));
  cancels_ = 0;
  if (run_->run.state != RunState::completed) {
    EXPECT_TRUE((random_.below(2) ? run_->retry() : run_->recover(from)).ok()) << from;
    return;
  }
  run_->ctx.now = run_->clock.now();
  run_->effects = {};
  auto made = recover_as_new(run_->run, {from, {}, ""}, RunId(next_id_++), {}, run_->ctx);
  ASSERT_TRUE(made.ok()) << made.error().message;
  run_ = std::make_unique<TestRun>(*run_, std::move(*made));
}

}  // namespace pawl::core
