#include "tests/server_testing.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/engine.h"
#include "server/control.h"
#include "server/router_testing.h"
#include "server/worker_routes.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::e2e {

ServerChild::ServerChild(std::string directory, Duration lease)
    : directory_(std::move(directory)), lease_(lease) {}

ServerChild::~ServerChild() { kill(); }

void ServerChild::start() {
  int pipe[2];
  PAWL_ASSERT(::pipe2(pipe, O_CLOEXEC) == 0);
  UniqueFd hear(pipe[0]), say(pipe[1]);
  pid_ = ::fork();
  PAWL_ASSERT(pid_ >= 0);
  if (pid_ == 0) serve(say.get());
  say.reset();
  auto n = ::read(hear.get(), &port_, sizeof port_);
  PAWL_ASSERT(n == static_cast<ssize_t>(sizeof port_));
}

void ServerChild::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string ServerChild::url() const { return str("http://127.0.0.1:", port_); }

void ServerChild::serve(int say) const {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  set_log({.level = LogLevel::error});
  PAWL_ASSERT(make_dirs(directory_, 0700).ok());
  store::SqliteOptions where;
  where.directory = directory_;
  auto store = store::open_sqlite(where);
  PAWL_ASSERT(store.ok());
  engine::Options o;
  o.store = store->get();
  o.reunion = lease_;
  auto engine = engine::Engine::open(std::move(o));
  PAWL_ASSERT(engine.ok());
  server::WorkerGateway::Options g;
  g.port = engine->get();
  g.terms.lease = lease_;
  server::WorkerGateway gateway(std::move(g));
  server::RoleDoor door;
  server::Router router({&door, 2, 16, nullptr});
  server::add_worker_routes(router, gateway);
  server::HttpServer::Options h;
  h.port = port_;
  auto http = server::HttpServer::open(h, router);
  PAWL_ASSERT(http.ok());
  server::Methods methods{**engine, **store, system_clock(), Json::object()};
  auto control = server::ControlServer::open(directory_, methods);
  PAWL_ASSERT(control.ok());
  const std::uint16_t port = (*http)->port();
  PAWL_ASSERT(::write(say, &port, sizeof port) == static_cast<ssize_t>(sizeof port));
  for (;;)
    ::pause();
}

std::int64_t ServerChild::submit(const std::string& text, Json inputs) const {
  auto client = server::ControlClient::connect(directory_);
  PAWL_ASSERT(client.ok());
  server::Bundle bundle;
  bundle.files.push_back({"", text, {}});
  auto params = Json::object().set("bundle", server::bundle_to_json(bundle));
  auto run = (*client)->call("submit", params.set("inputs", std::move(inputs)));
  PAWL_ASSERT(run.ok());
  return (*run)["run_id"].as_integer();
}

Json ServerChild::show(std::int64_t run) const {
  auto client = server::ControlClient::connect(directory_);
  if (!client.ok()) return {};
  auto shown = (*client)->call("show", Json::object().set("run_id", run));
  return shown.ok() ? *shown : Json();
}

Json ServerChild::wait(std::int64_t run, const std::function<bool(const Json&)>& enough) const {
  for (int i = 0; i < 3000; ++i) {
    auto shown = show(run);
    if (!shown.is_null() && enough(shown)) return shown;
    ::poll(nullptr, 0, 20);
  }
  return {};
}

Json ServerChild::end_of(std::int64_t run) const {
  return wait(run, [](const Json& shown) { return shown["finished_at"].is_string(); });
}

}  // namespace pawl::e2e
