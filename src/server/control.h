#pragma once
// Control: the door to a data directory that a process owns. DATA/control.sock, one JSON a line:
//
//   {"method": "pause", "params": {"run_id": 7}}  -->  {"result": {...}}
//                                                      {"error": {"code": "conflict", "message":
//                                                      "..."}}
//   {"method": "watch", "params": {"run_id": 7, "logs": true}}  -->  {"result": {}}, then feed
//   items
//
// So commands in a second terminal reach a run that `pawl run` carries in the first. One thread
// serves all callers; a watcher that does not read is given a new snapshot when it does, and costs
// nobody else anything.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/feed.h"
#include "server/line_socket.h"
#include "server/methods.h"

namespace pawl::server {

inline constexpr const char* kControlSocket = "control.sock";

class ControlServer {
 public:
  // REQUIRES: the caller owns the directory, and `methods` outlives the server.
  static Result<std::unique_ptr<ControlServer>> open(const std::string& directory,
                                                     Methods& methods);
  ~ControlServer();
  // No more callers and calls; watchers stay connected until the destructor, so that a closed
  // connection means: the directory is free.
  void stop();
  std::size_t watchers() const { return watchers_; }  // connections that follow a run

 private:
  struct Caller;
  ControlServer(std::string directory, Methods& methods);
  void loop();
  void accept();
  bool read(Caller& caller);
  bool answer(Caller& caller, const std::string& line);
  bool feed(Caller& caller);
  void farewell();

  std::string directory_;
  Methods& methods_;
  std::atomic<std::size_t> watchers_{0};
  UniqueFd listener_, wake_;
  std::vector<std::unique_ptr<Caller>> callers_;
  std::thread thread_;
};

// Another process's control socket.
class ControlClient {
 public:
  // Error: unavailable, where nobody listens.
  static Result<std::unique_ptr<ControlClient>> connect(const std::string& directory);
  // Errors: what the owner answered; unavailable where it went away; timeout where it says nothing
  // until then (the connection is of no use any more). Blocks.
  Result<Json> call(std::string_view method, Json params, Mono until = Mono::max());
  // The process that listens; 0 unknown.
  pid_t owner() const;
  // Turns this connection into a feed of the run. Ends with a `closed` item when the owner leaves.
  static Result<std::unique_ptr<Feed>> watch(const std::string& directory, RunId run, bool logs);

 private:
  explicit ControlClient(UniqueFd fd) : socket_(std::move(fd)) {}
  LineSocket socket_;
};

}  // namespace pawl::server
