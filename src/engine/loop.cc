#include "engine/loop.h"

#include <algorithm>

#include "base/failpoint.h"
#include "base/mutant.h"
#include "base/sha256.h"
#include "base/text.h"
#include "engine/run_io.h"

namespace pawl::engine {
namespace {

// A run may start runs, which may start runs; beyond this it is a loop.
constexpr int kMaxDepth = 16;

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

void Flight::clear() {
  batch.runs.clear();
  batch.workflows.clear();
  batch.keys.clear();
  batch.logs.clear();
  batch.meta.clear();
  effects.assignments.clear();
  effects.cancels.clear();
  effects.refused.clear();
  touched.clear();
  answers.clear();
  calls.clear();
  outcomes.clear();
  replay.clear();
  receipts.clear();
  adopted.clear();
  ends.clear();
  events.clear();
  logs.clear();
  progress.clear();
  commands = 0;
}

Loop::Loop(const Options& options, const Clock& clock, std::uint64_t seed)
    : options_(options),
      clock_(clock),
      random_(Random::stream(seed, "loop")),
      store_(*options.store),
      open_(std::make_unique<Flight>()),
      resources_(options.resources, options.default_resource) {
  ctx_.random = &random_;
  ctx_.limits = options_.limits;
  ctx_.secret = options_.secret;
  ctx_.payload = [this](RunId run, const std::string& hash) { return payload(run, hash); };
}

void Loop::decide(std::vector<Request>& requests) {
  ctx_.now = clock_.now();
  if (stalled_) {  // a caller who waits is reason enough to try
    bool asked = std::any_of(requests.begin(), requests.end(),
                             [](const Request& r) { return r.done != nullptr; });
    if (asked || clock_.mono() >= stalled_until_) try_again();
  }
  take_all(requests);
  requests.clear();
  if (stalled_) return;
  if (scanning_) scan_step();
  end_reunion();
  expire_due();
  dispatch();
  evict();
}

void Loop::take_all(std::vector<Request>& requests) {
  for (Request& r : requests) {
    if (auto* join = std::get_if<JoinWorker>(&r.body); join && !stalled_) {
      if (!PAWL_MUTANT(joins_one_by_one)) meet(*join);
    }
  }
  for (Request& r : requests)
    stalled_ ? postpone(r) : take(r);
}

void Loop::take(Request& request) {
  ++open_->commands;
  ++stats_.commands;
  std::visit(Overloaded{
                 [&](SubmitRun& s) { take_submit(s, std::move(request.done)); },
                 [&](CommandRun& c) { take_command(c, std::move(request.done)); },
                 [&](RecoverRun& r) { take_recover(r, std::move(request.done)); },
                 [&](RegisterWorkflow& r) { take_register(r); },
                 [&](JoinWorker& j) { take_join(j); },
                 [&](OfferSlots& o) {
                   if (auto w = workers_.find(o.worker); w != workers_.end()) {
                     w->second.credits = o.slots == 0 ? 0 : w->second.credits + o.slots;
                   }
                 },
                 [&](TakeReports& r) { take_reports(r); },
                 [&](TakeLog& l) {
                   store::LogChunk chunk{l.lines.fence.run, l.lines.fence.task,
                                         l.lines.fence.attempt, l.lines.first_line, l.lines.lines};
                   open_->batch.logs.push_back(std::move(chunk));
                   if (!subscriptions_.empty()) open_->logs.push_back(std::move(l.lines));
                 },
                 [&](LeaveWorker& l) { take_leave(l); },
                 [&](InspectRun& r) { take_inspect(r, std::move(request.done)); },
                 [&](CallLoop& c) { c.call(*this); },
             },
             request.body);
  drain_followups();
}

void Loop::answer(Done done, Result<RunId> result) {
  if (done && PAWL_MUTANT(answer_before_commit)) return done(std::move(result));
  if (done) open_->answers.emplace_back(std::move(done), std::move(result));
}

void Loop::touch(Entry& entry) {
  if (!entry.run->dirty) return;
  if (!entry.touched) {
    entry.touched = true;
    ++entry.pins;
    open_->touched.push_back(entry.run->id);
  }
}

Result<RunId> Loop::create(core::Run run) {
  RunId id = run.id;
  Entry& entry = entries_[id];
  entry.run = std::make_unique<core::Run>(std::move(run));
  entry.run->dirty = true;
  entry.fresh = true;
  Status admitted = admit_or_wait(entry);
  if (!admitted.ok()) {
    entries_.erase(id);
    return admitted.error();
  }
  admit_to_cache(entry);
  after(entry);
  return id;
}

// Starts the run, or lets it wait for its concurrency key.
Status Loop::admit_or_wait(Entry& entry) {
  core::Run& run = *entry.run;
  if (run.admitted) return {};  // recovered: it goes on
  if (!run.workflow().concurrency) return core::decide(run, core::Admit{}, ctx_);
  Keys::State& key = keys_.at(run);
  auto limit = key.limit;
  if (key.holders.size() == limit && PAWL_MUTANT(limit_off_by_one)) ++limit;
  if (key.holders.size() >= limit || !key.waiting.empty()) {
    switch (run.workflow().concurrency->on_conflict) {
      case core::OnConflict::reject:
        return {Errc::conflict,
                str("run ", key.holders.empty() ? key.waiting.front().value : key.holders[0].value,
                    " of ", run.workflow().name, " holds the concurrency key \"", run.key,
                    "\" and the workflow says on_conflict: reject")};
      case core::OnConflict::cancel_older: {
        auto older = key.holders;
        for (RunId w : key.waiting)
          older.push_back(w);
        std::sort(older.begin(), older.end());
        // The newest that fit beside this one go on.
        older.resize(older.size() - std::min<std::size_t>(older.size(), key.limit - 1));
        for (RunId id : older) {
          followups_.push_back([this, id, by = run.id] {
            auto e = need(id);
            if (!e.ok() || is_final((*e)->run->state) || (*e)->run->cancelling) return;
            if (core::decide(*(*e)->run, core::Cancel{str("run ", by.value)}, ctx_).ok())
              after(**e);
          });
        }
        [[fallthrough]];
      }
      case core::OnConflict::queue:
        keys_.wait(run);
        give_key(Keys::name_of(run));  // a newer version may have raised the limit
        return {};
    }
  }
  keys_.hold(run);
  return core::decide(run, core::Admit{}, ctx_);
}

void Loop::take_submit(SubmitRun& s, Done done) {
  SubmitRequest& q = s.request;
  std::string fingerprint;
  if (!q.idempotency_key.empty()) {
    fingerprint = sha256_hex(str(q.workflow.value, "\n", s.inputs.dump(), "\n", q.job));
    KeyInFlight known;
    auto it = keys_in_flight_.find(q.idempotency_key);
    if (it != keys_in_flight_.end() && !PAWL_MUTANT(key_forgotten_in_flight)) {
      known = it->second;
    } else {
      auto row = store_.find_key(q.idempotency_key);
      if (!row.ok()) return answer(std::move(done), row.error());
      if (*row) known = {(*row)->run, (*row)->fingerprint};
    }
    if (known.run && PAWL_MUTANT(key_fingerprint_ignored)) known.fingerprint = fingerprint;
    if (known.run && known.fingerprint == fingerprint) return answer(std::move(done), known.run);
    if (known.run) {
      return answer(std::move(done),
                    Error{Errc::conflict,
                          str("the idempotency key \"", q.idempotency_key, "\" was used for run ",
                              known.run.value, " with another workflow or other inputs")});
    }
  }
  ctx_.effects = &open_->effects;
  core::SubmitOptions o;
  o.id = RunId(last_run_.value + 1);
  o.inputs = std::move(s.inputs);
  o.name = std::move(q.name);
  o.job = std::move(q.job);
  o.labels = q.labels.is_object() ? q.labels.dump() : "";
  o.priority = q.priority;
  auto run = core::submit(std::move(s.plan), o, ctx_);
  if (!run.ok()) return answer(std::move(done), run.error());
  if (!q.hold.empty()) {
    auto held = core::decide(*run, core::Pause{q.hold}, ctx_);
    PAWL_ASSERT(held.ok());
  }
  last_run_ = o.id;
  auto created = create(std::move(*run));
  if (created.ok() && !q.idempotency_key.empty()) {
    keys_in_flight_[q.idempotency_key] = {o.id, fingerprint};
    if (!PAWL_MUTANT(key_not_stored)) {
      open_->batch.keys.push_back({q.idempotency_key, o.id, fingerprint, ctx_.now});
    }
  }
  answer(std::move(done), created);
  drain_followups();
}

Result<RunId> Loop::submit_child(const core::Run& parent, const core::Effects::StartChild& child) {
  int depth = 1;
  for (RunId up = parent.parent; up; ++depth) {
    RunId next;
    Status seen = look(up, [&](const core::Run& run) { next = run.parent; });
    if (!seen.ok() || depth > kMaxDepth) break;
    up = next;
  }
  if (depth > kMaxDepth) {
    return {Errc::too_large, str("workflows start each other more than ", kMaxDepth, " deep")};
  }
  WorkflowId id;
  if (!child.file.empty()) {
    for (const auto& [file, known] : parent.plan->children) {
      if (file == child.file) id = known;
    }
    if (!id) return {Errc::not_found, str("the file ", child.file, " was not registered with it")};
  } else {
    auto found = store_.find_workflow(child.workflow, 0);
    if (!found.ok()) {
      doom(found.error());
      return found.error();
    }
    const auto& row = *found;
    if (!row) {
      return {Errc::not_found, str("there is no workflow \"", child.workflow,
                                   "\" here; register it, or name its file: with: {file: ...}")};
    }
    id = row->id;
  }
  auto known = plan(id);
  if (!known.ok() && known.error().code != Errc::newer_version) doom(known.error());
  auto child_plan = TRY(std::move(known));
  core::SubmitOptions o;
  o.inputs = TRY(core::check_inputs(*child_plan->workflow, child.inputs));
  o.id = RunId(last_run_.value + 1);
  o.parent = parent.id;
  o.parent_task = child.task;
  o.priority = parent.priority;
  auto run = TRY(core::submit(child_plan, o, ctx_));
  last_run_ = o.id;
  return create(std::move(run));
}

void Loop::take_command(CommandRun& c, Done done) {
  auto e = load(c.run);
  if (!e.ok()) return answer(std::move(done), e.error());
  core::Run& run = *(*e)->run;
  ctx_.effects = &open_->effects;
  bool was_final = is_final(run.state);
  Status refusal;
  if (std::holds_alternative<core::Retry>(c.command) && was_final && !reacquire_key(run, refusal)) {
    return answer(std::move(done), refusal.error());
  }
  Status s = std::visit([&](auto& command) { return core::decide(run, command, ctx_); }, c.command);
  if (!s.ok()) return answer(std::move(done), s.error());
  if (was_final && !is_final(run.state) && !run.key.empty()) keys_.hold(run);
  after(**e);
  answer(std::move(done), c.run);
  drain_followups();
}

bool Loop::reacquire_key(const core::Run& run, Status& refusal) {
  if (run.key.empty() || PAWL_MUTANT(limit_ignored_on_retry)) return true;
  const Keys::State* key = keys_.find(run);
  if (!key || key->holders.size() < key->limit) return true;
  refusal = {Errc::conflict,
             str("run ", key->holders[0].value, " holds the concurrency key \"", run.key,
                 "\" that run ", run.id.value, " needs; wait for its end")};
  return false;
}

// Large outputs are kept by run, and retention may remove this one first: what is made of it brings
// its own.
Status Loop::bring_payloads(core::Run& run) {
  for (auto& [task, x] : run.extras) {
    if (x.output_hash.empty()) continue;
    x.output = TRY(payload(run.id, x.output_hash));
    x.output_hash.clear();
  }
  return {};
}

void Loop::take_recover(RecoverRun& r, Done done) {
  auto e = load(r.run);
  if (!e.ok()) return answer(std::move(done), e.error());
  core::Run& run = *(*e)->run;
  ctx_.effects = &open_->effects;
  Status refusal;
  if (!r.inputs.is_null() || run.state == core::RunState::completed) {
    if (!is_final(run.state)) {
      return answer(std::move(done),
                    Error{Errc::conflict, str("run ", run.id.value, " is ", to_string(run.state))});
    }
    Json inputs = r.inputs;
    if (!inputs.is_null()) {
      auto checked = core::check_inputs(run.workflow(), inputs);
      if (!checked.ok()) return answer(std::move(done), checked.error());
      inputs = *checked;
    }
    core::Run whole = run;
    if (auto s = bring_payloads(whole); !s.ok()) return answer(std::move(done), s.error());
    auto fresh =
        core::recover_as_new(std::move(whole), r.command, RunId(last_run_.value + 1), inputs, ctx_);
    if (!fresh.ok()) return answer(std::move(done), fresh.error());
    if (!reacquire_key(*fresh, refusal)) {
      // They would be started by the next run that is decided.
      if (!PAWL_MUTANT(refused_recover_starts)) open_->effects.children.clear();
      return answer(std::move(done), refusal.error());
    }
    last_run_ = fresh->id;
    if (!fresh->key.empty()) keys_.hold(*fresh);
    answer(std::move(done), create(std::move(*fresh)));
    return drain_followups();
  }
  if (is_final(run.state) && !reacquire_key(run, refusal)) {
    return answer(std::move(done), refusal.error());
  }
  Status s = core::decide(run, r.command, ctx_);
  if (!s.ok()) return answer(std::move(done), s.error());
  if (!run.key.empty()) keys_.hold(run);
  after(**e);
  answer(std::move(done), r.run);
  drain_followups();
}

void Loop::take_register(RegisterWorkflow& r) {
  auto in_flight = workflows_in_flight_.find(r.row.name);
  auto known = in_flight != workflows_in_flight_.end()
                   ? Result<std::optional<store::WorkflowRow>>(std::optional(in_flight->second))
                   : store_.find_workflow(r.row.name, 0);
  if (!known.ok()) {
    open_->calls.push_back([f = std::move(r.registered), error = known.error()] { f(error); });
    return;
  }
  auto tell = [&](WorkflowId id) {
    open_->outcomes.push_back(
        [f = std::move(r.registered), id](const Status& s) { s.ok() ? f(id) : f(s.error()); });
  };
  if (*known && (*known)->hash == r.row.hash) return tell((*known)->id);
  last_workflow_ = WorkflowId(last_workflow_.value + 1);
  r.row.id = last_workflow_;
  r.row.version = *known ? (*known)->version + 1 : 1;
  r.row.created = ctx_.now;
  plans_[r.row.id] = core::make_plan(r.row.id, r.row.version, r.workflow, r.base_dir, r.children);
  tell(r.row.id);
  workflows_in_flight_[r.row.name] = r.row;
  open_->batch.workflows.push_back(std::move(r.row));
}

void Loop::take_inspect(InspectRun& r, Done done) {
  Status seen = look(r.run, r.read);
  answer(std::move(done), seen.ok() ? Result<RunId>(r.run) : Result<RunId>(seen.error()));
}

void Loop::after(Entry& entry) {
  core::Run& run = *entry.run;
  touch(entry);
  auto& effects = open_->effects;
  if (!effects.children.empty()) {
    auto children = std::move(effects.children);
    effects.children.clear();
    if (PAWL_MUTANT(child_started_twice)) children.push_back(children.front());
    for (auto& child : children) {
      followups_.push_back(
          [this, id = run.id, child = std::move(child)] { start_child(id, child); });
    }
  }
  if (!effects.cancel_children.empty()) {
    auto cancels = std::move(effects.cancel_children);
    effects.cancel_children.clear();
    for (RunId id : cancels) {
      followups_.push_back([this, id, by = run.id] {
        auto child = need(id);
        if (!child.ok() || is_final((*child)->run->state)) return;
        if (core::decide(*(*child)->run, core::Cancel{str("run ", by.value)}, ctx_).ok()) {
          after(**child);
        }
      });
    }
  }
  count_resources(entry);
  if (is_final(run.state)) {
    if (entry.touched) ended(entry);
    return;
  }
  arm(entry);
  list_lanes(entry);
}

void Loop::ended(Entry& entry) {
  core::Run& run = *entry.run;
  entry.armed = kNever;
  if (!run.key.empty()) {
    keys_.release(Keys::name_of(run), run.id);
    bool cancelled = run.state == core::RunState::cancelled;
    if (!cancelled || !PAWL_MUTANT(key_not_given_on)) give_key(Keys::name_of(run));
  }
  if (run.parent) {
    core::ChildEnded c{run.parent_task, run.id, run.state, run.verdict, run.outputs, run.error};
    followups_.push_back([this, id = run.parent, c = std::move(c)] {
      auto p = need(id);
      if (!p.ok()) return;
      if (core::decide(*(*p)->run, c, ctx_).ok()) after(**p);
    });
  }
  if (auto it = end_calls_.find(run.id); it != end_calls_.end()) {
    for (auto& call : it->second)
      open_->ends.emplace_back(run.id, std::move(call));
    end_calls_.erase(it);
  }
}

// As many as there is room for, oldest first.
void Loop::give_key(const std::string& name) {
  if (!keys_.next(name)) return;
  followups_.push_back([this, name] {
    while (auto id = keys_.next(name)) {
      auto e = need(*id);
      if (!doomed_.ok()) return;
      if (!e.ok() || (*e)->run->admitted || is_final((*e)->run->state)) {
        keys_.release(name, *id);
        continue;
      }
      keys_.hold(*(*e)->run);
      if (core::decide(*(*e)->run, core::Admit{}, ctx_).ok()) after(**e);
    }
  });
}

void Loop::give_keys() {
  for (const auto& name : keys_.names())
    give_key(name);
  drain_followups();
}

void Loop::start_child(RunId id, const core::Effects::StartChild& child) {
  auto parent = need(id);
  if (!parent.ok()) return;
  core::Run& p = *(*parent)->run;
  if (p.rows[child.task].state != core::TaskState::waiting) return;
  auto started = submit_child(p, child);
  if (!doomed_.ok()) return;  // the store's trouble is not the task's failure
  core::ChildStarted c{child.task, started.ok() ? *started : RunId{},
                       started.ok() ? std::string() : started.error().message};
  if (core::decide(p, c, ctx_).ok()) after(**parent);
}

void Loop::drain_followups() {
  if (std::exchange(draining_, true)) return;  // who drains already takes these too
  while (!followups_.empty()) {
    auto next = std::move(followups_.front());
    followups_.pop_front();
    ctx_.effects = &open_->effects;
    next();
  }
  draining_ = false;
}

std::unique_ptr<Flight> Loop::take_flight() {
  PAWL_ASSERT(followups_.empty());
  if (!doomed_.ok()) {  // what it was decided on could not be read: as if its commit had failed
    Status why = std::exchange(doomed_, Status{});
    auto flight = std::move(open_);
    open_ = std::make_unique<Flight>();
    fail(*flight, why);
    trouble_reading_ = true;
    return nullptr;
  }
  if (open_->empty()) {
    open_->commands = 0;
    open_->replay.clear();
    return nullptr;
  }
  auto flight = std::move(open_);
  open_ = spare_ ? std::move(spare_) : std::make_unique<Flight>();
  failpoint("engine.flight.taken");
  if (PAWL_MUTANT(assign_before_commit)) assign(*flight), flight->effects.assignments.clear();
  // Attempts may be written as of a worker that is known to memory alone, before the loop tries
  // again. The number of it must not be given to another one after a crash.
  if (!flight->touched.empty() && std::exchange(numbers_doubtful_, false)) {
    flight->batch.meta.emplace_back("next_worker", str(next_worker_id_));
  }
  flight->batch.runs.reserve(flight->touched.size());
  for (RunId id : flight->touched) {
    Entry& entry = entries_.at(id);
    core::Run& run = *entry.run;
    entry.touched = false;
    if (!subscriptions_.empty()) gather_events(run, *flight);
    flight->batch.runs.push_back(write_of(run, entry.fresh, options_.limits.inline_bytes));
    entry.fresh = false;
  }
  for (const auto& run : flight->batch.runs) {
    for (const auto& p : run.payloads)
      payloads_out_[p.hash] = &p.bytes;
  }
  return flight;
}

}  // namespace pawl::engine
