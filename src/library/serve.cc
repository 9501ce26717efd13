// serve(): an App behind an HttpServer. The loop's thread reads requests and hands them to a few
// threads of our own, where routes may wait for the engine and the disk.
#include <arpa/inet.h>
#include <poll.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/text.h"
#include "library/inside.h"
#include "server/http_server.h"
#include "server/work_pool.h"

namespace pawl::v1 {
namespace {

using server::HttpHandler;
using server::HttpRefusal;
using server::HttpReply;
using server::HttpRequest;
using server::HttpResponse;
using server::HttpServer;

constexpr std::size_t kQueue = 64;
constexpr std::size_t kSmallBody = 256u << 10;

HttpResponse to_http(Response response) {
  HttpResponse http;
  http.status = response.status;
  http.content_type = std::move(response.content_type);
  http.body = std::move(response.body);
  // What an app sends is never more than its type says.
  http.headers.emplace_back("X-Content-Type-Options", "nosniff");
  http.headers.emplace_back("Cache-Control", "no-store");
  http.headers.emplace_back("X-Frame-Options", "DENY");
  return http;
}

HttpResponse problem(int status, const char* title, const std::string& detail) {
  Value body = Value::object({{"type", "about:blank"}, {"title", title}, {"status", status}});
  body.set("detail", detail);
  return to_http({status, "application/problem+json", body.json()});
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// "localhost:80" is "localhost", "[::1]:80" is "[::1]".
std::string host_name(std::string_view authority) {
  const auto end = authority.starts_with('[') ? authority.find(']') : authority.rfind(':');
  if (end == std::string_view::npos) return lower_case(authority);
  return lower_case(authority.substr(0, authority.starts_with('[') ? end + 1 : end));
}

bool is_loopback(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  return ::inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

class Mounted final : public HttpHandler {
 public:
  Mounted(App& app, const ServeOptions& options)
      : app_(app), options_(options), pool_(options.threads, kQueue) {}

  std::size_t body_limit(const HttpRequest&) override { return options_.max_body_bytes; }

  std::string body_folder(const HttpRequest& head) override {
    const auto* length = head.header("content-length");
    const bool small = length && length->size() <= 6 && std::stoul(*length) < kSmallBody;
    return small || !is_ours(head) ? "" : options_.body_folder;
  }

  void handle(HttpRequest request, HttpReply reply) override {
    if (!is_ours(request)) {
      return reply.send(problem(403, "forbidden", "the request comes from another site"));
    }
    // std::function must be copyable, a reply is not.
    auto job =
        std::make_shared<std::pair<HttpRequest, HttpReply>>(std::move(request), std::move(reply));
    if (!pool_.post([this, job] { job->second.send(answer(std::move(job->first))); })) {
      job->second.send(problem(503, "unavailable", "too many requests wait already"));
    }
  }

  HttpResponse refused(const HttpRefusal& refusal) override {
    return problem(refusal.status, server::reason_phrase(refusal.status), refusal.why);
  }

 private:
  bool is_ours(const HttpRequest& request) const {
    const auto host = host_name(request.host);
    std::string bare = host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
    const auto& more = options_.hosts;
    const bool named = host.empty() || host == "localhost" || is_loopback(bare) ||
                       std::find(more.begin(), more.end(), host) != more.end();
    const auto* origin = request.header("origin");
    if (!named || !origin) return named;
    const auto slashes = origin->find("://");
    return slashes != std::string::npos &&
           lower_case(origin->substr(slashes + 3)) == lower_case(request.host);
  }

  HttpResponse answer(HttpRequest http) const {
    Request request;
    // A HEAD is a GET whose body the server leaves out.
    request.method = http.method == "HEAD" ? "GET" : http.method;
    const bool slash = lower_case(http.path).find("%2f") != std::string::npos;
    if (slash || !server::percent_decode(http.path, false, request.path)) {
      return problem(400, "invalid", "the path holds a broken escape");
    }
    for (auto pair : split(http.query, '&')) {
      if (pair.empty()) continue;
      const auto equals = pair.find('=');
      std::string key, value;
      const bool fine = server::percent_decode(pair.substr(0, equals), true, key) &&
                        (equals == std::string_view::npos ||
                         server::percent_decode(pair.substr(equals + 1), true, value));
      if (!fine) return problem(400, "invalid", "the query holds a broken escape");
      request.query.insert_or_assign(std::move(key), std::move(value));
    }
    for (auto& [name, value] : http.headers)
      request.headers.insert_or_assign(name, std::move(value));
    request.body = std::move(http.body);
    if (http.body_file) request.body_file = http.body_file->get();
    request.role = Role::admin;
    return to_http(app_.handle(std::move(request)));
  }

  App& app_;
  const ServeOptions& options_;
  server::WorkPool pool_;
};

}  // namespace

Status serve(App& app, Orchestrator& orchestrator, ServeOptions options) {
  if (!is_loopback(options.address)) {
    return {Code::invalid, str(options.address, " is no address of loopback"),
            "serve on 127.0.0.1, with a proxy before it that knows its users"};
  }
  for (auto& host : options.hosts)
    host = lower_case(host);
  if (auto attached = app.attach(orchestrator); !attached.ok()) return attached;
  Mounted mounted(app, options);
  HttpServer::Options how;
  how.address = options.address;
  how.port = options.port;
  how.connections = options.connections;
  how.limits.body_bytes = options.max_body_bytes;
  auto opened = HttpServer::open(how, mounted);
  if (!opened.ok()) return to_status(opened.error());
  auto http = std::move(*opened);
  if (options.on_ready) options.on_ready(http->port());
  pollfd stop{options.stop_fd, POLLIN, 0};
  while (::poll(&stop, 1, -1) < 0 && errno == EINTR) {
  }
  http->drain(system_clock().mono() + options.patience);
  return {};
}

}  // namespace pawl::v1
