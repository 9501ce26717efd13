#include "core/run_testing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "core/run_json.h"

namespace pawl::core {
namespace {

constexpr WorkerId kWorker{1};

std::shared_ptr<const Plan> plan_of(std::string_view text) {
  auto whole = str("pawl: 1\nname: test\n", text);
  static const std::vector<std::string> kActions = {"train"};
  auto parsed = parse_workflow(whole, "test.yaml", kActions);
  for (const Diagnostic& d : parsed.findings) {
    if (!d.warning || !parsed.workflow) ADD_FAILURE() << render_diagnostic(d, whole);
  }
  PAWL_ASSERT(parsed.workflow);
  return make_plan(WorkflowId(7), 1, parsed.workflow, "/flows", {});
}

}  // namespace

SeenMoves& seen_moves() {
  static SeenMoves seen;
  return seen;
}

void TestStore::commit(Run& run) {
  if (fixed.empty()) fixed = encode_fixed(run);
  if (!run.dirty) return;
  std::string bytes;
  for (TaskId t : run.dirty_cells) {
    if (!run.extras.count(t)) continue;
    bytes.clear();
    encode_cell(run, t, bytes);
    if (!cell_inline(run, bytes)) cells[t] = bytes;
  }
  if (!rows_inline(run)) {
    for (auto n : std::set(run.dirty_segments.begin(), run.dirty_segments.end())) {
      bytes.clear();
      encode_segment(run, n, bytes);
      segments[n] = bytes;
    }
  }
  state.clear();
  encode_state(run, state);
  run.dirty_cells.clear();
  run.dirty_segments.clear();
  run.dirty = false;
}

Result<Run> TestStore::load(const Run& like) const {
  RunParts parts;
  parts.id = like.id;
  parts.version = like.version;
  parts.created = like.created;
  parts.parent = like.parent;
  parts.source = like.source;
  parts.name = like.name;
  parts.job = like.job;
  parts.labels = like.labels;
  parts.fixed = fixed;
  parts.state = state;
  for (const auto& [n, bytes] : segments)
    parts.segments.emplace_back(n, bytes);
  for (const auto& [t, bytes] : cells)
    parts.cells.emplace_back(t, bytes);
  return decode_run(like.plan, parts);
}

TestRun::TestRun(std::string_view text, Json inputs, std::uint64_t seed) : random(seed) {
  prepare();
  SubmitOptions options;
  options.id = RunId(41);
  options.inputs = std::move(inputs);
  auto made = submit(plan_of(text), options, ctx);
  if (!made.ok()) ADD_FAILURE() << made.error().message;
  run = std::move(*made);
  after(false);
}

TestRun::TestRun(TestRun& other, Run made) : run(std::move(made)), clock(other.clock), random(2) {
  prepare();
  for (TaskId t = 0; t < run.task_count(); ++t)
    last_state_[t] = run.rows[t].state;
  last_run_state_ = run.state;
  last_lease_ = other.last_lease_;
  // What decided the making of this run also said what follows from it.
  effects.children = other.effects.children;
  after(true);
}

void TestRun::prepare() {
  ctx.random = &random;
  ctx.effects = &effects;
  ctx.now = clock.now();
  ctx.secret = [](std::string_view name) -> Result<std::string> {
    if (name == "token") return std::string("s3cret");
    return {Errc::not_found, str("there is no secret ", name)};
  };
}

void TestRun::before() {
  ctx.now = clock.now();
  effects = {};
  if (!checks) return;
  before_ = dump_run(run);
  rows_before_ = run.rows;
}

template <typename Command>
Status TestRun::decide_one(const Command& c, bool reopens) {
  before();
  Status s = decide(run, c, ctx);
  if (!s.ok() && checks) {
    EXPECT_EQ(dump_run(run), before_) << "a refusal changed the run";
  }
  after(reopens);
  return s;
}

void TestRun::read_history() {
  auto events = decode_events(run.tail, run.tail_first, run.created);
  ASSERT_TRUE(events.ok()) << events.error().message;
  for (const Event& e : *events) {
    if (!history.empty() && e.seq <= history.back().seq) continue;
    history.push_back(e);
    if (e.kind == EventKind::task_state) {
      auto [it, fresh] = last_state_.try_emplace(e.task, TaskState::pending);
      seen_moves().tasks.insert({it->second, e.task_state});
      it->second = e.task_state;
    } else if (e.kind == EventKind::run_state) {
      seen_moves().runs.insert({last_run_state_, e.run_state});
      last_run_state_ = e.run_state;
    }
  }
  // A tail that is too long becomes a chunk of its own, as in the engine.
  if (run.tail.size() > 1024) {
    run.tail.clear();
    run.tail_first = run.next_seq;
    run.tail_time = run.created;
  }
}

void TestRun::start_children() {
  auto asked = std::move(effects.children);
  effects.children.clear();
  for (auto& c : asked) {
    children.push_back(c);
    ChildStarted started{c.task, RunId(refuse_children ? 0 : next_child_++),
                         refuse_children ? "there is no such workflow" : ""};
    EXPECT_TRUE(decide(run, started, ctx).ok());
  }
}

void TestRun::after(bool reopens) {
  while (!effects.children.empty())
    start_children();
  for (auto& [worker, a] : effects.assignments) {
    EXPECT_GT(a.fence.lease, last_lease_) << a.path;
    last_lease_ = a.fence.lease;
    held_[a.fence.task] = a;
  }
  read_history();
  store.commit(run);
  if (!checks) return;
  check();
  for (TaskId t = 0; t < rows_before_.size() && !reopens; ++t) {
    const TaskRow &was = rows_before_[t], &is = run.rows[t];
    if (!is_final(was.state)) continue;
    // A reopened fan-out learns only when it opens that an element is another one now.
    if (run.is_child(t)) {
      TaskId parent = run.parent_of(t);
      if (rows_before_[parent].state == TaskState::pending) continue;
    }
    EXPECT_TRUE(was.state == is.state && was.reason == is.reason && was.finished == is.finished &&
                was.attempt == is.attempt)
        << run.path(t) << " had ended and changed";
  }
}

void TestRun::check() {
  for (const std::string& finding : check_run(run))
    ADD_FAILURE() << finding << "\n" << states();
  auto loaded = store.load(run);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(dump_run(*loaded), dump_run(run)) << "what is stored is not what is in memory";
}

void TestRun::start() { EXPECT_TRUE(admit().ok()); }
Status TestRun::admit() { return decide_one(Admit{}); }

std::uint32_t TestRun::claim(std::uint32_t max) {
  before();
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < run.lanes.size(); ++i)
    order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return run.plan->lanes[a].priority > run.plan->lanes[b].priority;
  });
  std::uint32_t given = 0;
  for (auto lane : order) {
    if (given < max) given += decide(run, Claim{lane, kWorker, max - given}, ctx);
  }
  EXPECT_EQ(given, effects.assignments.size());
  after(false);
  return given;
}

