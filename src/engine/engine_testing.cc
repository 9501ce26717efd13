#include "engine/engine_testing.h"

#include <algorithm>

#include "base/sha256.h"
#include "base/text.h"
#include "engine/run_io.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::engine {
namespace {

AttemptKey key_of(const core::Fence& f) { return {f.run, f.task, f.attempt}; }

std::string name_of(const core::Fence& f) {
  return str("run ", f.run.value, " task ", f.task, " attempt ", f.attempt, " lease ", f.lease);
}

// Callers in a test wait so long in virtual time; beyond it the engine hangs.
constexpr int kPatience = 2000;

}  // namespace

// -- ScriptedWorker

ScriptedWorker::ScriptedWorker(Bed& bed, core::WorkerInfo info, std::uint32_t n)
    : slots(n), bed_(bed), info_(std::move(info)) {}

void ScriptedWorker::join(std::vector<core::Fence> fences) {
  id = WorkerId(bed_.next_worker_++);
  present = true;
  auto busy = static_cast<std::uint32_t>(held_.size());
  // The link is the bed's; the engine may outlive neither.
  std::shared_ptr<core::WorkerLink> link(this, [](core::WorkerLink*) {});
  bed_.inbox_.push_back({JoinWorker{id, info_, link, std::move(fences)}, {}});
  credits = 0;
  if (slots > busy) offer(slots - busy);
}

void ScriptedWorker::offer(std::uint32_t n) {
  credits = n == 0 ? 0 : credits + n;
  bed_.inbox_.push_back({OfferSlots{id, n}, {}});
}

std::vector<core::Fence> ScriptedWorker::held() const {
  std::vector<core::Fence> fences;
  for (const auto& h : held_)
    fences.push_back(h.a.fence);
  return fences;
}

std::vector<std::string> ScriptedWorker::paths() const {
  std::vector<std::string> paths;
  for (const auto& h : held_)
    paths.push_back(h.a.path);
  return paths;
}

const core::Assignment* ScriptedWorker::holds(RunId run, std::string_view path) const {
  for (const auto& h : held_) {
    if (h.a.fence.run == run && h.a.path == path) return &h.a;
  }
  return nullptr;
}

core::Report ScriptedWorker::final_report(RunId run, std::string_view path,
                                          core::ReportKind kind) const {
  const core::Assignment* a = holds(run, path);
  if (!a) bed_.ledger.problems.push_back(str("a test reports ", path, ", which nobody holds"));
  PAWL_ASSERT(a);
  core::Report r;
  r.fence = a->fence;
  r.kind = kind;
  r.receipt = true;
  return r;
}

void ScriptedWorker::report(core::Report r, bool again) {
  bool last = r.kind >= core::ReportKind::completed;
  if (last) {
    std::erase_if(held_, [&](const Held& h) { return h.a.fence == r.fence; });
    if (r.kind == core::ReportKind::completed) bed_.ledger.work[key_of(r.fence)].completed = true;
    unrecorded_.push_back(r);
  }
  TakeReports t{id, {}, last && again ? 1u : 0u};
  t.reports.push_back(std::move(r));
  credits += t.slots;
  bed_.inbox_.push_back({std::move(t), {}});
}

void ScriptedWorker::complete(RunId run, std::string_view path, Json outputs) {
  auto r = final_report(run, path, core::ReportKind::completed);
  r.outputs = std::move(outputs);
  report(std::move(r));
}

void ScriptedWorker::fail(RunId run, std::string_view path, core::FailureClass c, bool no_retry) {
  auto r = final_report(run, path, core::ReportKind::failed);
  r.failure_class = c;
  r.message = "it failed";
  r.no_retry = no_retry;
  report(std::move(r));
}

void ScriptedWorker::release(RunId run, std::string_view path) {
  report(final_report(run, path, core::ReportKind::released));
}

void ScriptedWorker::confirm_cancel(RunId run, std::string_view path) {
  report(final_report(run, path, core::ReportKind::cancelled));
}

void ScriptedWorker::complete_all() {
  while (!held_.empty()) {
    auto f = held_.front().a.fence;
    complete(f.run, std::string(held_.front().a.path));
  }
}

void ScriptedWorker::leave() {
  present = false;
  credits = 0;
  bed_.inbox_.push_back({LeaveWorker{id}, {}});
}

