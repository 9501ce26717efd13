// Runs: making them, moving them, looking at them.
#include <algorithm>

#include "base/text.h"
#include "core/event.h"
#include "library/orchestrator_impl.h"
#include "library/run_info.h"
#include "library/words.h"

namespace pawl::v1 {
namespace {

constexpr int kMostSources = 1000;  // of runs that were recovered from one another

int count_recoveries(const std::vector<core::Event>& events) {
  return static_cast<int>(std::count_if(events.begin(), events.end(), [](const core::Event& e) {
    return e.kind == core::EventKind::run_state && e.run_state == core::RunState::recovering;
  }));
}

Status no_run(RunId run) { return {Code::not_found, str("there is no run ", run)}; }

// Answers a future in any case, at the latest when it goes.
struct Answer {
  std::promise<Result<RunInfo>> promise;
  bool told = false;
  void tell(Result<RunInfo> info) {
    if (!std::exchange(told, true)) promise.set_value(std::move(info));
  }
  ~Answer() {
    tell(Status(Code::unavailable, "the orchestrator was closed before the run ended",
                "the run goes on when its directory is opened again"));
  }
};

}  // namespace

core::Context Orchestrator::Impl::reading_context() {
  core::Context context;
  context.now = clock->now();
  context.payload = [s = store.get()](pawl::RunId run,
                                      const std::string& hash) -> pawl::Result<Json> {
    auto bytes = TRY(s->read_payload(run, hash));
    if (!bytes) return {Errc::not_found, str("output ", hash, " is not in the store")};
    return Json::parse(*bytes);
  };
  return context;
}

Result<std::shared_ptr<const Traits>> Orchestrator::Impl::traits_of(WorkflowId id) {
  {
    std::lock_guard lock(mutex);
    if (auto it = traits.find(id); it != traits.end()) return it->second;
  }
  auto row = store->load_workflow(id);
  if (!row.ok()) return to_status(row.error());
  if (!*row) return {Code::corrupt, str("workflow ", id.value, " is not in the store")};
  auto read = std::make_shared<const Traits>(read_traits((*row)->text, (*row)->version));
  std::lock_guard lock(mutex);
  traits[id] = read;
  return read;
}

Result<int> Orchestrator::Impl::recoveries(pawl::RunId run) {
  int count = 0;
  for (int depth = 0; run && depth < kMostSources; ++depth) {
    pawl::RunId source;
    Time created;
    std::string tail;
    std::uint64_t tail_first = 0;
    auto seen = engine->inspect(run, [&](const core::Run& r) {
      source = r.source;
      created = r.created;
      tail = r.tail;
      tail_first = r.tail_first;
    });
    if (!seen.ok()) {
      if (depth > 0 && seen.error().code == Errc::not_found) break;  // retention removed it
      return to_status(seen.error());
    }
    auto chunks = store->read_events(run, 0);
    if (!chunks.ok()) return to_status(chunks.error());
    for (const auto& chunk : *chunks) {
      auto sealed = core::decode_events(chunk.bytes, chunk.first_seq, created);
      if (!sealed.ok()) return to_status(sealed.error());
      if (chunk.last_seq < tail_first) count += count_recoveries(*sealed);
    }
    auto last = core::decode_events(tail, tail_first, created);
    if (!last.ok()) return to_status(last.error());
    count += count_recoveries(*last);
    if (source) ++count;
    run = source;
  }
  return count;
}

Result<engine::SubmitRequest> Orchestrator::Impl::request_of(const std::string& workflow,
                                                             const Value& input,
                                                             const RunOptions& o) {
  engine::SubmitRequest request;
  {
    std::lock_guard lock(mutex);
    auto versions = defined.find(workflow);
    auto file = files.find(workflow);
    if (versions != defined.end() && (file == files.end() || o.version != 0)) {
      auto v =
          o.version == 0 ? std::prev(versions->second.end()) : versions->second.find(o.version);
      if (v == versions->second.end()) {
        return {Code::not_found,
                str("workflow \"", workflow, "\" has no version ", o.version, " in this process")};
      }
      request.workflow = v->second.id;
      request.inputs = Json::object({{kRunInput, to_json(input)}});
    } else if (file != files.end()) {
      request.workflow = file->second;
      request.inputs = to_json(input);
    } else {
      std::vector<std::string> names;
      for (const auto& [name, ignored] : defined)
        names.push_back(name);
      for (const auto& [name, ignored] : files)
        names.push_back(name);
      auto near = nearest(workflow, names);
      return {Code::not_found,
              str("no workflow \"", to_valid_utf8(workflow), "\" is defined in this process"),
              near.empty() ? "define() it first" : str("did you mean \"", near, "\"?")};
    }
  }
  if (!to_json(o.labels).is_null() && !to_json(o.labels).is_object()) {
    return {Code::invalid, "RunOptions::labels must be an object of strings"};
  }
  request.name = to_valid_utf8(o.name);
  request.job = to_valid_utf8(o.job);
  request.labels = to_json(o.labels);
  request.priority = std::clamp(o.priority, -100, 100);
  request.idempotency_key = to_valid_utf8(o.key);
  return request;
}

Result<RunId> Orchestrator::Impl::submit(const std::string& workflow, const Value& input,
                                         const RunOptions& o, bool hold) {
  auto request = request_of(workflow, input, o);
  if (!request.ok()) return request.status();
  if (hold) request->hold = kCreation;
  auto run = engine->submit(*std::move(request));
  if (!run.ok()) return to_status(run.error());
  return run->value;
}

Result<std::vector<RunId>> Orchestrator::Impl::submit_many(const std::string& workflow,
                                                           const std::vector<Value>& inputs,
                                                           const RunOptions& o) {
  if (inputs.empty()) return std::vector<RunId>();
  if (!o.key.empty() && inputs.size() > 1) {
    return {Code::invalid, "start_many: one key cannot stand for several runs"};
  }
  auto request = request_of(workflow, inputs[0], o);
  if (!request.ok()) return request.status();
  auto wrap = [&, in_code = request->inputs.find(kRunInput) != nullptr &&
                            !is_file(workflow)](const Value& v) {
    return in_code ? Json::object({{kRunInput, to_json(v)}}) : to_json(v);
  };
  struct Answers {
    std::mutex mutex;
    std::condition_variable all;
    std::vector<RunId> runs;
    std::size_t left = 0;
    Status first_error;
  };
  auto answers = std::make_shared<Answers>();
  answers->runs.resize(inputs.size());
  answers->left = inputs.size();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    auto one = *request;
    one.inputs = wrap(inputs[i]);
    engine->submit_async(std::move(one), [answers, i](pawl::Result<pawl::RunId> run) {
      std::lock_guard lock(answers->mutex);
      if (run.ok()) answers->runs[i] = run->value;
      if (!run.ok() && answers->first_error.ok()) answers->first_error = to_status(run.error());
      if (--answers->left == 0) answers->all.notify_all();
    });
  }
  std::unique_lock lock(answers->mutex);
  answers->all.wait(lock, [&] { return answers->left == 0; });
  bool none = std::all_of(answers->runs.begin(), answers->runs.end(), [](RunId r) { return !r; });
  if (none) return answers->first_error;
  return answers->runs;
}

