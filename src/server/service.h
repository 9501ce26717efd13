#pragma once
// Service: a server of one data directory, put together: the port, the doorkeeper, the routes.
//
// The port is taken before anything else happens, so that a second server on it fails before it
// has touched a run; until the engine is there, everything is answered with 503. Stopping goes the
// other way round: no new connections, answers that are due are sent, then the engine may go.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "server/access.h"
#include "server/api.h"

namespace pawl::server {

// "127.0.0.1:7070", "[::1]:7070", "7070" (on loopback). Error: usage.
struct ListenAddress {
  std::string address = "127.0.0.1";
  std::uint16_t port = 7070;
};
Result<ListenAddress> parse_listen(std::string_view text);

class Service {
 public:
  struct Options {
    std::string directory;
    ListenAddress listen;
    std::vector<std::string> hosts;  // further names of this server
    std::string mode = "serve";
    bool require_token = false;    // also on a loopback address
    const Clock* clock = nullptr;  // null: the machine's
  };
  // Errors: conflict where the port is taken; usage; io.
  static Result<std::unique_ptr<Service>> open(Options options);
  ~Service();
  // Begins to serve. REQUIRES: the directory exists; `methods` outlives the service. `more` puts
  // further routes in. Errors: of the token file.
  Status start(Methods& methods, const std::function<void(Router&)>& more = {});
  // No more requests; those under way are answered, until then.
  void stop(Mono until);

  std::string url() const;  // "http://127.0.0.1:7070"
  // The token that was made because there was none; "" where none was needed. Shown once.
  const std::string& first_token() const { return first_token_; }

 private:
  class Front;
  explicit Service(Options options);
  Options options_;
  const Clock& clock_;
  std::string first_token_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<StreamHub> stream_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<Front> front_;
  std::unique_ptr<HttpServer> server_;  // first to go
};

}  // namespace pawl::server
