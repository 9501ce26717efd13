#pragma once
// HttpLoop: one thread of an HttpServer with its connections. Everything of a connection happens on
// this thread; other threads leave what they have to say in the inbox.

#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fs.h"
#include "server/http_server.h"

namespace pawl::server {

// What another thread has for a connection.
struct HttpLetter {
  enum class Kind : std::uint8_t { answer, take_over, bytes, close, watch };
  std::uint64_t connection = 0;
  Kind kind = Kind::answer;
  HttpResponse response;                   // answer, take_over
  std::string bytes;                       // bytes
  std::shared_ptr<HttpListener> listener;  // take_over
  std::function<void()> gone;              // watch
};

// Outlives the loop, so that late replies find out that nobody is there.
class HttpInbox {
 public:
  explicit HttpInbox(int wake_fd) : wake_fd_(wake_fd) {}
  // False: the loop is gone.
  bool put(HttpLetter letter);
  std::vector<HttpLetter> take();
  void close();
  void wake();

 private:
  std::mutex mutex_;
  std::vector<HttpLetter> letters_;
  int wake_fd_;
  bool awake_ = false;  // a wake-up is under way
};

struct HttpCounts {
  std::atomic<std::size_t> connections{0};
  std::atomic<std::uint64_t> requests{0}, refused{0}, turned_away{0};
};

class HttpLoop {
 public:
  // `listener` and all else outlive the loop.
  HttpLoop(const HttpServer::Options& options, HttpHandler& handler, int listener,
           HttpCounts& counts);
  ~HttpLoop();
  Status start();
  void drain();  // from now on
  // Until nobody is connected any more, or `until`.
  void wait_idle(const Clock& clock, Mono until);

 private:
  struct Connection;
  class Channel;
  void run();
  void accept_some();
  void admit(UniqueFd fd);
  Connection* find(std::uint64_t id);
  void ready(Connection& c, std::uint32_t events);
  bool read_some(Connection& c);
  void advance(Connection& c);
  bool begin_body(Connection& c);
  void bound_whole(Connection& c);
  void hand_over(Connection& c);
  void open_letters();
  void take_answer(Connection& c, HttpResponse response);
  void take_over(Connection& c, HttpLetter& letter);
  void refuse(Connection& c, const HttpRefusal& refusal);
  void put_head(Connection& c, const HttpResponse& response, bool framed);
  bool flush(Connection& c);
  void watch(Connection& c);
  bool linger(Connection& c);
  void end(Connection& c);
  void cut_off(Connection& c);
  void sweep();
  bool overdue(Connection& c, Mono now);

  const HttpServer::Options& options_;
  HttpHandler& handler_;
  const Clock& clock_;
  HttpCounts& counts_;
  int listener_;
  UniqueFd epoll_, wake_;
  std::shared_ptr<HttpInbox> inbox_;
  std::vector<std::unique_ptr<Connection>> slots_;
  std::vector<std::uint32_t> free_;
  std::uint32_t last_generation_ = 0;
  std::size_t live_ = 0;
  std::string scratch_;  // what was read
  std::string date_;     // the Date field, of this second
  Time date_of_{};
  Mono swept_{};
  bool accepting_ = true;
  std::atomic<bool> draining_{false}, stopping_{false};
  std::mutex mutex_;  // guards idle_
  std::condition_variable became_idle_;
  bool idle_ = false;
  std::thread thread_;
};

}  // namespace pawl::server