bool Orchestrator::Impl::is_file(const std::string& workflow) {
  std::lock_guard lock(mutex);
  return files.count(workflow) > 0;
}

Result<RunInfo> Orchestrator::Impl::get(pawl::RunId run, bool with_reasons) {
  WorkflowId workflow;
  auto seen = engine->inspect(run, [&](const core::Run& r) { workflow = r.plan->id; });
  if (!seen.ok()) {
    return seen.error().code == Errc::not_found ? no_run(run.value) : to_status(seen.error());
  }
  auto about = traits_of(workflow);
  if (!about.ok()) return about.status();
  core::Situation situation;
  if (with_reasons) situation = engine->situation(run);
  auto context = reading_context();
  Onlooker onlooker{**about, context, with_reasons ? &situation : nullptr};
  RunInfo info;
  seen = engine->inspect(run, [&](const core::Run& r) { info = describe_run(r, onlooker); });
  if (!seen.ok()) return to_status(seen.error());
  auto count = recoveries(run);
  if (!count.ok()) return count.status();
  info.recovery_attempts = *count;
  return info;
}

Result<RunInfo> Orchestrator::Impl::wait(pawl::RunId run, Millis at_most) {
  auto at = clock->mono();
  bool bounded = at_most < std::chrono::hours(24 * 365 * 100);
  auto ended = engine->wait_for_end(run, bounded ? at + at_most : Mono::max());
  if (!ended.ok()) {
    return ended.error().code == Errc::not_found ? no_run(run.value) : to_status(ended.error());
  }
  if (!*ended) {
    return {Code::timeout, str("run ", run.value, " has not ended within ", at_most.count(), " ms"),
            "get() says what its steps wait for"};
  }
  return get(run, false);
}

