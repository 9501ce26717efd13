#include "cli/commands_serving.h"

namespace pawl::cli {
namespace {

constexpr std::string_view kServing = "Serve";

std::vector<FlagSpec> server_flags() {
  return {{.name = "listen",
           .kind = FlagKind::text,
           .value = "ADDR:PORT",
           .help = "where to listen; port 0 takes any",
           .fallback = "127.0.0.1:7070",
           .common = true},
          {.name = "host",
           .kind = FlagKind::text,
           .value = "NAME",
           .help = "another name that clients call this server by",
           .repeat = true},
          {.name = "require-token", .help = "ask for a token on a loopback address, too"},
          {.name = "log-json", .help = "what the server itself says, as JSON lines on stderr"}};
}

constexpr std::string_view kServerDetails =
    "On a loopback address without tokens whoever can connect is admin, as whoever can read the "
    "data directory. On any other address a token is asked for; where there is none, one is made "
    "and printed once. There is no TLS: put a proxy in front of a server that others can reach.\n\n"
    "TERM or Ctrl-C stops it: requests under way are answered first. Commands on the same data "
    "directory go on working; they reach the server through its control socket.";

CommandSpec up_command() {
  CommandSpec spec{
      .name = "up",
      .summary = "server and a local worker in one process",
      .group = kServing,
      .flags = server_flags(),
      .examples = {{"pawl up", "on http://127.0.0.1:7070, with ./.pawl as its data"},
                   {"pawl up --data /srv/pawl --listen 0.0.0.0:7070 --host pawl.example.org",
                    "for others, behind a proxy with TLS"}},
      .details = kServerDetails};
  spec.flags.push_back({.name = "slots",
                        .kind = FlagKind::integer,
                        .value = "N",
                        .help = "tasks at once (default: two a processor, at least 4)",
                        .common = true});
  spec.flags.push_back({.name = "resource",
                        .kind = FlagKind::pair,
                        .value = "NAME=N",
                        .help = "what this machine has, such as gpu=2",
                        .repeat = true});
  spec.flags.push_back({.name = "grace",
                        .kind = FlagKind::duration,
                        .value = "TIME",
                        .help = "how long tasks may go on when it stops; then they are stopped, "
                                "and run again at the next start",
                        .fallback = "10s"});
  return spec;
}

CommandSpec serve_command() {
  return {.name = "serve",
          .summary = "the server alone; workers elsewhere do the work",
          .group = kServing,
          .flags = server_flags(),
          .examples = {{"pawl serve --data /srv/pawl", "on http://127.0.0.1:7070"},
                       {"pawl serve --listen '[::1]:0' --json", "any port; prints which"}},
          .details = kServerDetails};
}

CommandSpec token_command() {
  return {.name = "token",
          .summary = "make, list and remove tokens of the API",
          .group = kServing,
          .args = {{.name = "ACTION", .complete = Complete::choice, .choices = "create|ls|rm"},
                   {.name = "NAME", .optional = true}},
          .flags = {{.name = "role",
                     .kind = FlagKind::choice,
                     .value = "ROLE",
                     .help = "what it allows (create)",
                     .choices = "viewer|operator|admin|worker",
                     .common = true},
                    {.name = "queue",
                     .kind = FlagKind::text,
                     .value = "QUEUE",
                     .help = "a queue that the worker may serve (default: every one)",
                     .repeat = true},
                    {.name = "expires",
                     .kind = FlagKind::duration,
                     .value = "TIME",
                     .help = "how long it is good for (default: until it is removed)",
                     .common = true}},
          .examples = {{"pawl token create ci --role operator --expires 90d",
                        "printed once, on stdout"},
                       {"pawl token create gpu-2 --role worker --queue gpu", "for one machine"},
                       {"pawl token rm ci", "at once, also for a server that runs"}},
          .details =
              "viewer reads; operator also starts and steers runs and decides gates; admin also "
              "registers workflows, which is to run commands on the workers; worker takes and "
              "reports work.\n\nThe data directory keeps the SHA-256 of a token, not its text: "
              "it cannot be shown again."};
}

}  // namespace

std::vector<CommandSpec> serving_commands() {
  return {up_command(), serve_command(), token_command()};
}

}  // namespace pawl::cli