void ScriptedWorker::assign(std::vector<core::Assignment> batch) {
  auto& problems = bed_.ledger.problems;
  if (batch.size() > credits) {
    problems.push_back(
        str("worker ", id.value, " was given ", batch.size(), " with ", credits, " slots offered"));
  }
  credits -= std::min<std::uint32_t>(credits, static_cast<std::uint32_t>(batch.size()));
  for (auto& a : batch) {
    auto& work = bed_.ledger.work[key_of(a.fence)];
    if (work.given++ > 0) problems.push_back(str(name_of(a.fence), " was given out twice"));
    work.fence = a.fence;
    work.path = a.path;
    auto row = bed_.stored(a.fence.run);
    if (!row || a.fence.task >= row->task_count() ||
        row->rows[a.fence.task].attempt < a.fence.attempt) {
      problems.push_back(str(name_of(a.fence), " was given out before it was committed"));
    }
    held_.push_back({std::move(a)});
  }
}

void ScriptedWorker::cancel(const core::Fence& fence) {
  ++bed_.ledger.cancels;
  cancelled.push_back(fence);
}

void ScriptedWorker::refused(const core::Fence& fence) {
  ++bed_.ledger.refusals;
  refusals.push_back(fence);
  std::erase_if(unrecorded_, [&](const core::Report& r) { return r.fence == fence; });
  // What it still holds it gives up, and offers the slot again.
  if (std::erase_if(held_, [&](const Held& h) { return h.a.fence == fence; }) > 0 && present) {
    offer(1);
  }
}

void ScriptedWorker::recorded(std::vector<core::Fence> fences) {
  for (const auto& f : fences) {
    receipts.push_back(f);
    bed_.ledger.work[key_of(f)].recorded = true;
    std::erase_if(unrecorded_, [&](const core::Report& r) { return r.fence == f; });
  }
}

// -- Bed

Bed::Bed(BedOptions options) : options_(std::move(options)) {
  if (options_.sqlite) {
    directory_ = std::make_unique<TempDir>();
    store::SqliteOptions s;
    s.directory = directory_->path();
    s.owner = "{\"what\": \"test\"}";
    auto opened = store::open_sqlite(s);
    PAWL_ASSERT(opened.ok());
    store_ = std::move(*opened);
  } else {
    store_ = store::open_memory();
  }
  faulty_ = std::make_unique<FaultyStore>(*store_);
  options_.engine.store = faulty_.get();
  options_.engine.clock = &clock;
  start();
}

Bed::~Bed() = default;

void Bed::start() {
  loop_ = std::make_unique<Loop>(options_.engine, clock, options_.seed + crashes_);
  Status started = loop_->start();
  for (int i = 0; !started.ok() && i < 100; ++i) {  // as a supervisor would
    loop_ = std::make_unique<Loop>(options_.engine, clock, options_.seed + crashes_);
    started = loop_->start();
  }
  PAWL_ASSERT(started.ok());
  auto next = store_->meta("next_worker");
  PAWL_ASSERT(next.ok());
  if (*next) next_worker_ = static_cast<std::uint32_t>(std::stoul(**next));
}

void Bed::crash(bool outlive) {
  ++crashes_;
  loop_.reset();
  inbox_.clear();
  flight_.reset();
  outcome_.reset();
  next_worker_ = 1;
  start();
  for (auto& w : workers_) {
    if (!w->present) continue;
    if (!outlive) {
      w->held_.clear();
      w->unrecorded_.clear();
    }
    // What it finished without a receipt it holds still, and reports again.
    auto fences = w->held();
    auto again = std::move(w->unrecorded_);
    w->unrecorded_.clear();
    for (const auto& r : again)
      fences.push_back(r.fence);
    w->join(std::move(fences));
    for (auto& r : again)
      w->report(r, false);
  }
}

void Bed::crash_at(std::uint64_t boundary, bool outlive) {
  crash_at_ = boundaries_ + boundary;
  outlive_ = outlive;
}

bool Bed::boundary() {
  if (++boundaries_ != crash_at_) return true;
  crash(outlive_);
  return false;
}

bool Bed::decide() {
  auto requests = std::move(inbox_);
  inbox_.clear();
  loop_->decide(requests);
  return boundary();
}

bool Bed::take() {
  if (flight_) return true;
  flight_ = loop_->take_flight();
  return boundary();
}

bool Bed::commit() {
  if (!flight_ || outcome_) return true;
  outcome_ = flight_->batch.empty() ? Status{} : faulty_->commit(flight_->batch);
  return boundary();
}

bool Bed::land() {
  if (!outcome_) return true;
  Status outcome = *outcome_;
  outcome_.reset();
  loop_->settle(std::move(flight_), outcome);
  return boundary();
}

bool Bed::step() { return decide() && take() && commit() && land(); }

void Bed::settle() {
  for (int i = 0; i < kPatience; ++i) {
    auto crashes = crashes_;
    decide();
    if (crashes == crashes_) take();
    bool flew = flight_ != nullptr;
    if (crashes == crashes_) commit();
    if (crashes == crashes_) land();
    if (crashes != crashes_ || flew || !inbox_.empty() || loop_->scanning()) continue;
    if (loop_->stalled()) return;
    return;
  }
  PAWL_ASSERT(!"the engine never comes to rest");
}

