#pragma once
// HttpServer: a listener and a few loops that carry requests to one handler and its answers back.
//
//   socket --> loop thread: HttpReader --> HttpHandler::handle(request, reply)
//                ^  bytes to send <------- reply.send(response)      from any thread, later
//
// A connection belongs to one loop for life. Requests on it are answered one after another; while
// one is being answered nothing more of it is read, so a client that sends without reading holds
// one head and one body at most. Everything has an end: heads and bodies that do not come, answers
// that are not taken, connections that stay silent. A connection can be taken over (WebSocket,
// server-sent events): from then on it carries bytes, with a bound on what waits to be sent.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "server/http_reader.h"

namespace pawl::server {

struct HttpResponse {
  int status = 200;
  std::string content_type;  // "" none
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  bool close = false;  // the connection ends behind it
};

// One end of a connection that was taken over. Thread-safe.
class HttpChannel {
 public:
  virtual ~HttpChannel() = default;
  // Queues bytes. False: the connection is gone, or more than `bound` would wait; nothing was
  // queued then.
  virtual bool send(std::string_view bytes, std::size_t bound) = 0;
  // Ends it once what waits was sent; a peer that does not take it is cut off.
  virtual void close() = 0;
};

// What a connection that was taken over tells. On its loop's thread; must not block.
class HttpListener {
 public:
  virtual ~HttpListener() = default;
  virtual void opened(std::shared_ptr<HttpChannel> channel) = 0;
  virtual void received(std::string_view bytes) = 0;
  virtual void drained() {}  // nothing waits to be sent any more
  virtual void closed() = 0;
};

// The answer to one request: to be given once, from any thread. One that is dropped answers 500.
class HttpReply {
 public:
  struct Target;
  explicit HttpReply(std::unique_ptr<Target> target);
  HttpReply(HttpReply&&) noexcept;
  HttpReply& operator=(HttpReply&&) noexcept;
  ~HttpReply();
  void send(HttpResponse response);
  // Called with the answer just before it goes, whoever gives it: for fields that all answers have.
  void before_send(std::function<void(HttpResponse&)> hook);
  // Calls, once and on the connection's thread, if the peer hangs up before the answer is sent. An
  // answer is due all the same. REQUIRES: it was not sent yet.
  void when_gone(std::function<void()> call);
  // Sends the head as it stands, with the response's own framing headers, and hands the connection
  // over.
  void take_over(HttpResponse head, std::shared_ptr<HttpListener> listener);

 private:
  std::unique_ptr<Target> target_;
  std::function<void(HttpResponse&)> hook_;
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // The head is there, the body is not: how large it may be.
  virtual std::size_t body_limit(const HttpRequest& head) = 0;
  virtual void handle(HttpRequest request, HttpReply reply) = 0;
  // What is answered to a request that was refused before it was whole.
  virtual HttpResponse refused(const HttpRefusal& refusal) = 0;
};

class HttpServer {
 public:
  struct Options {
    std::string address = "127.0.0.1";  // numeric
    std::uint16_t port = 0;             // 0: any
    unsigned threads = 1;
    std::size_t connections = 20'000;  // at once; more are closed at the door
    HttpLimits limits;
    Duration head_time = std::chrono::seconds(10);   // from its first byte to its last
    Duration body_time = std::chrono::seconds(60);   // of silence, and 16 KiB a second on average
    Duration idle_time = std::chrono::seconds(60);   // between requests
    Duration write_time = std::chrono::seconds(30);  // without the client taking a byte
    const Clock* clock = nullptr;                    // null: the machine's
  };

  // Errors: usage where the address is none; conflict where it is taken; io.
  static Result<std::unique_ptr<HttpServer>> open(Options options, HttpHandler& handler);
  // Closes everything at once; replies that are still out are dropped.
  ~HttpServer();
  // No more connections; answers that are due are sent, with "Connection: close". Returns when
  // all are, or at `until`.
  void drain(Mono until);

  std::uint16_t port() const;
  struct Statistics {
    std::size_t connections = 0;
    std::uint64_t requests = 0, refused = 0, turned_away = 0;
  };
  Statistics statistics() const;

 private:
  class Loop;
  struct Shared;
  HttpServer();
  std::unique_ptr<Shared> shared_;
};

// "404 Not Found", as in the status line.
const char* reason_phrase(int status);

}  // namespace pawl::server
