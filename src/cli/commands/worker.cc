// worker: carries out tasks of a server on this machine, until it is told to stop.
#include "worker/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "base/fs.h"
#include "base/random.h"
#include "base/text.h"
#include "cli/api_client.h"
#include "cli/handlers.h"
#include "cli/signals.h"
#include "server/worker_client.h"

namespace pawl::cli {
namespace {

// Of goodbyes, once the tasks are done: a server that is away gets them at the next start.
constexpr std::chrono::seconds kGoodbye{10};

std::string worker_directory(const Ask& ask) {
  if (auto flag = ask.args.text("data")) return *flag;
  const char* variable = ask.io.environment("PAWL_DATA");
  return variable && *variable ? variable : "./.pawl-worker";
}

// What makes this directory one worker in the server's eyes, whichever process works in it.
Result<std::string> key_of(const std::string& directory) {
  const auto path = str(directory, "/worker.key");
  auto found = read_file(path, 1024);
  if (found.ok() && trim(*found).size() >= 16) return std::string(trim(*found));
  if (!found.ok() && found.error().code != Errc::not_found) return found.error();
  std::string key;
  for (int word = 0; word < 4; ++word) {
    auto draw = entropy();
    for (int digit = 0; digit < 16; ++digit, draw >>= 4)
      key.push_back("0123456789abcdef"[draw & 15]);
  }
  TRY(write_file_atomic(path, key + "\n", 0600));
  return key;
}

Result<worker::WorkerOptions> options_of(const Ask& ask, std::string directory) {
  worker::WorkerOptions o;
  o.data_dir = std::move(directory);
  o.name = ask.text("name");
  o.queues = ask.args.all("queue");
  o.labels = ask.args.pairs("label");
  const auto cores = std::max(1u, std::thread::hardware_concurrency());
  const auto slots = ask.args.integer("slots");
  o.slots = slots ? static_cast<std::uint32_t>(std::clamp<std::int64_t>(*slots, 1, 100'000))
                  : std::max(4u, 2 * cores);
  o.processes = o.slots;
  if (file_exists(str(o.data_dir, "/pawl.db"))) {
    return with_hint({Errc::conflict, str(o.data_dir, " is a data directory with runs of its own")},
                     "give the worker a directory of its own with --data DIR");
  }
  return o;
}

// The next signal to end, or 0 where `also` is readable first.
int next_signal(Signals& signals, int also) {
  for (;;) {
    pollfd fds[2] = {{signals.fd(), POLLIN, 0}, {also, POLLIN, 0}};
    if (::poll(fds, also >= 0 ? 2 : 1, -1) < 0) continue;
    const int number = signals.take();
    if (number == SIGINT || number == SIGTERM || number == SIGHUP) return number;
    if (also >= 0 && fds[1].revents != 0) return 0;
  }
}

// Lets what runs end. A second signal ends the worker at once; its tasks stay with their spawner.
void drain(const Ask& ask, Signals& signals, worker::Worker& worker, server::WorkerClient& client,
           bool& delivered) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return;
  UniqueFd done(pipe[0]), end(pipe[1]);
  const auto grace = ask.args.duration("grace").value_or(std::chrono::seconds(60));
  std::thread draining([&] {
    worker.drain(grace);
    delivered = client.finish(kGoodbye);
    end.reset();
  });
  if (const int again = next_signal(signals, done.get())) {
    ask.note(
        "leaving at once; what runs goes on, and the next pawl worker on this directory "
        "takes it over");
    ::_exit(exit_of_signal(again));
  }
  draining.join();
}

}  // namespace

Result<int> run_worker(const Ask& ask) {
  const auto directory = worker_directory(ask);
  server::WorkerClient::Options o;
  auto server = server_of(ask);
  if (server.empty()) {
    return with_hint({Errc::usage, "no server is named"}, "--server URL, or PAWL_SERVER");
  }
  o.http.server = TRY(server::parse_server(server));
  o.http.token = TRY(token_of(ask));
  auto options = TRY(options_of(ask, directory));
  TRY(make_dirs(directory, 0700));
  o.key = TRY(key_of(directory));
  o.note = [&ask](const std::string& line) { ask.note(clean_line(line)); };
  Signals signals;  // before any thread
  const auto registry = actions::Registry::built_in();
  const auto slots = options.slots;
  const auto queues = options.queues.empty() ? "every queue" : join(options.queues, ", ");
  server::WorkerClient client(std::move(o));
  auto worker = TRY(worker::Worker::start(client, registry, std::move(options)));
  ask.note(str("worker: ", slots, " slots, ", clean_line(queues), ", data in ", directory));
  const int number = next_signal(signals, -1);
  ask.note("taking nothing new; waiting for what runs (once more to leave at once)");
  bool delivered = false;
  drain(ask, signals, *worker, client, delivered);
  ask.note(delivered ? "all is delivered; the worker has left"
                     : "the server is away: what it has not heard is kept here for the next start");
  worker.reset();
  return number == SIGINT ? kExitInterrupted : 0;
}

}  // namespace pawl::cli
