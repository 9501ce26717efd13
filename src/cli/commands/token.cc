// token: who may call the API of a data directory. A server that runs reads the file again by
// itself.
#include "base/fs.h"
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/session.h"
#include "cli/table.h"
#include "server/tokens.h"

namespace pawl::cli {
namespace {

std::string roles_text(const server::Token& token) {
  return token.queues.empty()
             ? std::string(server::to_string(token.role))
             : str(server::to_string(token.role), " of ", join(token.queues, ", "));
}

Json token_json(const server::Token& token) {
  Json queues = Json::array();
  for (const auto& queue : token.queues)
    queues.push(queue);
  Json j = Json::object();
  j.set("name", token.name).set("role", server::to_string(token.role));
  j.set("queues", std::move(queues)).set("created_at", format_time(token.created));
  return j.set("expires_at", token.expires == kNever ? Json() : Json(format_time(token.expires)));
}

Result<int> create(const Ask& ask, const std::string& directory, const std::string& name) {
  const auto role = ask.args.text("role");
  if (!role) {
    return with_hint({Errc::usage, "--role is missing: what may it do?"},
                     "viewer, operator, admin or worker");
  }
  const auto now = system_clock().now();
  server::Token token;
  token.name = name;
  token.role = TRY(server::parse_role(*role));
  token.queues = ask.args.all("queue");
  if (auto lives = ask.args.duration("expires")) token.expires = now + *lives;
  TRY(make_dirs(directory, 0700));
  const auto text = TRY(server::create_token(directory, token, now));
  if (ask.json()) {
    token.created = now;
    ask.print_json(token_json(token).set("token", text));
    return 0;
  }
  ask.note("it is shown this once; callers send it as `Authorization: Bearer TOKEN`");
  ask.print(text + "\n");
  return 0;
}

Result<int> list(const Ask& ask, const std::string& directory) {
  auto tokens = TRY(server::read_tokens(directory));
  Json all = Json::array();
  Table table({{.head = "NAME", .cut = true},
               {.head = "ROLE", .cut = true},
               {.head = "MADE", .drop = 1},
               {.head = "EXPIRES"}});
  const auto now = system_clock().now();
  for (const auto& token : tokens) {
    all.push(token_json(token));
    const auto expires = token.expires == kNever ? std::string("never")
                         : token.expires <= now  ? std::string("expired")
                                                 : format_time(token.expires);
    table.add({token.name, roles_text(token), format_time(token.created), expires});
  }
  if (ask.json()) {
    ask.print_json(all);
  } else {
    ask.print(table.print(ask.io.out_term()));
    if (tokens.empty()) ask.note("no tokens: a server on a loopback address asks for none");
  }
  return 0;
}

}  // namespace

Result<int> run_token(const Ask& ask) {
  const auto directory = data_directory(ask);
  const auto action = *ask.args.arg("ACTION");
  const auto name = ask.args.arg("NAME");
  if (action == "ls" && !name) return list(ask, directory);
  if (action == "create" && name) return create(ask, directory, *name);
  if (action == "rm" && name) {
    TRY(server::remove_token(directory, *name));
    if (ask.json()) ask.print_json(Json::object().set("removed", *name));
    return 0;
  }
  return with_hint(
      {Errc::usage, str("pawl token ", action, name ? " takes no name" : " needs a name")},
      "pawl token create NAME --role ROLE, pawl token rm NAME, or pawl token ls");
}

}  // namespace pawl::cli