Result<RunId> Orchestrator::Impl::recover(pawl::RunId run, const RecoverOptions& o) {
  auto info = get(run, false);
  if (!info.ok()) return info.status();
  if (!is_final(info->state)) {
    return {Code::conflict, str("run ", run.value, " is ", to_string(info->state),
                                ": only a run that is at its end can be recovered")};
  }
  if (info->recovery_attempts >= info->max_recovery_attempts) {
    return {Code::exhausted,
            str("run ", run.value, " was recovered ", info->recovery_attempts, " times; ",
                info->max_recovery_attempts, " are allowed (max_recovery_attempts)"),
            "start a new run"};
  }
  bool edited = !o.input.is_null();
  if (o.from.empty() && (edited || info->state == RunState::completed)) {
    return {Code::invalid, str("run ", run.value, ": from which step? (RecoverOptions::from)"),
            "the outputs of the steps before it are kept"};
  }
  if (o.from.empty()) {
    auto again = engine->retry(run, {"", {}, to_valid_utf8(o.by)});
    if (!again.ok()) return to_status(again);
    return run.value;
  }
  Json inputs;
  if (edited) {
    WorkflowId workflow;
    (void)engine->inspect(run, [&](const core::Run& r) { workflow = r.plan->id; }).ok();
    auto about = traits_of(workflow);
    if (!about.ok()) return about.status();
    inputs = (*about)->in_code ? Json::object({{kRunInput, to_json(o.input)}}) : to_json(o.input);
  }
  auto on =
      engine->recover(run, {to_valid_utf8(o.from), {}, to_valid_utf8(o.by)}, std::move(inputs));
  if (!on.ok()) return to_status(on.error());
  return on->value;
}

Result<std::vector<RunInfo>> Orchestrator::Impl::list(
    const ListOptions& o, std::uint32_t states, const std::function<bool(const RunInfo&)>& wanted) {
  std::vector<RunInfo> out;
  store::RunFilter filter;
  filter.states = states;
  filter.workflow = o.workflow;
  filter.job = o.job;
  filter.before = pawl::RunId(o.before);
  while (out.size() < o.limit) {
    filter.limit =
        std::clamp<std::uint32_t>(o.limit - static_cast<std::uint32_t>(out.size()), 50, 500);
    auto rows = store->list_runs(filter);
    if (!rows.ok()) return to_status(rows.error());
    for (const auto& row : *rows) {
      auto info = get(row.header.id, false);
      if (!info.ok() && info.status().code() != Code::not_found) return info.status();
      if (info.ok() && (!wanted || wanted(*info)) && out.size() < o.limit) {
        out.push_back(*std::move(info));
      }
    }
    if (rows->size() < filter.limit) break;
    filter.before = rows->back().header.id;
  }
  return out;
}

Result<RunId> Orchestrator::create(const std::string& workflow, Value input, RunOptions options) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  return impl_->submit(workflow, input, options, true);
}

Status Orchestrator::start(RunId run) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  bool waits = false;
  auto seen = impl_->engine->inspect(pawl::RunId(run),
                                     [&](const core::Run& r) { waits = waits_for_start(r); });
  if (!seen.ok()) return seen.error().code == Errc::not_found ? no_run(run) : to_status(seen);
  if (!waits) return {Code::conflict, str("run ", run, " was started before")};
  return to_status(impl_->engine->resume(pawl::RunId(run), ""));
}

Result<RunId> Orchestrator::start(const std::string& workflow, Value input, RunOptions options) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  return impl_->submit(workflow, input, options, false);
}

Result<std::vector<RunId>> Orchestrator::start_many(const std::string& workflow,
                                                    std::vector<Value> inputs, RunOptions options) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  return impl_->submit_many(workflow, inputs, options);
}

Result<RunInfo> Orchestrator::execute(const std::string& workflow, Value input,
                                      RunOptions options) {
  auto call = impl_->enter_waiting("execute()");
  if (!call.status.ok()) return call.status;
  auto run = impl_->submit(workflow, input, options, false);
  if (!run.ok()) return run.status();
  return impl_->wait(pawl::RunId(*run), Millis::max());
}

std::future<Result<RunInfo>> Orchestrator::execute_async(const std::string& workflow, Value input,
                                                         RunOptions options) {
  auto answer = std::make_shared<Answer>();
  auto future = answer->promise.get_future();
  auto call = impl_->enter();
  if (!call.status.ok()) {
    answer->tell(call.status);
    return future;
  }
  auto run = impl_->submit(workflow, input, options, false);
  if (!run.ok()) {
    answer->tell(run.status());
    return future;
  }
  auto* impl = impl_.get();  // its events end before it does
  impl_->events->when_ended(pawl::RunId(*run), [impl, answer](pawl::RunId ended) {
    answer->tell(impl->get(ended, false));
  });
  return future;
}

