#pragma once
// For tests of the API: a real engine on a store in memory, behind a real server, with a token of
// each role. One run of `gated` waits at its gate: run 1.

#include <map>
#include <memory>
#include <string>

#include "base/fs_testing.h"
#include "server/access.h"
#include "server/api.h"
#include "server/router_testing.h"
#include "server/worker_routes.h"

namespace pawl::server {

inline constexpr const char* kGated = R"(pawl: 1
name: gated
title: Gated work
run_name: "day ${{ inputs.day }}"
inputs:
  day: {type: string, default: "2026-01-31", pattern: '^\d{4}-\d{2}-\d{2}$'}
  key: {type: string, secret: true}
tasks:
  approve:
    action: gate
    with:
      question: "Load ${{ inputs.day }}?"
      preview: {rows: 3}
      timeout: 24h
      on_timeout: reject
      form: {limit: {type: integer, minimum: 1}}
  train: {needs: [approve], action: noop, params: {batch_size: 10}}
)";

class ApiBed {
 public:
  // `prepare` puts routes in beside the API's.
  explicit ApiBed(const std::function<void(Router&)>& prepare = {});
  ~ApiBed();
  // With the token of that role; "" none, "expired", "garbage", or a role.
  Answer ask(std::string_view method, std::string_view target, std::string_view who = "admin",
             std::string_view body = {}, const AskHeaders& headers = {});
  // Of an answer that does not end: its head.
  Answer ask_head(std::string_view method, std::string_view target, std::string_view who,
                  const AskHeaders& headers = {});
  Answer get(std::string_view target) { return ask("GET", target, "viewer"); }
  RunId submit(Json inputs = Json::object());  // of `gated`

  std::unique_ptr<store::Store> store;
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<Methods> methods;
  std::unique_ptr<WorkerGateway> gateway;
  std::unique_ptr<Access> access;
  std::unique_ptr<StreamHub> stream;
  std::unique_ptr<Api> api;
  std::unique_ptr<Router> router;
  std::unique_ptr<HttpServer> server;
  WorkflowId gated;
};

}  // namespace pawl::server
