#pragma once
// For tests of routes: a router behind a real server, with a doorkeeper to whom a token is the name
// of its role, and requests written in one line.
//
//   RouterBed bed;
//   bed.router.add(Role::viewer, {...});
//   bed.open();
//   EXPECT_EQ(bed.ask("GET", "/api/v1/runs", "viewer").status, 200);

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/http_client_testing.h"
#include "server/router.h"

namespace pawl::server {

class RoleDoor final : public Doorkeeper {
 public:
  Status check_source(const HttpRequest& head) override;
  Caller identify(const HttpRequest& head) override;
};

// A response, taken apart.
struct Answer {
  int status = 0;
  std::string head, body;
  Json json() const;                                // null where it is none
  std::string header(std::string_view name) const;  // "" none; names in any case
};
Answer parse_answer(const std::string& raw);

using AskHeaders = std::vector<std::pair<std::string, std::string>>;
// "GET /path HTTP/1.1" with a Host, a token where it is not "", and the body's length.
std::string request_text(std::string_view method, std::string_view target, std::string_view token,
                         std::string_view body = {}, const AskHeaders& headers = {});

class RouterBed {
 public:
  explicit RouterBed(unsigned threads = 4, std::size_t queue = 16);
  void open();
  // One request on a connection of its own. A body goes as JSON, unless `headers` has its type.
  Answer ask(std::string_view method, std::string_view target, std::string_view token = {},
             std::string_view body = {}, const AskHeaders& headers = {});
  std::uint16_t port() const { return server->port(); }

  RoleDoor door;
  Router router;
  std::unique_ptr<HttpServer> server;
};

}  // namespace pawl::server