Report TestRun::report_of(std::string_view path, ReportKind kind) const {
  Report r;
  r.fence = held(path).fence;
  r.kind = kind;
  return r;
}

Status TestRun::report(Report r, WorkerId worker) {
  return decide_one(Complete{worker, std::move(r)});
}

void TestRun::complete(std::string_view path, Json outputs) {
  Report r = report_of(path, ReportKind::completed);
  r.outputs = std::move(outputs);
  Status s = report(std::move(r));
  EXPECT_TRUE(s.ok()) << s.error().message;
}

void TestRun::fail(std::string_view path, FailOptions o) {
  Report r = report_of(path, ReportKind::failed);
  r.failure_class = o.failure_class;
  r.message = o.message;
  r.exit_code = o.exit_code;
  r.no_retry = o.no_retry;
  r.try_later = o.try_later;
  Status s = report(std::move(r));
  EXPECT_TRUE(s.ok()) << s.error().message;
}

void TestRun::release(std::string_view path) {
  EXPECT_TRUE(report(report_of(path, ReportKind::released)).ok());
}

void TestRun::stopped(std::string_view path, bool unconfirmed) {
  Report r = report_of(path, ReportKind::cancelled);
  r.unconfirmed = unconfirmed;
  EXPECT_TRUE(report(std::move(r)).ok());
}

