// The server itself: is it alive, is it ready, what is it, what does it count; and the pages that
// explain the API.
#include "base/text.h"
#include "core/doc.h"
#include "server/api.h"

namespace pawl::server {
namespace {

struct Check {
  const char* name;
  bool ok;
  std::string detail;
};

std::vector<Check> readiness(Api& api) {
  const auto stats = api.engine.statistics();
  std::vector<Check> checks;
  checks.push_back({"store", stats.trouble.ok(),
                    stats.trouble.ok() ? "can be written" : stats.trouble.error().message});
  const bool readable = api.store.last_run_id().ok();
  checks.push_back({"read", readable, readable ? "can be read" : "cannot be read"});
  checks.push_back({"open_runs", !stats.scanning,
                    stats.scanning ? "still being read" : "all read since the start"});
  checks.push_back({"stopping", !api.stopping, api.stopping ? "the server stops" : "no"});
  return checks;
}

HttpResponse ready(Api& api, const Call& call) {
  const auto checks = readiness(api);
  bool all = true;
  std::string lines;
  for (const auto& c : checks) {
    all = all && c.ok;
    lines += str(c.ok ? "[+]" : "[-]", c.name, ": ", c.detail, "\n");
  }
  const bool verbose = call.param("verbose") != nullptr;
  auto response =
      text_response(str(verbose ? lines : "", all ? "ok\n" : "not ready\n"), all ? 200 : 503);
  if (!all) response.headers.emplace_back("Retry-After", "1");
  return response;
}

Json version_json() {
  Json j = Json::object();
  return j.set("name", "pawl").set("version", PAWL_VERSION).set("api", "v1");
}

Result<HttpResponse> about(Api& api) {
  const auto stats = api.engine.statistics();
  const auto info = TRY(api.store.info());
  Json store = Json::object();
  store.set("engine", info.engine).set("id", info.id).set("schema", info.schema);
  store.set("bytes", info.bytes).set("wal_bytes", info.wal_bytes).set("log_bytes", info.log_bytes);
  store.set("runs", info.runs);
  Json engine = Json::object();
  engine.set("commands", stats.commands).set("commits", stats.commits);
  engine.set("tasks_ended", stats.tasks_ended).set("open_runs", stats.open_runs);
  engine.set("queued", stats.queued).set("cached_runs", stats.cached_runs);
  engine.set("trouble", stats.trouble.ok() ? Json() : Json(stats.trouble.error().message));
  Json j = version_json();
  j.set("mode", api.mode).set("started_at", format_time(api.started));
  j.set("uptime_seconds", static_cast<double>((api.clock.now() - api.started).count()) / 1e6);
  return json_response(j.set("engine", std::move(engine)).set("store", std::move(store)));
}

Result<HttpResponse> problem(Call& call) {
  const auto* kind = find_problem_kind(call.arg("code"));
  if (kind) return text_response(problem_page(*kind));
  return {Errc::not_found, str("there is no problem \"", call.arg("code"), "\"")};
}

// Read by our own YAML reader, once: JSON is for programs, YAML is what people edit.
const std::string& openapi_json() {
  static const std::string text = [] {
    const auto doc = core::Doc::read_yaml(kOpenapi);
    PAWL_ASSERT(!doc.broken() && doc.problems().empty());
    return doc.root().to_json().dump() + "\n";
  }();
  return text;
}

}  // namespace

void add_system_routes(Router& router, Api& api) {
  auto now = [&](Role role, std::string pattern, std::string id,
                 std::function<Result<HttpResponse>(Call&)> handler, std::vector<std::string> query,
                 bool blocks) {
    Route route{"GET", std::move(pattern), std::move(id), answering(std::move(handler)),
                std::move(query)};
    route.blocks = blocks;
    router.add(role, std::move(route));
  };
  auto alive = [](Call&) { return Result<HttpResponse>(text_response("ok\n")); };
  now(Role::anyone, "/livez", "livez", alive, {}, false);
  now(Role::anyone, "/healthz", "healthz", alive, {}, false);
  now(
      Role::anyone, "/readyz", "readyz",
      [&api](Call& call) { return Result<HttpResponse>(ready(api, call)); }, {"verbose"}, true);
  now(
      Role::anyone, "/version", "version",
      [](Call&) { return Result<HttpResponse>(json_response(version_json())); }, {}, false);
  now(Role::anyone, "/problems/{code}", "problem", problem, {}, false);
  now(
      Role::anyone, "/api/v1/openapi.json", "openapi",
      [](Call&) {
        return Result<HttpResponse>(HttpResponse{200, "application/json", openapi_json(), {}});
      },
      {}, false);
  now(
      Role::viewer, "/api/v1/system", "system", [&api](Call&) { return about(api); }, {}, true);
  now(
      Role::viewer, "/metrics", "metrics",
      [&api](Call&) {
        return Result<HttpResponse>(
            HttpResponse{200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(api), {}});
      },
      {}, true);
}

}  // namespace pawl::server
