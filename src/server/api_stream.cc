// The stream's two ways in: one WebSocket for many topics, and server-sent events of one.
#include <charconv>

#include "base/text.h"
#include "server/api.h"
#include "server/api_fields.h"
#include "server/stream_session.h"

namespace pawl::server {
namespace {

// A browser cannot send a field with its handshake: it may sign in with its first message instead.
void websocket(Api& api, Call call, HttpReply reply) {
  auto admit = [doorkeeper = api.doorkeeper](std::string_view token) {
    HttpRequest with_token;
    with_token.headers.emplace_back("authorization", str("Bearer ", token));
    return allows(doorkeeper->identify(with_token).role, Role::viewer);
  };
  open_websocket(*api.stream, call.request, std::move(reply),
                 {allows(call.caller.role, Role::viewer), std::move(admit)});
}

void event_stream(Api& api, Call call, HttpReply reply) {
  const auto* text = call.param("topic");
  if (!text) return reply.send(call.refuse({Errc::usage, "the parameter \"topic\" is missing"}));
  auto topic = parse_topic(*text);
  if (!topic.ok()) return reply.send(call.refuse(topic.error()));
  std::optional<std::uint64_t> after;
  // What a client had last says more than the address it was given at first.
  const auto* last = call.request.header("last-event-id");
  if (!last) last = call.param("after_seq");
  if (last) {
    std::uint64_t number = 0;
    auto [end, bad] = std::from_chars(last->data(), last->data() + last->size(), number);
    if (bad != std::errc() || end != last->data() + last->size()) {
      return reply.send(call.refuse({Errc::usage, str("after_seq: \"", *last, "\" is no number")}));
    }
    after = number;
  }
  open_event_stream(*api.stream, std::move(*topic), after, std::move(reply));
}

}  // namespace

void add_stream_routes(Router& router, Api& api) {
  router.add(Role::anyone, {.method = "GET",
                            .pattern = "/api/v1/ws",
                            .operation_id = "open_websocket",
                            .handler =
                                [&api](Call call, HttpReply reply) {
                                  websocket(api, std::move(call), std::move(reply));
                                },
                            .blocks = false});
  router.add(Role::viewer, {.method = "GET",
                            .pattern = "/api/v1/stream",
                            .operation_id = "open_event_stream",
                            .handler =
                                [&api](Call call, HttpReply reply) {
                                  event_stream(api, std::move(call), std::move(reply));
                                },
                            .query = {"topic", "after_seq"},
                            .blocks = false});
}

}  // namespace pawl::server
