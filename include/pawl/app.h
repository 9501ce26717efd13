#pragma once
// App: a product on Pawl in one object: workflows, the actions its files name, and HTTP routes.
//
//   pawl::App app("dataset");
//   app.action("validate", validate_images);
//   app.workflow(std::move(definition));
//   app.route("GET", "/datasets/{id}", pawl::Role::viewer, show_dataset);
//
// Routes are data and a function: handle() answers a request without any socket, which is how tests
// call them; a server mounts the same routes. Every route names the role it needs.
// Not thread-safe while it is put together; handle() may be called from several threads after.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pawl/orchestrator.h"

namespace pawl::PAWL_V1 {

// Who may call a route. Each may what those before it may.
enum class Role : unsigned char { viewer, operator_, admin };

// What a route is asked.
struct Request {
  std::string method;                            // "GET"
  std::string path;                              // "/datasets/17"
  std::map<std::string, std::string> query;      // decoded
  std::map<std::string, std::string> path_args;  // "id" -> "17"; filled in by handle()
  std::string body;
  Role role = Role::viewer;                    // what the caller may do
  std::map<std::string, std::string> headers;  // names in lower case
  // A large body is not in `body` but in this open file, from its beginning, until the route has
  // answered. -1: it is in `body`.
  int body_file = -1;
};

// What it answers.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;

  // A JSON answer.
  static Response json(const Value& value, int status = 200) {
    return {status, "application/json", value.json()};
  }
  // What went wrong, as an RFC 9457 problem with the HTTP status of its code.
  PAWL_API static Response problem(const Status& status);
};

// Answers a request. The orchestrator is the one the app was attached to.
using RouteHandler = std::function<Response(Orchestrator&, const Request&)>;

// One route.
struct Route {
  std::string method;
  std::string pattern;  // "/datasets/{id}/files/{name}"
  Role role = Role::admin;
  RouteHandler handler;
};

// A product's workflows, actions and routes.
class PAWL_API App {
 public:
  // `name`: letters, digits, _ and -.
  explicit App(std::string name);
  App(App&&) noexcept;
  App& operator=(App&&) noexcept;
  ~App();

  // A handler that workflow files name as `action: NAME`.
  template <typename F>
  App& action(std::string action_name, F f) {
    return add_action({std::move(action_name), handler(std::move(f))});
  }
  // A definition that attach() makes known.
  App& workflow(Workflow definition);
  // A route. `pattern` has fixed parts and {names}, each one whole part of the path.
  App& route(std::string method, std::string pattern, Role role, RouteHandler answer);

  // Options with this app's actions added: what its orchestrator is opened with.
  Options options(Options options = {}) const;
  // Defines its workflows there, and answers routes from there. Errors: as define(); invalid where
  // two routes or actions are the same.
  Status attach(Orchestrator& orchestrator);
  // Answers a request: 404 where no route fits, 405 where only the method does not, 403 where the
  // role does not suffice, 500 where the route throws.
  Response handle(Request request) const;

  // Its name and routes, for a server that mounts them.
  const std::string& name() const;
  const std::vector<Route>& routes() const;

 private:
  App& add_action(Action action);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pawl::PAWL_V1