void Bed::advance(Duration d) {
  clock.advance(d);
  settle();
}

bool Bed::wake() {
  Time wake = loop_->next_wake();
  if (wake == kNever) return false;
  auto wait = wake - clock.now();
  if (wait.count() > 0) clock.advance(wait);
  settle();
  return true;
}

Bed::Answer Bed::post(decltype(Request::body) body) {
  auto answer = std::make_shared<std::optional<Result<RunId>>>();
  auto* problems = &ledger.problems;
  inbox_.push_back({std::move(body), [answer, problems](Result<RunId> r) {
                      if (answer->has_value()) problems->push_back("a caller was answered twice");
                      *answer = std::move(r);
                    }});
  return answer;
}

Result<RunId> Bed::ask(decltype(Request::body) body) {
  auto answer = post(std::move(body));
  settle();
  for (int i = 0; !answer->has_value() && i < 50; ++i)
    wake();
  PAWL_ASSERT(answer->has_value());
  return **answer;
}

Bed::Answer Bed::post_submit(SubmitRequest request) {
  auto plan = loop_->plan(request.workflow);
  PAWL_ASSERT(plan.ok());
  auto inputs = core::check_inputs(*(*plan)->workflow,
                                   request.inputs.is_null() ? Json::object() : request.inputs);
  PAWL_ASSERT(inputs.ok());
  return post(SubmitRun{std::move(request), *plan, std::move(*inputs)});
}

RunId Bed::submit(WorkflowId workflow, Json inputs, std::int32_t priority) {
  SubmitRequest q;
  q.workflow = workflow;
  q.inputs = std::move(inputs);
  q.priority = priority;
  auto answer = post_submit(std::move(q));
  settle();
  PAWL_ASSERT(answer->has_value() && (**answer).ok());
  return ***answer;
}

std::shared_ptr<std::optional<Result<WorkflowId>>> Bed::post_define(
    const std::string& text, std::vector<std::pair<std::string, WorkflowId>> children) {
  auto parsed = core::parse_workflow(text, "w.yaml");
  for (const auto& f : parsed.findings) {
    if (!f.warning) std::fputs(core::render_diagnostic(f, text).c_str(), stderr);
  }
  PAWL_ASSERT(parsed.workflow);
  RegisterWorkflow r;
  r.row.name = parsed.workflow->name;
  r.row.text = text;
  r.row.file = "w.yaml";
  Json links = Json::object();
  for (const auto& [file, id] : children)
    links.set(file, id.value);
  r.row.links = links.dump();
  r.row.hash = sha256_hex(str(text, r.row.links));
  r.workflow = parsed.workflow;
  r.children = std::move(children);
  auto answer = std::make_shared<std::optional<Result<WorkflowId>>>();
  r.registered = [answer](Result<WorkflowId> id) { *answer = std::move(id); };
  inbox_.push_back({std::move(r), {}});
  return answer;
}

WorkflowId Bed::define(const std::string& text,
                       std::vector<std::pair<std::string, WorkflowId>> children) {
  auto answer = post_define(text, std::move(children));
  settle();
  PAWL_ASSERT(answer->has_value() && (**answer).ok());
  return ***answer;
}

WorkerId Bed::Port::join(core::WorkerInfo info, std::shared_ptr<core::WorkerLink> link,
                         std::vector<core::Fence> held) {
  WorkerId id(bed.next_worker_++);
  bed.inbox_.push_back({JoinWorker{id, std::move(info), std::move(link), std::move(held)}, {}});
  return id;
}
void Bed::Port::offer(WorkerId worker, std::uint32_t slots) {
  bed.inbox_.push_back({OfferSlots{worker, slots}, {}});
}
void Bed::Port::report(WorkerId worker, std::vector<core::Report> reports, std::uint32_t slots) {
  for (const auto& r : reports)
    if (r.kind == core::ReportKind::completed) bed.ledger.work[key_of(r.fence)].completed = true;
  bed.inbox_.push_back({TakeReports{worker, std::move(reports), slots}, {}});
}
void Bed::Port::log(WorkerId, core::LogBatch lines) {
  bed.inbox_.push_back({TakeLog{std::move(lines)}, {}});
}
void Bed::Port::leave(WorkerId worker) { bed.inbox_.push_back({LeaveWorker{worker}, {}}); }

ScriptedWorker& Bed::worker(std::uint32_t slots, std::vector<std::string> queues) {
  core::WorkerInfo info;
  info.name = str("w", workers_.size());
  info.queues = std::move(queues);
  workers_.push_back(std::make_unique<ScriptedWorker>(*this, std::move(info), slots));
  workers_.back()->join({});
  settle();
  return *workers_.back();
}

}  // namespace pawl::engine
