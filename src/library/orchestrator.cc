// Opening a directory, defining workflows in it, leaving it.
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/text.h"
#include "library/fork_guard.h"
#include "library/orchestrator_impl.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::v1 {
namespace {

constexpr unsigned kMostThreads = 1024;
constexpr const char* kFileQueue = "default";

std::shared_ptr<const Clock> machine_clock() {
  return std::shared_ptr<const Clock>(std::shared_ptr<void>(), &system_clock());
}

Status check_options(const Options& o) {
  if (o.threads > kMostThreads) {
    return {Code::invalid, str("threads: ", o.threads), str("at most ", kMostThreads)};
  }
  if (o.patience.count() < 0 || o.keep.count() <= 0) {
    return {Code::invalid, "patience and keep must not be negative"};
  }
  std::vector<std::string> names;
  for (const Action& a : o.actions) {
    bool good = !a.name.empty() && a.name.size() <= 63;
    for (char c : a.name)
      good = good && (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-');
    if (!good || a.name == kHandlerAction) {
      return {Code::invalid, str("\"", to_valid_utf8(a.name), "\" cannot be the name of an action"),
              "letters, digits, _ and -"};
    }
    if (!a.handler) return {Code::invalid, str("the action \"", a.name, "\" has no handler")};
    if (std::count(names.begin(), names.end(), a.name)) {
      return {Code::invalid, str("the action \"", a.name, "\" is given twice")};
    }
    names.push_back(a.name);
  }
  return {};
}

// Names that files here have used: such a file must be read also where its action is gone.
pawl::Result<std::vector<std::string>> remember_actions(store::Store& store,
                                                        std::vector<std::string> names) {
  auto known = TRY(store.meta(store::kActionNames));
  auto before = known ? Json::parse(*known) : pawl::Result<Json>(Json::array());
  std::size_t fresh = names.size();
  if (before.ok() && before->is_array()) {
    for (const Json& name : before->as_array()) {
      if (!name.is_string()) continue;
      if (std::find(names.begin(), names.end(), name.as_string()) == names.end()) {
        names.push_back(name.as_string());
      } else {
        --fresh;
      }
    }
  }
  if (fresh == 0) return names;
  Json all = Json::array();
  for (const auto& name : names)
    all.push(name);
  store::Batch batch;
  batch.meta.emplace_back(store::kActionNames, all.dump());
  TRY(store.commit(batch));
  return names;
}

std::shared_ptr<const HandlerSet> action_set(const std::vector<Action>& actions) {
  auto set = std::make_shared<HandlerSet>();
  set->words = "workflow files";
  for (const Action& a : actions)
    set->handlers[a.name] = a.handler;
  set->handlers["noop"] = [](Step&) -> Result<Value> { return Value(); };
  return set;
}

}  // namespace

Result<std::shared_ptr<Orchestrator::Impl>> Orchestrator::Impl::open(
    Options options, std::shared_ptr<store::Store> store, std::shared_ptr<const Clock> clock,
    bool simulated) {
  if (auto valid = check_options(options); !valid.ok()) return valid;
  auto impl = std::make_shared<Impl>();
  impl->clock = std::move(clock);
  impl->generation = fork_generation();
  impl->store = std::move(store);
  std::vector<std::string> names{kHandlerAction};
  for (const Action& a : options.actions)
    names.push_back(a.name);
  auto known = remember_actions(*impl->store, std::move(names));
  if (!known.ok()) return to_status(known.error());

  engine::Options e;
  e.store = impl->store.get();
  e.clock = impl->clock.get();
  e.actions = *std::move(known);
  e.limits.max_output_bytes = options.max_output_bytes;
  e.retention.keep = options.keep;
  auto engine = engine::Engine::open(std::move(e));
  if (!engine.ok()) return to_status(engine.error());
  impl->engine = *std::move(engine);

  Crew::Options c;
  c.threads =
      options.threads > 0 ? options.threads : std::max(2u, std::thread::hardware_concurrency());
  c.patience = options.patience;
  c.clock = impl->clock;
  c.simulated = simulated;
  c.generation = impl->generation;
  // A thread that was given up may ask when nothing is there any more.
  c.settled = [weak = std::weak_ptr<Impl>(impl)](RunId run) -> Status {
    auto living = weak.lock();
    if (!living) return {Code::unavailable, "the orchestrator was closed"};
    auto call = living->enter();
    if (!call.status.ok()) return call.status;
    return to_status(living->engine->inspect(pawl::RunId(run), [](const core::Run&) {}));
  };
  impl->crew = Crew::start(*impl->engine, std::move(c));
  impl->events = std::make_shared<Events>(*impl->engine);
  impl->actions = action_set(options.actions);
  impl->crew->serve(kFileQueue, impl->actions);
  impl->options = std::move(options);
  return impl;
}

Result<std::unique_ptr<Orchestrator>> Orchestrator::open(Options options) {
  if (options.directory.empty()) {
    return {Code::invalid, "Options::directory is empty", "name a directory; it is made"};
  }
  if (auto valid = check_options(options); !valid.ok()) return valid;
  watch_forks();
  store::SqliteOptions where;
  where.directory = options.directory;
  auto what = options.process_name.empty() ? std::string("a program that embeds Pawl")
                                           : to_valid_utf8(options.process_name);
  where.owner = Json::object({{"what", what}}).dump();
  auto store = store::open_sqlite(where);
  if (!store.ok()) return to_status(store.error());
  int lock = close_in_children(options.directory + "/pawl.lock");
  auto impl = Impl::open(std::move(options), *std::move(store), machine_clock(), false);
  if (!impl.ok()) {
    forget_lock(lock);
    return impl.status();
  }
  (*impl)->lock_number = lock;
  return OrchestratorAccess::make(*std::move(impl));
}

Orchestrator::Orchestrator(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Orchestrator::~Orchestrator() {
  if (impl_->generation != fork_generation()) {
    new std::shared_ptr<Impl>(std::move(impl_));  // a child's copy: its threads are not there
    return;
  }
  if (impl_->crew->inside() || impl_->events->inside()) {
    value_of_failure(Status(Code::misplaced, "an orchestrator was destroyed by its own handler"));
  }
  (void)impl_->close();
}

Orchestrator::Impl::~Impl() = default;

Orchestrator::Impl::Call Orchestrator::Impl::enter() {
  if (auto child = refuse_in_child(generation); !child.ok()) return {{}, child};
  Call call{std::shared_lock(life), {}};
  if (closed) call.status = Status(Code::unavailable, "the orchestrator was closed");
  return call;
}

Orchestrator::Impl::Call Orchestrator::Impl::enter_waiting(const char* what) {
  Call call = enter();
  if (!call.status.ok()) return call;
  if (crew->inside() || events->inside()) {
    call.status = Status(
        Code::misplaced,
        str(what, " was called in a ", crew->inside() ? "handler" : "callback",
            ": it would hold a thread that the run itself may need"),
        "start() the run there and return; let a later step, or another thread, wait for it");
  }
  return call;
}

Status Orchestrator::Impl::close() {
  if (auto child = refuse_in_child(generation); !child.ok()) return child;
  if (crew->inside() || events->inside()) {
    return {Code::misplaced, "close() was called in a handler or a callback",
            "close it from the thread that opened it"};
  }
  std::lock_guard one(closing);
  if (closed) return {};
  crew->leave();
  events->close();
  engine->stop();
  std::unique_lock alone(life);
  closed = true;
  forget_lock(lock_number);
  engine.reset();
  store.reset();
  return {};
}

void Orchestrator::Impl::halt() {
  std::lock_guard one(closing);
  if (closed) return;
  crew->halt();
  events->close();
  engine->stop();
  std::unique_lock alone(life);
  closed = true;
  engine.reset();
  store.reset();
}

Status Orchestrator::close() { return impl_->close(); }

Status Orchestrator::define(const Workflow& workflow) {
  auto call = impl_->enter();
  if (!call.status.ok()) return call.status;
  if (auto valid = workflow.validate(); !valid.ok()) return valid;
  const auto& w = WorkflowAccess::of(workflow);
  return w.from_file ? impl_->define_file(w) : impl_->define_in_code(w);
}

// The stored definition of this very version, if there is one.
Result<std::optional<store::WorkflowRow>> Orchestrator::Impl::find_version(
    const Workflow::Impl& w) {
  auto row = store->find_workflow(w.name, 0);
  for (;;) {
    if (!row.ok()) return to_status(row.error());
    if (!*row) return std::optional<store::WorkflowRow>();
    auto about = read_traits((*row)->text, (*row)->version);
    if (about.in_code && about.version == w.version) return *std::move(row);
    if ((*row)->version <= 1) return std::optional<store::WorkflowRow>();
    row = store->find_workflow(w.name, (*row)->version - 1);
  }
}

Status Orchestrator::Impl::define_in_code(const Workflow::Impl& w) {
  auto text = file_text(w);
  auto known = find_version(w);
  if (!known.ok()) return known.status();
  if (*known && (*known)->text != text) {
    return {Code::conflict,
            str("workflow \"", w.name, "\" version ", w.version,
                " was defined with other steps or settings before"),
            str("runs of it may be open: give the changed one version ", w.version + 1)};
  }
  WorkflowId id;
  if (*known) {
    id = (*known)->id;
  } else {
    auto fresh = engine->register_workflow({text, "", {}});
    if (!fresh.ok()) return to_status(fresh.error());
    id = *fresh;
  }
  define_handlers(w, id);
  return {};
}

void Orchestrator::Impl::define_handlers(const Workflow::Impl& w, WorkflowId id) {
  auto set = std::make_shared<HandlerSet>();
  set->in_code = true;
  set->words = str("workflow \"", w.name, "\" version ", w.version);
  for (const auto& step : w.steps) {
    const auto& spec = WorkflowAccess::of(*step);
    set->handlers[step->name()] = spec.handler;
    if (auto lists = lists_of(w, spec); lists.any()) set->lists.emplace(step->name(), lists);
  }
  {
    std::lock_guard lock(mutex);
    defined[w.name][w.version] = {id, set};
  }
  crew->serve(queue_of(w.name, w.version), set);
}

Status Orchestrator::Impl::define_file(const Workflow::Impl& w) {
  auto id = engine->register_workflow({w.text, w.file, {}});
  if (!id.ok()) return to_status(id.error());
  auto plan = engine->plan(*id);
  if (!plan.ok()) return to_status(plan.error());
  {
    std::lock_guard lock(mutex);
    files[w.name] = *id;
  }
  for (const auto& lane : (*plan)->lanes)
    crew->serve(lane.queue, actions);
  return {};
}

}  // namespace pawl::v1
