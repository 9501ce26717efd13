#include "server/control.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "base/failpoint.h"
#include "base/text.h"

namespace pawl::server {
namespace {

constexpr std::size_t kMaxCallers = 64;
constexpr std::size_t kSlowBytes = 4u << 20;  // a watcher this far behind gets nothing more for now

Json error_json(const Error& e) {
  Json inner = Json::object();
  inner.set("code", to_string(e.code)).set("message", e.message);
  return Json::object().set("error", std::move(inner));
}

Error error_of(const Json& j) {
  Error e{Errc::internal, j["message"].is_string() ? j["message"].as_string() : "no message"};
  auto name = j["code"].is_string() ? j["code"].as_string() : "";
  for (int c = 0; c <= static_cast<int>(Errc::internal); ++c) {
    if (name == to_string(static_cast<Errc>(c))) e.code = static_cast<Errc>(c);
  }
  return e;
}

}  // namespace

struct ControlServer::Caller {
  explicit Caller(UniqueFd fd) : socket(std::move(fd)) {}
  LineSocket socket;
  std::unique_ptr<Feed> feed;
};

ControlServer::ControlServer(std::string directory, Methods& methods)
    : directory_(std::move(directory)), methods_(methods) {}

Result<std::unique_ptr<ControlServer>> ControlServer::open(const std::string& directory,
                                                           Methods& methods) {
  std::unique_ptr<ControlServer> server(new ControlServer(directory, methods));
  server->listener_ = TRY(listen_at(directory, kControlSocket));
  server->wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  server->thread_ = std::thread([s = server.get()] { s->loop(); });
  return server;
}

ControlServer::~ControlServer() { stop(); }

void ControlServer::stop() {
  if (!thread_.joinable()) return;
  std::uint64_t one = 1;
  [[maybe_unused]] auto n = ::write(wake_.get(), &one, sizeof one);
  thread_.join();
  ::unlink(str(directory_, "/", kControlSocket).c_str());
  listener_.reset();
  for (auto& caller : callers_)
    caller->feed.reset();  // feeds belong to the engine, which goes next
}

void ControlServer::loop() {
  std::vector<pollfd> wanted;
  while (true) {
    wanted.clear();
    wanted.push_back({wake_.get(), POLLIN, 0});
    wanted.push_back(
        {listener_.get(), static_cast<short>(callers_.size() < kMaxCallers ? POLLIN : 0), 0});
    for (const auto& caller : callers_) {
      bool behind = caller->socket.unsent() > 0;
      wanted.push_back(
          {caller->socket.fd(), static_cast<short>(POLLIN | (behind ? POLLOUT : 0)), 0});
      bool listen = caller->feed && caller->socket.unsent() < kSlowBytes;
      wanted.push_back({listen ? caller->feed->fd() : -1, POLLIN, 0});
    }
    if (::poll(wanted.data(), wanted.size(), -1) < 0) continue;
    if (wanted[0].revents != 0) return farewell();
    std::size_t at = 2;
    std::erase_if(callers_, [&](const std::unique_ptr<Caller>& caller) {
      short socket = wanted[at++].revents, news = wanted[at++].revents;
      if ((socket & POLLOUT) && !caller->socket.flush_some()) return true;
      if ((socket & (POLLIN | POLLHUP | POLLERR)) && !read(*caller)) return true;
      return (news & POLLIN) && !feed(*caller);
    });
    if (wanted[1].revents != 0) accept();
    watchers_ = static_cast<std::size_t>(
        std::count_if(callers_.begin(), callers_.end(),
                      [](const auto& caller) { return caller->feed != nullptr; }));
  }
}

// What watchers have not heard yet, most of all that their run ended; who does not read now, misses
// it.
void ControlServer::farewell() {
  for (auto& caller : callers_) {
    if (caller->feed && !feed(*caller)) continue;
    pollfd wanted{caller->socket.fd(), POLLOUT, 0};
    while (caller->socket.unsent() > 0 && ::poll(&wanted, 1, 200) == 1) {
      if (!caller->socket.flush_some()) break;
    }
  }
}

void ControlServer::accept() {
  if (auto fd = accept_own_user(listener_.get())) {
    failpoint("control.accept");
    callers_.push_back(std::make_unique<Caller>(std::move(fd)));
  }
}

bool ControlServer::read(Caller& caller) {
  bool alive = caller.socket.fill();
  while (auto line = caller.socket.next_line()) {
    if (!answer(caller, *line)) return false;
  }
  return alive;
}

bool ControlServer::answer(Caller& caller, const std::string& line) {
  auto request = Json::parse(line);
  if (!request.ok()) return caller.socket.send(error_json(request.error()).dump());
  const Json& method = (*request)["method"];
  const Json& params = (*request)["params"];
  auto name = method.is_string() ? method.as_string() : std::string();
  failpoint("control.asked");
  Json reply = Json::object();
  if (name == "watch") {
    bool logs = params["logs"].is_bool() && params["logs"].as_bool();
    auto id = params["run_id"].is_integer() ? params["run_id"].as_integer() : 0;
    auto opened = EngineFeed::open(methods_.engine, RunId{id}, logs);
    if (!opened.ok()) return caller.socket.send(error_json(opened.error()).dump());
    caller.feed = std::move(*opened);
    failpoint("control.watched");
    return caller.socket.send(reply.set("result", Json::object()).dump());
  }
  auto result = methods_.call(name, params);
  failpoint("control.done");
  if (!result.ok()) return caller.socket.send(error_json(result.error()).dump());
  return caller.socket.send(reply.set("result", std::move(*result)).dump());
}

bool ControlServer::feed(Caller& caller) {
  for (const auto& item : caller.feed->take()) {
    if (!caller.socket.send(item_to_json(item).dump())) return false;
  }
  return true;
}

Result<std::unique_ptr<ControlClient>> ControlClient::connect(const std::string& directory) {
  auto fd = TRY(connect_at(directory, kControlSocket));
  return std::unique_ptr<ControlClient>(new ControlClient(std::move(fd)));
}

pid_t ControlClient::owner() const {
  ucred peer{};
  socklen_t size = sizeof peer;
  int known = ::getsockopt(socket_.fd(), SOL_SOCKET, SO_PEERCRED, &peer, &size);
  return known == 0 ? peer.pid : 0;
}

Result<Json> ControlClient::call(std::string_view method, Json params, Mono until) {
  Json request = Json::object();
  request.set("method", method).set("params", std::move(params));
  socket_.send(request.dump());
  TRY(socket_.flush());
  auto line = TRY(socket_.receive(until));
  Json::Limits limits;
  limits.max_bytes = LineSocket::kMaxLine;
  auto answer = TRY(Json::parse(line, limits));
  if (const Json* error = answer.find("error")) return error_of(*error);
  return answer["result"];
}

namespace {

class SocketFeed final : public Feed {
 public:
  explicit SocketFeed(LineSocket socket) : socket_(std::move(socket)) {}
  int fd() const override { return socket_.fd(); }
  std::vector<FeedItem> take() override {
    std::vector<FeedItem> items;
    if (closed_) return items;
    bool alive = socket_.fill();
    while (auto line = socket_.next_line()) {
      Json::Limits limits;
      limits.max_bytes = LineSocket::kMaxLine;
      auto json = Json::parse(*line, limits);
      if (!json.ok()) continue;
      auto item = item_from_json(*json);
      if (item.ok()) items.push_back(std::move(*item));
    }
    if (!alive) {
      closed_ = true;
      FeedItem end;
      end.kind = FeedKind::closed;
      items.push_back(std::move(end));
    }
    return items;
  }

 private:
  LineSocket socket_;
  bool closed_ = false;
};

}  // namespace

Result<std::unique_ptr<Feed>> ControlClient::watch(const std::string& directory, RunId run,
                                                   bool logs) {
  auto client = TRY(connect(directory));
  Json params = Json::object();
  TRY(client->call("watch", params.set("run_id", run.value).set("logs", logs)));
  // Lines that came with the answer are in the socket's buffer: an empty read finds them.
  return std::unique_ptr<Feed>(new SocketFeed(std::move(client->socket_)));
}

}  // namespace pawl::server
