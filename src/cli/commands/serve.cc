// serve, up: a data directory on the network. The port first, then the directory, then the routes;
// stopping goes the other way round.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "server/service.h"

namespace pawl::cli {
namespace {

constexpr Duration kAnswersGrace = std::chrono::seconds(10);

Error owned_by_another(const Session& session) {
  const auto& owner = session.other_owner();
  const auto text = [&](const char* key) {
    return owner[key].is_string() ? clean_line(owner[key].as_string()) : std::string();
  };
  return with_hint(
      {Errc::in_use, str(session.directory(), " is carried by process ", owner["pid"].dump(), " (",
                         text("command"), ") since ", text("since"))},
      "stop it first, or take another directory with --data");
}

// The next signal that means an end. A terminal's other wishes are granted.
int wait_for_end(Signals& signals, int timeout_ms) {
  pollfd ready{signals.fd(), POLLIN, 0};
  while (::poll(&ready, 1, timeout_ms) != 0) {
    while (int number = signals.take()) {
      if (number == SIGTSTP) ::raise(SIGSTOP);
      if (number != SIGTSTP && number != SIGWINCH) return number;
    }
  }
  return 0;
}

void announce(const Ask& ask, const server::Service& service, const std::string& directory) {
  const auto& token = service.first_token();
  if (!token.empty()) {
    ask.io.err(str("A token was made, as there was none. It is shown this once:\n  ", token,
                   "\nCallers send it as `Authorization: Bearer TOKEN`; it may do everything.\n"));
  }
  if (ask.json()) {
    Json j = Json::object();
    j.set("url", service.url()).set("data", directory);
    ask.print_json(j.set("pid", static_cast<std::int64_t>(::getpid())));
  } else {
    ask.print(str(service.url(), "\n"));
  }
  log_info("serving", {{"url", service.url()}, {"data", directory}, {"version", PAWL_VERSION}});
}

// A second signal means now.
void drain(Session& session, Signals& signals, Duration grace) {
  UniqueFd done_read, done_write;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) == 0) {
    done_read.reset(ends[0]);
    done_write.reset(ends[1]);
  }
  std::thread watcher([&session, &signals, fd = done_read.get()] {
    pollfd wanted[] = {{signals.fd(), POLLIN, 0}, {fd, POLLIN, 0}};
    while (::poll(wanted, 2, -1) >= 0 && wanted[1].revents == 0) {
      const int number = signals.take();
      if (number == 0 || number == SIGWINCH || number == SIGTSTP) continue;
      session.hurry();
      return;
    }
  });
  session.drain(false, grace);
  done_write.reset();
  watcher.join();
}

Result<int> run_server(const Ask& ask, Access access, std::string mode) {
  server::Service::Options options;
  options.directory = data_directory(ask);
  options.listen = TRY(server::parse_listen(ask.text("listen")));
  options.hosts = ask.args.all("host");
  options.mode = std::move(mode);
  options.require_token = ask.args.on("require-token");
  Signals signals;  // before any thread
  auto opened = server::Service::open(options);
  if (!opened.ok()) {
    if (opened.error().code != Errc::conflict) return opened.error();
    return with_hint(opened.error(), "--listen ADDR:PORT takes another port");
  }
  auto service = std::move(*opened);
  auto session = TRY(Session::open(ask, access));
  if (!session->owns()) return owned_by_another(*session);
  set_log({.level = ask.args.on("verbose") ? LogLevel::debug : LogLevel::info,
           .json = ask.args.on("log-json")});
  TRY(service->start(session->methods()));
  announce(ask, *service, options.directory);
  const int number = wait_for_end(signals, -1);
  log_info("stopping", {{"signal", number}});
  service->stop(system_clock().mono() + kAnswersGrace);
  if (access == Access::carry) {
    drain(*session, signals, ask.args.duration("grace").value_or(Duration{0}));
  }
  service.reset();
  session.reset();
  log_info("stopped", {});
  return 0;
}

}  // namespace

Result<int> run_serve(const Ask& ask) { return run_server(ask, Access::serve, "serve"); }
Result<int> run_up(const Ask& ask) { return run_server(ask, Access::carry, "up"); }

}  // namespace pawl::cli
