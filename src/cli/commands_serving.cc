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
          {.name = "worker-lease",
           .kind = FlagKind::duration,
           .value = "TIME",
           .help = "a worker elsewhere that is silent so long is lost",
           .fallback = "30s"},
          {.name = "require-token", .help = "ask for a token on a loopback address, too"},
          {.name = "log-json", .help = "what the server itself says, as JSON lines on stderr"}};
}

constexpr std::string_view kServerDetails =
    "On a loopback address without tokens whoever can connect is admin; where other people have "
    "accounts on the machine, use --require-token. On any other address a token is asked for; "
    "where there is none, one is made and printed once. There is no TLS: put a proxy in front of a "
    "server that others can reach.\n\n"
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

CommandSpec api_command() {
  return {
      .name = "api",
      .summary = "send one request to a server's API",
      .group = kServing,
      .args = {{.name = "METHOD",
                .complete = Complete::choice,
                .choices = "GET|POST|PUT|DELETE|HEAD"},
               {.name = "PATH"}},
      .flags = {{.name = "body",
                 .letter = 'd',
                 .kind = FlagKind::text,
                 .value = "JSON|@FILE|-",
                 .help = "what is sent; a .yaml file goes as YAML",
                 .common = true},
                {.name = "type",
                 .kind = FlagKind::text,
                 .value = "MEDIA-TYPE",
                 .help = "of the body, where it is another"},
                {.name = "header",
                 .letter = 'H',
                 .kind = FlagKind::pair,
                 .value = "NAME=VALUE",
                 .help = "a field of the request",
                 .repeat = true}},
      .examples = {{"pawl api GET runs?state=failed", "below /api/v1/"},
                   {"pawl api POST workflows -d @nightly.yaml", "register a file"},
                   {"pawl api POST runs -d '{\"workflow\": \"nightly\"}' -H Idempotency-Key=day-1",
                    "at most one run for that key"},
                   {"pawl api GET /readyz", "any other path of the server"}},
      .details =
          "The server is --server, else $PAWL_SERVER, else http://127.0.0.1:7070; the "
          "token is the first line of --token-file, else of $PAWL_TOKEN_FILE. The exit "
          "code is that of the problem which is answered."};
}

}  // namespace

std::vector<FlagSpec> server_access_flags() {
  return {{.name = "server",
           .kind = FlagKind::text,
           .value = "URL",
           .help = "ask this server instead of a data directory (or $PAWL_SERVER)"},
          {.name = "token-file",
           .kind = FlagKind::text,
           .value = "FILE",
           .help = "the file that holds its token (or $PAWL_TOKEN_FILE)"}};
}

std::vector<CommandSpec> serving_commands() {
  auto api = api_command();
  for (auto& flag : server_access_flags())
    api.flags.push_back(flag);
  return {up_command(), serve_command(), token_command(), std::move(api)};
}

}  // namespace pawl::cli
