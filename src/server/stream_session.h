#pragma once
// StreamSession: one reader's connection to the stream, as a WebSocket or as server-sent events.
//
// WebSocket, subprotocol "pawl.v1+json"; each message is one JSON object:
//   > {"op": "auth", "token": "..."}              first, where the request brought no token
//   > {"op": "subscribe", "topic": "run/7", "after_seq": 41}
//   > {"op": "unsubscribe", "topic": "run/7"}     > {"op": "ping"}
//   < {"topic": "run/7", "type": "event", "seq": 42, "data": {...}}
// Types: snapshot, event, grown, progress, log, patch, gap, error, pong, signed_in.
// Closed with 1008 where nobody signs in, 1009 where a message is too large, 1013 where the
// reader is too slow: it goes on with the last number it had.
//
// Server-sent events: one topic in the request; `id:` is the number, Last-Event-ID goes on from it.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/http_server.h"
#include "server/stream_hub.h"

namespace pawl::server {

struct StreamAccess {
  bool signed_in = false;  // by the request itself
  // Whether a token may read; asked on a connection's thread, must not block.
  std::function<bool(std::string_view token)> admit;
};

// Takes the connection over where the request is a proper WebSocket handshake; else answers it.
void open_websocket(StreamHub& hub, const HttpRequest& request, HttpReply reply,
                    StreamAccess access);
// REQUIRES: the caller may read. `after`: from Last-Event-ID or the query.
void open_event_stream(StreamHub& hub, StreamTopic topic, std::optional<std::uint64_t> after,
                       HttpReply reply);

}  // namespace pawl::server