void TestRun::lose(std::string_view path) { EXPECT_TRUE(requeue({{held(path).fence}, true}).ok()); }

Status TestRun::requeue(Requeue r) { return decide_one(r); }
Status TestRun::adopt(Adopt a) { return decide_one(a); }
Status TestRun::pause(std::string by) { return decide_one(Pause{std::move(by)}); }
Status TestRun::resume(std::string by) { return decide_one(Resume_{std::move(by)}); }
Status TestRun::cancel(std::string by) { return decide_one(Cancel{std::move(by)}); }
Status TestRun::retry(std::string task, Json set) {
  return decide_one(Retry{std::move(task), std::move(set), "ann"}, true);
}
Status TestRun::recover(std::string from, Json set) {
  return decide_one(Recover{std::move(from), std::move(set), "ann"}, true);
}
Status TestRun::approve(std::string task, std::string by, Json data) {
  return decide_one(Approve{std::move(task), std::move(data), std::move(by), ""});
}
Status TestRun::reject(std::string task, std::string by, std::string message) {
  return decide_one(Reject{std::move(task), std::move(by), std::move(message)});
}

Status TestRun::end_child(std::string_view path, RunState state, Json outputs, std::string error,
                          Verdict verdict) {
  TaskId t = id(path);
  ChildEnded c{t, extra(path).child, state, verdict, std::move(outputs), std::move(error)};
  return decide_one(c);
}

void TestRun::advance(Duration d) {
  Time end = clock.now() + d;
  while (run.next_wake() <= end) {
    if (run.next_wake() > clock.now()) clock.advance(run.next_wake() - clock.now());
    EXPECT_TRUE(decide_one(Expire{}).ok());
  }
  clock.advance(end - clock.now());
}

void TestRun::work() {
  do {
    for (const std::string& path : holding())
      complete(path);
  } while (claim() > 0);
}

void TestRun::crash() {
  auto loaded = store.load(run);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  run = std::move(*loaded);
}

TaskId TestRun::id(std::string_view path) const {
  auto t = run.find(path);
  if (!t) ADD_FAILURE() << "there is no task " << path;
  PAWL_ASSERT(t);
  return *t;
}

TaskState TestRun::state(std::string_view path) const { return row(path).state; }

const TaskExtra& TestRun::extra(std::string_view path) const {
  static const TaskExtra kNone;
  const TaskExtra* x = run.extra(id(path));
  return x ? *x : kNone;
}

const Assignment& TestRun::held(std::string_view path) const {
  auto it = held_.find(id(path));
  if (it == held_.end()) ADD_FAILURE() << path << " was never claimed";
  PAWL_ASSERT(it != held_.end());
  return it->second;
}

std::vector<std::string> TestRun::holding() const {
  std::vector<std::string> paths;
  for (const auto& [t, a] : held_) {
    const TaskRow& r = run.rows[t];
    if (r.state == TaskState::running && r.lease == a.fence.lease) paths.push_back(run.path(t));
  }
  return paths;
}

std::string TestRun::states() const {
  std::string text;
  for (TaskId t : display_order(run)) {
    text += str(text.empty() ? "" : " ", run.path(t), '=', to_string(run.rows[t].state));
  }
  return text;
}

std::string TestRun::reasons() const {
  std::string text;
  for (TaskId t : display_order(run)) {
    const TaskRow& r = run.rows[t];
    text += str(text.empty() ? "" : " ", run.path(t), '=', to_string(r.state));
    if (r.reason != Reason::none) text += str('(', to_string(r.reason), ')');
  }
  return text;
}

std::string TestRun::run_state() const {
  return str(to_string(run.state),
             run.verdict == Verdict::none ? "" : str('/', to_string(run.verdict)));
}

Why TestRun::why(std::string_view path, const Situation& s) {
  return why_task(run, id(path), s, clock.now());
}
Why TestRun::why_run(const Situation& s) { return core::why_run(run, s, clock.now()); }

}  // namespace pawl::core
