#include "server/router_testing.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace pawl::server {

Status RoleDoor::check_source(const HttpRequest& head) {
  if (head.host == "evil") return {Errc::forbidden, "the Host is not this server's"};
  return {};
}

Caller RoleDoor::identify(const HttpRequest& head) {
  const auto* field = head.header("authorization");
  if (!field || !field->starts_with("Bearer ")) return {};
  auto role = parse_role(field->substr(7));
  if (!role.ok()) return {};
  return {field->substr(7), *role, {}};
}

Json Answer::json() const {
  auto parsed = Json::parse(body);
  return parsed.ok() ? *parsed : Json();
}

std::string Answer::header(std::string_view name) const {
  const auto wanted = lower(name);
  for (auto line : split(head, '\n')) {
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && lower(line.substr(0, colon)) == wanted)
      return std::string(trim(line.substr(colon + 1)));
  }
  return {};
}

Answer parse_answer(const std::string& raw) {
  Answer a;
  const auto end = raw.find("\r\n\r\n");
  a.head = raw.substr(0, end);
  if (end != std::string::npos) a.body = raw.substr(end + 4);
  if (a.head.size() > 12) std::from_chars(a.head.data() + 9, a.head.data() + 12, a.status);
  return a;
}

std::string request_text(std::string_view method, std::string_view target, std::string_view token,
                         std::string_view body, const AskHeaders& headers) {
  auto out = str(method, ' ', target, " HTTP/1.1\r\n");
  bool host = false, type = false;
  for (const auto& [name, value] : headers) {
    out += str(name, ": ", value, "\r\n");
    host = host || name == "Host";
    type = type || name == "Content-Type";
  }
  if (!host) out += "Host: localhost\r\n";
  if (!token.empty()) out += str("Authorization: Bearer ", token, "\r\n");
  if (!body.empty()) {
    if (!type) out += "Content-Type: application/json\r\n";
    out += str("Content-Length: ", body.size(), "\r\n");
  }
  return str(out, "Connection: close\r\n\r\n", body);
}

RouterBed::RouterBed(unsigned threads, std::size_t queue)
    : router({.doorkeeper = &door, .threads = threads, .queue = queue, .clock = nullptr}) {}

void RouterBed::open() {
  auto opened = HttpServer::open({}, router);
  PAWL_ASSERT(opened.ok());
  server = std::move(*opened);
}

Answer RouterBed::ask(std::string_view method, std::string_view target, std::string_view token,
                      std::string_view body, const AskHeaders& headers) {
  RawClient client(server->port());
  client.send(request_text(method, target, token, body, headers));
  return parse_answer(client.rest());
}

}  // namespace pawl::server
