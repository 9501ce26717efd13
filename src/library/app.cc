// adapter: a route may throw; that is answered with 500. App: workflows, actions, routes.
#include <algorithm>

#include "base/text.h"
#include "library/definition.h"
#include "library/inside.h"

namespace pawl::v1 {
namespace {

using Parts = std::vector<std::string_view>;

// "/a/{b}/" and "/a/x" as parts: {"a", "{b}"}, {"a", "x"}.
Parts parts_of(std::string_view path) {
  Parts parts;
  for (auto part : split(path, '/'))
    if (!part.empty()) parts.push_back(part);
  return parts;
}

bool named(std::string_view part) {
  return part.size() > 2 && part.front() == '{' && part.back() == '}';
}

// Fixed parts must be the same; names take anything.
bool fits(const Parts& pattern, const Parts& path) {
  if (pattern.size() != path.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i)
    if (!named(pattern[i]) && pattern[i] != path[i]) return false;
  return true;
}

// Two patterns that take the same paths.
bool same(const Parts& a, const Parts& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (named(a[i]) != named(b[i]) || (!named(a[i]) && a[i] != b[i])) return false;
  }
  return true;
}

// The more of a pattern is fixed, the better it fits.
std::size_t fixed_parts(const Parts& pattern) {
  return static_cast<std::size_t>(
      std::count_if(pattern.begin(), pattern.end(), [](auto p) { return !named(p); }));
}

int http_status(Code code) {
  switch (code) {
    case Code::ok:
      return 200;
    case Code::invalid:
      return 422;
    case Code::not_found:
      return 404;
    case Code::conflict:
    case Code::exhausted:
    case Code::in_use:
      return 409;
    case Code::too_large:
      return 413;
    case Code::timeout:
      return 504;
    case Code::unavailable:
    case Code::try_later:
      return 503;
    case Code::disk_full:
      return 507;
    default:
      return 500;
  }
}

Response problem(int status, const std::string& title, const std::string& detail) {
  Value body = Value::object({{"type", "about:blank"}, {"title", title}, {"status", status}});
  if (!detail.empty()) body.set("detail", detail);
  return {status, "application/problem+json", body.json()};
}

}  // namespace

struct App::Impl {
  std::string name;
  std::vector<Action> actions;
  std::vector<Workflow> workflows;
  std::vector<Route> routes;
  Orchestrator* orchestrator = nullptr;
};

Response Response::problem(const Status& status) {
  return v1::problem(http_status(status.code()), to_string(status.code()), status.text());
}

App::App(std::string name) : impl_(std::make_unique<Impl>()) { impl_->name = std::move(name); }
App::App(App&&) noexcept = default;
App& App::operator=(App&&) noexcept = default;
App::~App() = default;

App& App::add_action(Action action) {
  impl_->actions.push_back(std::move(action));
  return *this;
}
App& App::workflow(Workflow definition) {
  impl_->workflows.push_back(std::move(definition));
  return *this;
}
App& App::route(std::string method, std::string pattern, Role role, RouteHandler answer) {
  impl_->routes.push_back({std::move(method), std::move(pattern), role, std::move(answer)});
  return *this;
}

Options App::options(Options options) const {
  options.actions.insert(options.actions.end(), impl_->actions.begin(), impl_->actions.end());
  if (options.process_name.empty()) options.process_name = impl_->name;
  return options;
}

Status App::attach(Orchestrator& orchestrator) {
  const auto& routes = impl_->routes;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const Route& r = routes[i];
    if (r.pattern.empty() || r.pattern[0] != '/') {
      return {Code::invalid, str("route \"", r.pattern, "\" must begin with /")};
    }
    if (!r.handler) return {Code::invalid, str("route \"", r.pattern, "\" has no handler")};
    for (std::size_t k = 0; k < i; ++k) {
      if (routes[k].method == r.method && same(parts_of(routes[k].pattern), parts_of(r.pattern))) {
        return {Code::invalid, str("routes \"", routes[k].pattern, "\" and \"", r.pattern,
                                   "\" take the same requests")};
      }
    }
  }
  for (const Workflow& w : impl_->workflows) {
    if (auto defined = orchestrator.define(w); !defined.ok()) return defined;
  }
  impl_->orchestrator = &orchestrator;
  return {};
}

Response App::handle(Request request) const {
  auto path = parts_of(request.path);
  const Route* best = nullptr;
  std::size_t best_fixed = 0;
  std::vector<std::string> methods;
  for (const Route& r : impl_->routes) {
    auto pattern = parts_of(r.pattern);
    if (!fits(pattern, path)) continue;
    if (r.method != request.method) {
      methods.push_back(r.method);
      continue;
    }
    auto fixed = fixed_parts(pattern);
    if (best && fixed <= best_fixed) continue;
    best = &r;
    best_fixed = fixed;
  }
  if (!best && !methods.empty()) {
    return v1::problem(405, "method not allowed", str("allowed: ", join(methods, ", ")));
  }
  if (!best) return v1::problem(404, "not found", str("no route ", to_valid_utf8(request.path)));
  if (request.role < best->role) return v1::problem(403, "forbidden", "your role does not suffice");
  if (!impl_->orchestrator) {
    return v1::problem(503, "unavailable", "the app is not attached to an orchestrator");
  }
  auto pattern = parts_of(best->pattern);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (!named(pattern[i])) continue;
    request.path_args[std::string(pattern[i].substr(1, pattern[i].size() - 2))] = path[i];
  }
  try {
    return best->handler(*impl_->orchestrator, request);
  } catch (const std::exception& e) {
    return v1::problem(500, "internal", str("the route threw: ", to_valid_utf8(e.what())));
  } catch (...) {
    return v1::problem(500, "internal", "the route threw something that is no std::exception");
  }
}

const std::string& App::name() const { return impl_->name; }
const std::vector<Route>& App::routes() const { return impl_->routes; }

}  // namespace pawl::v1
