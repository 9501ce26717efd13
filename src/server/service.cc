#include "server/service.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <thread>

#include "base/text.h"

namespace pawl::server {

Result<ListenAddress> parse_listen(std::string_view text) {
  ListenAddress out;
  std::string_view port = text;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    auto address = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (address.starts_with('[') && address.ends_with(']')) {
      address = address.substr(1, address.size() - 2);
    } else if (address == "localhost") {
      address = "127.0.0.1";
    }
    out.address = address;
  }
  const auto [end, bad] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  in6_addr space;
  const bool numeric = ::inet_pton(AF_INET, out.address.c_str(), &space) == 1 ||
                       ::inet_pton(AF_INET6, out.address.c_str(), &space) == 1;
  if (bad == std::errc{} && end == port.data() + port.size() && numeric) return out;
  return {Errc::usage,
          str("--listen: found \"", text,
              "\", expected an address with a port, such as 127.0.0.1:7070 or [::1]:7070")};
}

// What the port answers: 503 until there is a router.
class Service::Front final : public HttpHandler {
 public:
  std::size_t body_limit(const HttpRequest& head) override {
    auto* router = router_.load();
    return router ? router->body_limit(head) : Router::kUnknownBody;
  }
  void handle(HttpRequest request, HttpReply reply) override {
    if (auto* router = router_.load()) return router->handle(std::move(request), std::move(reply));
    Problem starting;
    starting.code = "unavailable";
    starting.detail = "the server is starting";
    starting.headers.emplace_back("Retry-After", "1");
    reply.send(problem_response(starting, request.path, "starting"));
  }
  HttpResponse refused(const HttpRefusal& refusal) override {
    if (auto* router = router_.load()) return router->refused(refusal);
    return {refusal.status, "text/plain; charset=utf-8", refusal.why, {}, false};
  }
  void open(Router& router) { router_ = &router; }

 private:
  std::atomic<Router*> router_{nullptr};
};

Service::Service(Options options)
    : options_(std::move(options)),
      clock_(options_.clock ? *options_.clock : system_clock()),
      front_(std::make_unique<Front>()) {}

Service::~Service() = default;

Result<std::unique_ptr<Service>> Service::open(Options options) {
  std::unique_ptr<Service> service(new Service(std::move(options)));
  HttpServer::Options http;
  http.address = service->options_.listen.address;
  http.port = service->options_.listen.port;
  http.threads = std::clamp(std::thread::hardware_concurrency(), 1u, 4u);
  http.clock = service->options_.clock;
  service->server_ = TRY(HttpServer::open(std::move(http), *service->front_));
  return service;
}

Status Service::start(Methods& methods, const std::function<void(Router&)>& more) {
  const auto& address = options_.listen.address;
  const bool open_door = is_loopback(address) && !options_.require_token;
  if (!open_door && TRY(read_tokens(options_.directory)).empty()) {
    Token token;
    token.name = "first";
    token.role = Role::admin;
    first_token_ = TRY(create_token(options_.directory, std::move(token), clock_.now()));
  }
  access_ = std::make_unique<Access>(Access::Options{options_.directory, address, options_.hosts,
                                                     options_.require_token, options_.clock});
  Router::Options routing;
  routing.doorkeeper = access_.get();
  routing.clock = options_.clock;
  router_ = std::make_unique<Router>(routing);
  stream_ = std::make_unique<StreamHub>(methods.engine, methods.store, clock_);
  TRY(stream_->start());
  api_.reset(new Api{methods.engine,
                     methods.store,
                     methods,
                     clock_,
                     clock_.now(),
                     options_.mode,
                     router_.get(),
                     [this] { return server_->statistics(); },
                     {},
                     stream_.get(),
                     access_.get()});
  add_api_routes(*router_, *api_);
  if (more) more(*router_);
  front_->open(*router_);
  return {};
}

void Service::stop(Mono until) {
  if (api_) api_->stopping = true;
  if (router_) router_->close();
  if (stream_) stream_->say_goodbye();
  server_->drain(until);
  server_.reset();
  router_.reset();  // waits for handlers that run
  stream_.reset();
}

std::string Service::url() const {
  const auto& address = options_.listen.address;
  const bool v6 = address.find(':') != std::string::npos;
  return str("http://", v6 ? "[" : "", address, v6 ? "]" : "", ":", server_->port());
}

}  // namespace pawl::server
