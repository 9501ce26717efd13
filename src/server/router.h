#pragma once
// Router: the one table of routes that every request passes, and the one place that decides who may
// call what. A route cannot be put in without a role.
//
//   request --> Host, Origin --> canonical path --> route --> role --> query --> body --> handler
//               403              400                404, 405  401,403  400       413,415,400
//
// Handlers that wait for the disk run on a bounded pool (full: 503); those that answer later
// (a long poll, Engine::submit_async) run on the connection's thread and must not block. Every
// answer, whoever gives it, leaves with the request's id and the fields that keep browsers careful.
// Authorization happens on the route that was found, never on the text of the path.

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "server/http_path.h"
#include "server/http_server.h"
#include "server/problem.h"
#include "server/work_pool.h"

namespace pawl::server {

// What a route asks for, and what a caller has. viewer < operator_ < admin; worker stands beside
// them, below admin: it may call the workers' routes and nothing that people see.
enum class Role : std::uint8_t { anyone, viewer, operator_, admin, worker };
const char* to_string(Role role);  // "anyone", "viewer", "operator", "admin", "worker"
Result<Role> parse_role(std::string_view text);
bool allows(Role caller, Role wanted);

struct Caller {
  std::string name;  // of the token; "" nobody
  Role role = Role::anyone;
  std::vector<std::string> queues;  // that a worker may serve; empty: every queue
};

// Knows who calls. Thread-safe; called on connections' threads, must be quick.
class Doorkeeper {
 public:
  virtual ~Doorkeeper() = default;
  // Whether the request's Host is ours and its Origin, if it has one, the same. Error: forbidden.
  virtual Status check_source(const HttpRequest& head) = 0;
  // Role::anyone where it has no token, or one that is worth nothing.
  virtual Caller identify(const HttpRequest& head) = 0;
};

struct Route;

// One request on its way to its handler.
struct Call {
  HttpRequest request;
  const Route* route = nullptr;                                // never null in a handler
  std::vector<std::pair<std::string_view, std::string>> args;  // {name} of the pattern -> decoded
  QueryItems query;                                            // names the route has
  Json body;  // of a JSON route: an object, {} where nothing was sent; else null
  Caller caller;
  std::string request_id;

  // REQUIRES: the pattern has it.
  const std::string& arg(std::string_view name) const;
  // The last value of a parameter, or nullptr.
  const std::string* param(std::string_view name) const;
  HttpResponse refuse(const Problem& problem) const;
  HttpResponse refuse(const Error& error) const { return refuse(problem_of(error)); }
};

using RouteHandler = std::function<void(Call call, HttpReply reply)>;

struct Route {
  std::string method;        // "GET" answers HEAD, too
  std::string pattern;       // "/api/v1/runs/{id}"
  std::string operation_id;  // "get_run", unique
  RouteHandler handler;
  std::vector<std::string> query = {};  // parameters it knows; others are refused
  // Media types of its body; empty: it takes none. Bodies of "application/json" are parsed.
  std::vector<std::string> takes = {};
  std::size_t body_limit = 1u << 20;
  bool blocks = true;        // the handler waits for something: it goes to the pool
  Role role = Role::anyone;  // set by add()
};

// A handler that has its answer when it returns. An Error becomes a problem.
RouteHandler answering(std::function<Result<HttpResponse>(Call& call)> handler);

HttpResponse json_response(const Json& value, int status = 200);
HttpResponse text_response(std::string text, int status = 200);

class Router final : public HttpHandler {
 public:
  struct Options {
    Doorkeeper* doorkeeper = nullptr;  // outlives the router
    unsigned threads = 8;
    std::size_t queue = 256;
    const Clock* clock = nullptr;  // null: the machine's
  };
  static constexpr std::size_t kUnknownBody = 64u << 10;  // of callers who have not signed in

  explicit Router(Options options);
  ~Router() override;
  // Before the first request. REQUIRES: the pattern and the operation id are new.
  void add(Role role, Route route);
  // Every route, in the order they were added.
  std::vector<const Route*> dump() const;

  std::size_t body_limit(const HttpRequest& head) override;
  void handle(HttpRequest request, HttpReply reply) override;
  HttpResponse refused(const HttpRefusal& refusal) override;

  // From now on everything but anyone's routes is answered with 503: the server is stopping.
  void close() { closed_ = true; }

  struct Tally {
    const Route* route = nullptr;
    std::array<std::uint64_t, 6> by_class{};  // [2]: answers 2xx
    double seconds = 0;
  };
  std::vector<Tally> tally() const;
  const WorkPool& pool() const { return *pool_; }

 private:
  struct Entry;
  struct Match {
    std::shared_ptr<Entry> entry;
    std::vector<std::pair<std::string_view, std::string>> args;
    std::string allow;  // methods of the path, where the path is known
  };
  Match match(std::string_view method, const std::vector<std::string>& segments) const;
  std::string new_request_id(const HttpRequest& request);
  bool prepare(Call& call, Match& found, Problem& problem);
  bool read_query(Call& call, Problem& problem) const;
  bool read_body(Call& call, Problem& problem) const;

  Options options_;
  const Clock& clock_;
  std::vector<std::shared_ptr<Entry>> entries_;
  std::atomic<std::uint64_t> requests_{0};
  std::uint64_t seed_;
  std::atomic<bool> closed_{false};
  std::unique_ptr<WorkPool> pool_;  // last: its jobs use all of the above
};

}  // namespace pawl::server
