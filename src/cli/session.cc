#include "cli/session.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "cli/secrets.h"
#include "core/run_json.h"
#include "engine/run_io.h"
#include "store/sqlite/sqlite_store.h"
#include "worker/orphans.h"
#include "worker/run_dirs.h"
#include "worker/worker.h"

namespace pawl::cli {
namespace {

// An owner that is about to leave holds the lock a moment longer than its socket.
constexpr int kLeavingMs = 3000, kAgainMs = 50;
// An owner answers a ping at once, whatever it is at: one that does not is stopped, or stuck.
constexpr std::chrono::seconds kPatience{3};

std::string command_line(const Ask& ask) {
  auto line = str("pawl ", ask.args.command->name);
  if (!ask.args.args().empty()) line += str(' ', ask.args.args().front());
  return clean_line(line);
}

std::uint32_t default_slots() {
  auto cores = std::max(1u, std::thread::hardware_concurrency());
  return std::max(4u, 2 * cores);
}

Result<std::vector<std::pair<std::string, std::uint32_t>>> resources(const Ask& ask) {
  std::vector<std::pair<std::string, std::uint32_t>> out;
  if (!ask.takes("resource")) return out;
  for (const auto& [name, text] : ask.args.pairs("resource")) {
    std::uint32_t n = 0;
    auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (bad != std::errc{} || end != text.data() + text.size()) {
      return {Errc::usage,
              str("--resource ", name, ": found '", text, "', expected a whole number")};
    }
    out.emplace_back(name, n);
  }
  return out;
}

Error no_directory(const std::string& directory) {
  return with_hint({Errc::not_found, str("there is no data directory at ", directory)},
                   "pawl run FILE makes one; --data DIR or PAWL_DATA says where it is");
}

// What to say where the owner is silent, and, to whom it is asked for, what to do.
Result<std::string> silent_owner(const std::string& directory, pid_t pid, Access access) {
  auto silent = str("process ", pid, ", which owns ", directory, ", does not answer");
  if (access == Access::read) return str(silent, "; this is what it has stored");
  return with_hint({Errc::unavailable, str(silent, "; nothing was changed")},
                   str("is it stopped? kill -CONT ", pid, " lets it go on; kill -9 ", pid,
                       " ends it, and the next command takes over"));
}

// A directory that may not be looked into is another matter than one that is not there.
Status look_for(const std::string& directory) {
  auto path = str(directory, "/pawl.db");
  if (::access(path.c_str(), F_OK) == 0) return {};
  if (errno == ENOENT || errno == ENOTDIR) return no_directory(directory);
  return with_hint(errno_error("open", path, errno),
                   "only the user who made the directory can read it");
}

}  // namespace

std::string data_directory(const Ask& ask) {
  if (auto flag = ask.args.text("data")) return *flag;
  const char* variable = ask.io.environment("PAWL_DATA");
  return variable && *variable ? variable : "./.pawl";
}

// Members go in the reverse order of their making: whoever uses another is destroyed before it.
struct Session::Owned {
  std::unique_ptr<store::Store> store;
  std::unique_ptr<engine::Engine> engine;
  actions::Registry registry = actions::Registry::built_in();
  std::unique_ptr<worker::Worker> worker;
  std::unique_ptr<server::Methods> methods;
  std::unique_ptr<server::ControlServer> control;
  std::unique_ptr<worker::RunDirs> run_dirs;
  std::string identity;  // of the directory, in the environment of its tasks
};

Session::Session() = default;

Session::~Session() {
  if (!owned_) return;
  if (owned_->control) owned_->control->stop();
  owned_->run_dirs.reset();
  owned_->worker.reset();
  owned_->engine->stop();
  owned_->engine.reset();
  owned_->store.reset();
  // The lock is free now; whoever waits for the connection's end may take the directory.
  owned_->control.reset();
}

bool Session::owns() const { return owned_ != nullptr; }

server::Methods& Session::methods() {
  PAWL_ASSERT(owned_);
  return *owned_->methods;
}

Result<std::unique_ptr<Session>> Session::open(const Ask& ask, Access access) {
  std::unique_ptr<Session> session(new Session());
  session->directory_ = data_directory(ask);
  const auto& directory = session->directory_;
  set_log({.level = ask.args.on("verbose") ? LogLevel::debug : LogLevel::error});
  const bool makes = access == Access::carry || access == Access::serve;
  if (!makes) TRY(look_for(directory));
  for (int waited = 0;; waited += kAgainMs) {
    auto client = server::ControlClient::connect(directory);
    if (client.ok()) {
      auto owner = (*client)->call("ping", Json::object(), system_clock().mono() + kPatience);
      if (owner.ok()) {
        session->client_ = std::move(*client);
        session->other_owner_ = std::move(*owner);
        return session;
      }
      if (owner.error().code == Errc::timeout) {
        ask.note(TRY(silent_owner(directory, (*client)->owner(), access)));
      }
    }
    if (access == Access::read) {
      TRY(session->store());
      return session;
    }
    auto status = session->own(ask, access);
    if (status.ok()) return session;
    if (status.error().code != Errc::in_use || waited >= kLeavingMs) {
      auto error = status.error();
      if (error.code != Errc::in_use) return error;
      return with_hint(std::move(error),
                       "wait for it, stop it, or take another directory with --data");
    }
    ::poll(nullptr, 0, kAgainMs);
  }
}

Status Session::own(const Ask& ask, Access access) {
  auto owned = std::make_unique<Owned>();
  Json owner = Json::object();
  owner.set("what", command_line(ask)).set("socket", server::kControlSocket);
  store::SqliteOptions where;
  where.directory = directory_;
  where.owner = owner.dump();
  auto opened = store::open_sqlite(where);
  if (!opened.ok()) {
    auto error = opened.error();
    // Nothing that was asked for is missing: the place to keep it is.
    if (error.code == Errc::not_found) error.code = Errc::io;
    return error;
  }
  owned->store = std::move(*opened);

  engine::Options options;
  options.store = owned->store.get();
  options.resources = TRY(resources(ask));
  options.secret = [directory = directory_, environment = ask.io.environment()](
                       std::string_view name) { return find_secret(directory, name, environment); };
  owned->engine = TRY(engine::Engine::open(std::move(options)));
  owned->methods = std::unique_ptr<server::Methods>(
      new server::Methods{*owned->engine, *owned->store, system_clock(), Json::object()});
  owned->methods->owner.set("pid", static_cast<std::int64_t>(::getpid()));
  owned->methods->owner.set("command", command_line(ask));
  owned->methods->owner.set("since", format_time(system_clock().now()));
  if (access != Access::change) {
    worker::WorkerOptions w;
    w.data_dir = directory_;
    w.slots = 0;
    if (access == Access::carry) {
      auto slots = ask.takes("slots") ? ask.args.integer("slots") : std::nullopt;
      w.slots = slots ? static_cast<std::uint32_t>(std::clamp<std::int64_t>(*slots, 1, 100'000))
                      : default_slots();
      w.processes = w.slots;
      w.look_ahead = true;
    }
    owned->worker = TRY(worker::Worker::start(*owned->engine, owned->registry, std::move(w)));
    owned->identity = worker::store_identity(directory_);
  }
  if (access == Access::carry || access == Access::serve) {
    owned->control = TRY(server::ControlServer::open(directory_, *owned->methods));
    auto known = [store = owned->store.get()](RunId run) -> Result<bool> {
      return TRY(store->find_run(run)).has_value();
    };
    owned->run_dirs = std::make_unique<worker::RunDirs>(directory_, std::move(known));
  }
  owned_ = std::move(owned);
  return {};
}

Result<store::Store*> Session::store() {
  if (owned_) return owned_->store.get();
  if (!reader_) {
    store::SqliteOptions where;
    where.directory = directory_;
    where.read_only = true;
    reader_ = TRY(store::open_sqlite(where));
  }
  return reader_.get();
}

Result<Json> Session::call(std::string_view method, Json params) {
  if (owned_) return owned_->methods->call(method, params);
  if (client_) return client_->call(method, std::move(params));
  return read_call(method, params);
}

// Without an owner a run stands still: what is stored is all there is to say.
Result<Json> Session::read_call(std::string_view method, const Json& params) {
  RunId run{params["run_id"].as_integer()};
  auto context = server::reading_context(*TRY(store()), system_clock());
  Json out;
  TRY(inspect(run, [&](const core::Run& r) {
    if (method == "show") {
      out = core::run_to_json(r, context);
      return;
    }
    out = Json::array();
    core::Situation nobody;
    for (const auto& w : core::why_all(r, nobody, context.now))
      out.push(core::why_to_json(w));
  }));
  return out;
}

Result<std::shared_ptr<const core::Plan>> Session::plan(WorkflowId id) {
  for (const auto& [known, plan] : plans_) {
    if (known == id) return plan;
  }
  auto row = TRY(TRY(store())->load_workflow(id));
  if (!row) return {Errc::corrupt, str("workflow version ", id.value, " is not in the store")};
  std::vector<std::string> actions;
  if (auto names = TRY(TRY(store())->meta(store::kActionNames))) {
    auto list = Json::parse(*names);
    for (std::size_t i = 0; list.ok() && i < list->size(); ++i)
      if ((*list)[i].is_string()) actions.push_back((*list)[i].as_string());
  }
  auto parsed = core::parse_workflow(row->text, row->file, actions);
  if (!parsed.workflow) {
    return {Errc::newer_version,
            str("workflow ", row->name, " version ", row->version,
                " was written for another version of Pawl and cannot be read by this one")};
  }
  auto slash = row->file.rfind('/');
  auto base = slash == std::string::npos ? std::string() : row->file.substr(0, slash);
  auto made = core::make_plan(id, row->version, parsed.workflow, base, {});
  plans_.emplace_back(id, made);
  return made;
}

Status Session::inspect(RunId id, const std::function<void(const core::Run&)>& read) {
  if (owned_) return owned_->engine->inspect(id, read);
  auto image = TRY(TRY(store())->load_run(id));
  if (!image) return {Errc::not_found, str("there is no run ", id.value)};
  auto run = TRY(engine::run_of(*image, [this](WorkflowId w) { return plan(w); }));
  read(*run);
  return {};
}

Result<std::unique_ptr<server::Feed>> Session::follow(RunId run, bool logs) {
  if (!owned_) return server::ControlClient::watch(directory_, run, logs);
  auto feed = TRY(server::EngineFeed::open(*owned_->engine, run, logs));
  return std::unique_ptr<server::Feed>(std::move(feed));
}

Result<RunId> Session::find(std::string_view reference) {
  auto* runs = TRY(store());
  store::RunFilter filter;
  std::int64_t number = 0;
  auto [end, bad] = std::from_chars(reference.data(), reference.data() + reference.size(), number);
  if (bad == std::errc{} && end == reference.data() + reference.size()) {
    auto row = TRY(runs->find_run(RunId{number}));
    if (row) return RunId{number};
    auto last = TRY(runs->last_run_id());
    return with_hint({Errc::not_found, str("there is no run ", number, " in ", directory_)},
                     last ? str("the newest is ", last.value, "; pawl ls shows them all")
                          : std::string("pawl run FILE starts one"));
  }
  if (reference == "@last" || reference == "@last-failed") {
    if (reference == "@last-failed") {
      filter.states = 1u << static_cast<unsigned>(core::RunState::failed);
    }
    filter.limit = 1;
    auto rows = TRY(runs->list_runs(filter));
    if (!rows.empty()) return rows[0].header.id;
    return {Errc::not_found,
            str("there is no ", reference == "@last" ? "" : "failed ", "run in ", directory_)};
  }
  // By name: of a run first, else the newest run of a workflow of that name.
  std::vector<std::string> names;
  RunId of_workflow;
  filter.limit = 500;
  for (int page = 0; page < 20; ++page) {
    auto rows = TRY(runs->list_runs(filter));
    for (const auto& row : rows) {
      if (row.header.name == reference) return row.header.id;
      if (!of_workflow && row.workflow_name == reference) of_workflow = row.header.id;
      names.push_back(row.header.name);
      names.push_back(row.workflow_name);
    }
    if (rows.size() < filter.limit) break;
    filter.before = rows.back().header.id;
  }
  if (of_workflow) return of_workflow;
  auto near = nearest(reference, names);
  return with_hint(
      {Errc::not_found, str("there is no run '", clean_line(reference), "' in ", directory_)},
      near.empty() ? "RUN is a number that pawl ls shows, a name, @last or @last-failed"
                   : str("did you mean '", near, "'?"));
}

Result<Json> Session::await_end(RunId run, Duration patience) {
  PAWL_ASSERT(owned_);
  TRY(owned_->engine->wait_for_end(run, system_clock().mono() + patience));
  return owned_->methods->brief(run);
}

void Session::drain(bool leave_running, Duration grace) {
  if (!owned_ || !owned_->worker) return;
  if (!leave_running) owned_->worker->drain(grace);
  owned_->worker.reset();
}

void Session::hurry() {
  if (!owned_ || owned_->identity.empty()) return;
  worker::kill_by_lease(str(owned_->identity, ":"), std::chrono::seconds(2), system_clock());
}

Status Session::trouble() const { return owned_ ? owned_->engine->statistics().trouble : Status(); }

bool Session::watched_by_others() const {
  return owned_ && owned_->control && owned_->control->watchers() > 0;
}

}  // namespace pawl::cli
