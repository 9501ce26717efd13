#include "server/worker_routes.h"

#include "base/text.h"

namespace pawl::server {
namespace {

constexpr const char* kBase = "/api/v1/workers";

struct Open {
  Call call;
  HttpReply reply;
};

HttpResponse json_text(std::string text) { return {200, "application/json", std::move(text), {}}; }

// Answers later, from any thread. (std::function wants copies; there is one of these.)
WorkerGateway::Answer answer_to(const std::shared_ptr<Open>& open) {
  return [open](Result<std::string> text) {
    open->reply.send(text.ok() ? json_text(std::move(*text)) : open->call.refuse(text.error()));
  };
}

WorkerGateway::Who who(const Call& call) {
  const auto* session = call.request.header("pawl-session");
  return {call.arg("id"), session ? std::string_view(*session) : std::string_view()};
}

Route call_route(std::string operation_id, std::string_view path, RouteHandler handler) {
  Route route;
  route.method = "POST";
  route.pattern = str(kBase, path);
  route.operation_id = std::move(operation_id);
  route.handler = std::move(handler);
  route.takes = {"application/json"};
  route.body_limit = kWorkerBody;
  route.blocks = false;
  return route;
}

void claim(WorkerGateway& gateway, Call call, HttpReply reply) {
  auto open = std::make_shared<Open>(Open{std::move(call), std::move(reply)});
  // Called on this very thread, later: then it is known how to take the claim back.
  auto undo = std::make_shared<std::function<void()>>();
  open->reply.when_gone([undo] {
    if (*undo) (*undo)();
  });
  *undo = gateway.claim(who(open->call), open->call.body, answer_to(open));
}

}  // namespace

void add_worker_routes(Router& router, WorkerGateway& gateway) {
  router.add(
      Role::worker,
      call_route("register_worker", "", answering([&gateway](Call& call) -> Result<HttpResponse> {
                   return json_text(TRY(gateway.enrol(call.body, call.caller.queues)));
                 })));
  router.add(Role::worker,
             call_route("claim_tasks", "/{id}/claim", [&gateway](Call call, HttpReply reply) {
               claim(gateway, std::move(call), std::move(reply));
             }));
  router.add(Role::worker,
             call_route("report_tasks", "/{id}/reports", [&gateway](Call call, HttpReply reply) {
               auto open = std::make_shared<Open>(Open{std::move(call), std::move(reply)});
               gateway.report(who(open->call), open->call.body, answer_to(open));
             }));
  router.add(Role::worker,
             call_route("append_logs", "/{id}/logs", [&gateway](Call call, HttpReply reply) {
               auto open = std::make_shared<Open>(Open{std::move(call), std::move(reply)});
               gateway.log(who(open->call), open->call.body, answer_to(open));
             }));
  Route leave;
  leave.method = "DELETE";
  leave.pattern = str(kBase, "/{id}");
  leave.operation_id = "remove_worker";
  leave.blocks = false;
  leave.handler = answering([&gateway](Call& call) -> Result<HttpResponse> {
    TRY(gateway.leave(who(call)));
    return HttpResponse{204, "", "", {}};
  });
  router.add(Role::worker, std::move(leave));
  Route list;
  list.method = "GET";
  list.pattern = kBase;
  list.operation_id = "list_workers";
  list.blocks = false;
  list.handler = answering(
      [&gateway](Call&) -> Result<HttpResponse> { return json_response(gateway.list()); });
  router.add(Role::viewer, std::move(list));
}

}  // namespace pawl::server
