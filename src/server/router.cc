#include "server/router.h"

#include <algorithm>

#include "base/log.h"
#include "base/random.h"
#include "base/text.h"

namespace pawl::server {

const char* to_string(Role role) {
  switch (role) {
    case Role::anyone:
      return "anyone";
    case Role::viewer:
      return "viewer";
    case Role::operator_:
      return "operator";
    case Role::admin:
      return "admin";
    case Role::worker:
      return "worker";
  }
  return "unknown";
}

Result<Role> parse_role(std::string_view text) {
  for (auto role : {Role::viewer, Role::operator_, Role::admin, Role::worker}) {
    if (text == to_string(role)) return role;
  }
  return {Errc::usage,
          str("there is no role \"", text, "\"; expected viewer, operator, admin or worker")};
}

bool allows(Role caller, Role wanted) {
  switch (wanted) {
    case Role::anyone:
      return true;
    case Role::viewer:
      return caller == Role::viewer || caller == Role::operator_ || caller == Role::admin;
    case Role::operator_:
      return caller == Role::operator_ || caller == Role::admin;
    case Role::worker:
      return caller == Role::worker || caller == Role::admin;
    case Role::admin:
      break;
  }
  return caller == Role::admin;
}

const std::string& Call::arg(std::string_view name) const {
  const auto it = std::find_if(args.begin(), args.end(), [&](auto& a) { return a.first == name; });
  PAWL_ASSERT(it != args.end());
  return it->second;
}

const std::string* Call::param(std::string_view name) const {
  const std::string* found = nullptr;
  for (const auto& [key, value] : query)
    if (key == name) found = &value;
  return found;
}

HttpResponse Call::refuse(const Problem& problem) const {
  return problem_response(problem, request.path, request_id);
}

RouteHandler answering(std::function<Result<HttpResponse>(Call& call)> handler) {
  return [handler = std::move(handler)](Call call, HttpReply reply) {
    auto answer = handler(call);
    reply.send(answer.ok() ? std::move(*answer) : call.refuse(answer.error()));
  };
}

HttpResponse json_response(const Json& value, int status) {
  return {status, "application/json", value.dump() + "\n", {}, false};
}

HttpResponse text_response(std::string text, int status) {
  return {status, "text/plain; charset=utf-8", std::move(text), {}, false};
}

struct Router::Entry {
  Route route;
  std::vector<std::string> segments;  // of the pattern; "{id}" stands for any
  std::array<std::atomic<std::uint64_t>, 6> by_class{};
  std::atomic<std::uint64_t> microseconds{0};
};

Router::Router(Options options)
    : options_(options),
      clock_(options.clock ? *options.clock : system_clock()),
      seed_(entropy()),
      pool_(std::make_unique<WorkPool>(options.threads, options.queue)) {
  PAWL_ASSERT(options_.doorkeeper != nullptr);
}

Router::~Router() = default;

void Router::add(Role role, Route route) {
  for (const auto& known : entries_) {
    const auto& r = known->route;
    PAWL_ASSERT(r.operation_id != route.operation_id);
    PAWL_ASSERT(r.method != route.method || r.pattern != route.pattern);
  }
  PAWL_ASSERT(route.handler && route.pattern.starts_with('/'));
  auto entry = std::make_shared<Entry>();
  route.role = role;
  entry->route = std::move(route);
  for (auto segment : split(std::string_view(entry->route.pattern).substr(1), '/'))
    if (!segment.empty()) entry->segments.emplace_back(segment);
  entries_.push_back(std::move(entry));
}

std::vector<const Route*> Router::dump() const {
  std::vector<const Route*> out;
  for (const auto& entry : entries_)
    out.push_back(&entry->route);
  return out;
}

std::vector<Router::Tally> Router::tally() const {
  std::vector<Tally> out;
  for (const auto& entry : entries_) {
    Tally t;
    t.route = &entry->route;
    for (std::size_t i = 0; i < t.by_class.size(); ++i)
      t.by_class[i] = entry->by_class[i];
    t.seconds = static_cast<double>(entry->microseconds.load()) / 1e6;
    out.push_back(t);
  }
  return out;
}

// A pattern with more literal segments goes before one with fewer.
Router::Match Router::match(std::string_view method,
                            const std::vector<std::string>& segments) const {
  Match found;
  int best = -1;
  for (const auto& entry : entries_) {
    if (entry->segments.size() != segments.size()) continue;
    int literal = 0;
    bool fits = true;
    for (std::size_t i = 0; fits && i < segments.size(); ++i) {
      if (entry->segments[i].starts_with('{')) {
        fits = !segments[i].empty();
      } else {
        fits = entry->segments[i] == segments[i];
        ++literal;
      }
    }
    if (!fits) continue;
    const auto& route = entry->route;
    const bool get = route.method == "GET";
    found.allow += str(found.allow.empty() ? "" : ", ", route.method, get ? ", HEAD" : "");
    if ((route.method == method || (get && method == "HEAD")) && literal > best) {
      best = literal;
      found.entry = entry;
    }
  }
  if (!found.entry) return found;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string_view segment = found.entry->segments[i];
    if (segment.starts_with('{'))
      found.args.emplace_back(segment.substr(1, segment.size() - 2), segments[i]);
  }
  return found;
}