Result<RunInfo> Orchestrator::wait(RunId run, Millis at_most) {
  auto call = impl_->enter_waiting("wait()");
  if (!call.status.ok()) return call.status;
  return impl_->wait(pawl::RunId(run), at_most);
}

Status Orchestrator::pause(RunId run) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  return to_status(impl_->engine->pause(pawl::RunId(run), ""));
}
Status Orchestrator::resume(RunId run) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  return to_status(impl_->engine->resume(pawl::RunId(run), ""));
}
Status Orchestrator::cancel(RunId run) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  return to_status(impl_->engine->cancel(pawl::RunId(run), ""));
}
Result<RunId> Orchestrator::recover(RunId run, RecoverOptions options) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  return impl_->recover(pawl::RunId(run), options);
}

Result<RunInfo> Orchestrator::get(RunId run) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  return impl_->get(pawl::RunId(run), true);
}
Result<std::vector<RunInfo>> Orchestrator::get_by_job(const std::string& job) {
  ListOptions options;
  options.job = job;
  options.limit = 100'000;
  if (job.empty()) return {Code::invalid, "get_by_job: the job is empty"};
  return list(options);
}
Result<std::vector<RunInfo>> Orchestrator::list(const ListOptions& options) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  return impl_->list(options, 0xffffffff, {});
}
Result<std::vector<RunInfo>> Orchestrator::active(const ListOptions& options) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  auto states = bits_of(RunState::pending) | bits_of(RunState::running) |
                bits_of(RunState::paused) | bits_of(RunState::recovering);
  return impl_->list(options, states, [](const RunInfo& r) { return !is_final(r.state); });
}
Result<std::vector<RunInfo>> Orchestrator::failed(const ListOptions& options) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  return impl_->list(options, bits_of(RunState::failed),
                     [](const RunInfo& r) { return r.state == RunState::failed; });
}
Result<std::vector<RunInfo>> Orchestrator::recoverable(const ListOptions& options) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  auto states = bits_of(RunState::failed) | bits_of(RunState::cancelled);
  return impl_->list(options, states, [](const RunInfo& r) {
    return is_final(r.state) && r.recovery_attempts < r.max_recovery_attempts;
  });
}

Result<std::vector<Event>> Orchestrator::logs(RunId run, const std::string& step, unsigned limit) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  store::LogQuery query;
  query.run = pawl::RunId(run);
  query.limit = limit;
  Status missing;
  std::vector<std::string> names;
  auto seen = impl_->engine->inspect(query.run, [&](const core::Run& r) {
    for (TaskId t = 0; t < r.task_count(); ++t)
      names.push_back(r.path(t));
    if (step.empty()) return;
    auto t = r.find(step);
    if (t) query.task = *t;
    if (!t) missing = Status(Code::not_found, str("run ", run, " has no step \"", step, "\""));
  });
  if (!seen.ok()) return seen.error().code == Errc::not_found ? no_run(run) : to_status(seen);
  if (!missing.ok()) return missing;
  auto chunks = impl_->store->read_logs(query);
  if (!chunks.ok()) return to_status(chunks.error());
  std::vector<Event> out;
  for (const auto& chunk : *chunks) {
    for (const auto& line : chunk.lines) {
      Event e;
      e.kind = Event::Kind::log;
      e.run = run;
      e.time = to_time_point(line.time);
      e.task = chunk.task < names.size() ? names[chunk.task] : "";
      e.attempt = static_cast<int>(chunk.attempt);
      e.text = line.text;
      out.push_back(std::move(e));
    }
  }
  return out;
}

struct Subscription::Impl {
  std::weak_ptr<Events> events;
  std::uint64_t number = 0;
};

Result<Subscription> Orchestrator::subscribe(RunId run,
                                             std::function<void(const Event&)> callback) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  if (!callback) return {Code::invalid, "subscribe: there is no callback"};
  Subscription s;
  s.impl_ = std::make_shared<Subscription::Impl>();
  s.impl_->events = impl_->events;
  s.impl_->number = impl_->events->listen(pawl::RunId(run), std::move(callback));
  return s;
}

void Subscription::stop() {
  if (!impl_) return;
  if (auto events = impl_->events.lock()) events->stop_listening(impl_->number);
  impl_.reset();
}

Subscription::~Subscription() { stop(); }

}  // namespace pawl::v1
