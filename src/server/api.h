#pragma once
// Api: what people and programs ask of a server, /api/v1. Each function puts one group of routes
// into the router; api/openapi.yaml describes them, and a test holds the two together.
//
// Handlers do nothing of their own: they read what was sent (api_fields.h), call Methods, the
// engine or the store as the command line does, and answer in the shapes of core/run_json.h. Ids
// of runs are strings in all of them.

#include <atomic>
#include <functional>
#include <string>

#include "server/methods.h"
#include "server/router.h"
#include "server/stream_hub.h"

namespace pawl::server {

struct Api {
  engine::Engine& engine;
  store::Store& store;
  Methods& methods;
  const Clock& clock;
  Time started;
  std::string mode;                // "serve" or "up"
  const Router* router = nullptr;  // for its own figures; null in tests of one group
  std::function<HttpServer::Statistics()> connections;  // may be empty
  std::atomic<bool> stopping{false};
  StreamHub* stream = nullptr;
  Doorkeeper* doorkeeper = nullptr;
};

// Each: `api` outlives the router.
void add_workflow_routes(Router& router, Api& api);
void add_run_routes(Router& router, Api& api);
void add_run_part_routes(Router& router, Api& api);
void add_gate_routes(Router& router, Api& api);
void add_system_routes(Router& router, Api& api);
void add_stream_routes(Router& router, Api& api);
inline void add_api_routes(Router& router, Api& api) {
  add_workflow_routes(router, api);
  add_run_routes(router, api);
  add_run_part_routes(router, api);
  add_gate_routes(router, api);
  add_system_routes(router, api);
  add_stream_routes(router, api);
}

// One row of a list of runs, the same in `pawl ls --json`.
Json run_row_to_json(const store::RunRow& row);
// Who changed something, for the run's history: "ci", or "ci: the disk is full".
std::string changed_by(const Call& call, const std::string& message);
// Where a run is after a change; its id as text.
Result<Json> brief_of(Api& api, RunId run);
// A refusal of inputs or a form, with a pointer for each: messages have a line each.
Problem input_problem(const Error& error, std::string_view pointer);
// Every finding of a file that breaks its rules.
Problem workflow_problem(const std::vector<core::Diagnostic>& findings);

// api/openapi.yaml as it was when this binary was built.
extern const std::string_view kOpenapi;
// The figures of /metrics, in Prometheus' text format.
std::string metrics_text(Api& api);

}  // namespace pawl::server