std::size_t Router::body_limit(const HttpRequest& head) {
  std::vector<std::string> segments;
  const char* why = nullptr;
  if (!decode_path(head.path, segments, why)) return kUnknownBody;
  const auto found = match(head.method, segments);
  if (!found.entry) return kUnknownBody;
  const auto& route = found.entry->route;
  if (route.takes.empty() || route.body_limit <= kUnknownBody) return kUnknownBody;
  const bool known =
      route.role != Role::anyone && allows(options_.doorkeeper->identify(head).role, route.role);
  return known ? route.body_limit : kUnknownBody;
}

// The caller's own, where it is harmless to repeat; else a new one.
std::string Router::new_request_id(const HttpRequest& request) {
  const auto* given = request.header("x-request-id");
  const bool usable = given && !given->empty() && given->size() <= 64 &&
                      std::all_of(given->begin(), given->end(), [](unsigned char c) {
                        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                               (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
                      });
  if (usable) return *given;
  auto draw = Random(seed_ + ++requests_).next();
  std::string out(16, '0');
  for (auto& c : out) {
    c = "0123456789abcdef"[draw & 15];
    draw >>= 4;
  }
  return out;
}

namespace {

constexpr std::pair<const char*, const char*> kCareful[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"},
    {"Cache-Control", "no-store"},
};

void add_fields(HttpResponse& response, const std::string& request_id) {
  auto& headers = response.headers;
  for (const auto& [name, value] : kCareful) {
    const bool given = std::any_of(headers.begin(), headers.end(),
                                   [name = name](const auto& h) { return h.first == name; });
    if (!given) headers.emplace_back(name, value);
  }
  headers.emplace_back("X-Request-Id", request_id);
}

bool has_nul(const Json& value, unsigned depth = 0) {
  if (value.is_string()) return value.as_string().find('\0') != std::string::npos;
  if (value.is_array()) {
    return std::any_of(value.as_array().begin(), value.as_array().end(),
                       [&](const Json& v) { return has_nul(v, depth + 1); });
  }
  if (!value.is_object()) return false;
  return std::any_of(value.as_object().begin(), value.as_object().end(), [&](const auto& m) {
    return m.first.find('\0') != std::string::npos || has_nul(m.second, depth + 1);
  });
}

// "application/json; charset=UTF-8" is "application/json"; "" for other charsets and parameters.
std::string media_type(const HttpRequest& request) {
  const auto* field = request.header("content-type");
  if (!field) return {};
  const auto text = lower(*field);
  const auto parts = split(text, ';');
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto parameter = trim(parts[i]);
    if (parameter != "charset=utf-8" && parameter != "charset=\"utf-8\"") return {};
  }
  return std::string(trim(parts[0]));
}

}  // namespace

bool Router::read_query(Call& call, Problem& problem) const {
  const char* why = nullptr;
  problem.code = "invalid_request";
  if (!decode_query(call.request.query, call.query, why)) {
    problem.detail = why;
    return false;
  }
  const auto& known = call.route->query;
  for (const auto& [name, value] : call.query) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto near = nearest(name, known);
    problem.errors.push_back({str("?", name), "unknown_parameter",
                              str("there is no parameter \"", name, "\" here"),
                              near.empty() ? "" : str("did you mean \"", near, "\"?")});
  }
  if (problem.errors.empty()) return true;
  problem.detail = problem.errors[0].detail;
  problem.hint = problem.errors[0].hint;
  return false;
}

bool Router::read_body(Call& call, Problem& problem) const {
  const auto& takes = call.route->takes;
  const auto& body = call.request.body;
  const bool json_route = std::find(takes.begin(), takes.end(), "application/json") != takes.end();
  if (body.empty()) {
    if (json_route) call.body = Json::object();
    return true;
  }
  if (takes.empty()) {
    problem = {"invalid_request", "this address takes no body", {}, {}, 0, {}};
    return false;
  }
  const auto type = media_type(call.request);
  if (std::find(takes.begin(), takes.end(), type) == takes.end()) {
    problem = {"unsupported_media_type",
               str("the body's Content-Type must be ", join(takes, " or "), ", in UTF-8"),
               {},
               {},
               0,
               {{"Accept", join(takes, ", ")}}};
    return false;
  }
  if (type != "application/json") return true;
  Json::Limits limits;
  limits.max_bytes = call.route->body_limit;
  auto parsed = Json::parse(body, limits);
  if (!parsed.ok()) {
    problem = {
        "invalid_request", str("the body is not JSON: ", parsed.error().message), {}, {}, 0, {}};
  } else if (!parsed->is_object()) {
    problem = {"invalid_request",
               str("the body is ", Json::type_name(parsed->type()), ", expected an object"),
               {},
               {},
               0,
               {}};
  } else if (has_nul(*parsed)) {
    problem = {"invalid_request", "a text in the body holds a NUL", {}, {}, 0, {}};
  } else {
    call.body = std::move(*parsed);
    return true;
  }
  return false;
}

// Everything between the request and its handler, in order. False: `problem` is the answer.
bool Router::prepare(Call& call, Match& found, Problem& problem) {
  auto fail = [&](std::string_view code, std::string detail) {
    problem.code = code;
    problem.detail = std::move(detail);
    return false;
  };
  if (auto ours = options_.doorkeeper->check_source(call.request); !ours.ok()) {
    problem = problem_of(ours.error());
    return false;
  }
  std::vector<std::string> segments;
  const char* why = nullptr;
  if (!decode_path(call.request.path, segments, why)) return fail("invalid_request", why);
  found = match(call.request.method, segments);
  if (!found.entry) {
    if (found.allow.empty()) return fail("not_found", "there is no such address");
    problem.headers.emplace_back("Allow", found.allow);
    return fail("method_not_allowed",
                str(call.request.method, " is not one of ", found.allow, ", which this takes"));
  }
  call.route = &found.entry->route;
  call.args = std::move(found.args);
  call.caller = options_.doorkeeper->identify(call.request);
  const auto wanted = call.route->role;
  if (!allows(call.caller.role, wanted)) {
    if (call.caller.role == Role::anyone) {
      problem.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"pawl\"");
      return fail("unauthenticated", "this needs a token, as in `Authorization: Bearer pawl_...`");
    }
    return fail("forbidden", str("\"", call.caller.name, "\" has the role ",
                                 to_string(call.caller.role), "; this needs ", to_string(wanted)));
  }
  if (closed_ && wanted != Role::anyone) {
    problem.headers.emplace_back("Retry-After", "2");
    return fail("unavailable", "the server is stopping");
  }
  return read_query(call, problem) && read_body(call, problem);
}

void Router::handle(HttpRequest request, HttpReply reply) {
  Call call;
  call.request = std::move(request);
  call.request_id = new_request_id(call.request);
  Match found;
  Problem problem;
  const auto began = clock_.mono();
  const bool prepared = prepare(call, found, problem);
  reply.before_send([entry = found.entry, id = call.request_id, path = call.request.path, began,
                     clock = &clock_](HttpResponse& response) {
    if (response.status == 500) {
      if (response.content_type.starts_with("text/plain")) {  // the reply was dropped
        response = problem_response({"internal", "no answer was made", {}, {}, 0, {}}, path, id);
      }
      log_error("a request failed", {{"request_id", id}, {"path", path}, {"body", response.body}});
    }
    add_fields(response, id);
    if (!entry) return;
    const auto took = std::max<std::int64_t>(0, (clock->mono() - began).count());
    entry->microseconds += static_cast<std::uint64_t>(took);
    ++entry->by_class[static_cast<std::size_t>(std::clamp(response.status / 100, 0, 5))];
  });
  if (!prepared) return reply.send(call.refuse(problem));
  const auto& route = *call.route;
  if (!route.blocks) return route.handler(std::move(call), std::move(reply));
  // std::function wants copies; there is one of these.
  auto job = std::make_shared<std::pair<Call, HttpReply>>(std::move(call), std::move(reply));
  const bool taken = pool_->post(
      [job] { job->first.route->handler(std::move(job->first), std::move(job->second)); });
  if (!taken) {
    Problem busy{"unavailable", "more requests are waiting than this server takes", {}, {}, 0, {}};
    busy.headers.emplace_back("Retry-After", "1");
    job->second.send(job->first.refuse(busy));
  }
}

HttpResponse Router::refused(const HttpRefusal& refusal) {
  Problem problem;
  problem.code = refusal.status == 413 ? "too_large" : "invalid_request";
  problem.detail = refusal.why;
  problem.status = refusal.status;
  const auto id = new_request_id({});
  auto response = problem_response(problem, "", id);
  add_fields(response, id);
  return response;
}

}  // namespace pawl::server
