#include "server/stream_session.h"

#include <atomic>
#include <set>
#include <string>

#include "base/text.h"
#include "server/ws_frames.h"

namespace pawl::server {
namespace {

constexpr std::size_t kMostWaiting = 256u << 10;  // bytes that a reader has not taken
constexpr std::size_t kMostAsked = 64u << 10;     // bytes of one message from a reader
constexpr std::size_t kMostTopics = 100;
constexpr const char* kProtocol = "pawl.v1+json";

constexpr std::uint16_t kGoingAway = 1001, kUnsupported = 1003, kNotAllowed = 1008, kRestart = 1012,
                        kTooSlow = 1013;

// A large message counts for itself: a snapshot of a million tasks must fit, too.
bool put(HttpChannel& channel, std::string_view bytes) {
  return channel.send(bytes, kMostWaiting + bytes.size());
}

class WebSocketSession final : public HttpListener,
                               public StreamSink,
                               public std::enable_shared_from_this<WebSocketSession> {
 public:
  WebSocketSession(StreamHub& hub, StreamAccess access)
      : hub_(hub), access_(std::move(access)), signed_in_(access_.signed_in), reader_(kMostAsked) {}

  // -- Of the connection's thread
  void opened(std::shared_ptr<HttpChannel> channel) override {
    channel_ = std::move(channel);
    hub_.add(shared_from_this());
  }
  void received(std::string_view bytes) override {
    if (ended_) return;
    silent_ticks_ = 0;
    reader_.feed(bytes);
    WsMessage message;
    while (!ended_ && reader_.next(message))
      take(message);
    if (!ended_ && reader_.error() != 0) end(reader_.error(), "");
  }
  void closed() override { hub_.remove(this); }

  // -- Of the hub's thread
  bool deliver(const StreamMessage& message) override {
    if (ended_) return false;
    if (put(*channel_, message.websocket())) return true;
    end(kTooSlow, "too slow; go on with the last seq");
    return false;
  }
  bool tick() override {
    if (ended_) return false;
    constexpr int kMostSilent = 2;
    if (!signed_in_) {
      end(kNotAllowed, "nobody signed in");
      return false;
    }
    if (++silent_ticks_ > kMostSilent) {
      end(kGoingAway, "no answer to pings");
      return false;
    }
    return put(*channel_, ws_frame(WsKind::ping, ""));
  }
  void goodbye() override { end(kRestart, "the server stops"); }

 private:
  void take(const WsMessage& message) {
    switch (message.kind) {
      case WsKind::text:
        return take_text(message.payload);
      case WsKind::binary:
        return end(kUnsupported, "text only");
      case WsKind::ping:
        if (!put(*channel_, ws_frame(WsKind::pong, message.payload))) end(kTooSlow, "");
        return;
      case WsKind::pong:
        return;
      case WsKind::close:
        return end(message.code, "");
    }
  }

  void take_text(const std::string& text) {
    auto json = Json::parse(text);
    if (!json.ok()) return refuse("", {Errc::usage, str("no JSON: ", json.error().message)});
    const Json& op = (*json)["op"];
    const Json& topic = (*json)["topic"];
    if (!op.is_string()) return refuse("", {Errc::usage, "\"op\" is missing"});
    if (op.as_string() == "auth") return sign_in((*json)["token"]);
    if (op.as_string() == "ping") {
      tell({"", "pong", std::nullopt, Json()});
    } else if (!signed_in_) {
      end(kNotAllowed, "sign in first");
    } else if (!topic.is_string()) {
      refuse("", {Errc::usage, "\"topic\" is missing"});
    } else if (op.as_string() == "subscribe") {
      subscribe(topic.as_string(), (*json)["after_seq"]);
    } else if (op.as_string() == "unsubscribe") {
      topics_.erase(topic.as_string());
      hub_.unsubscribe(this, topic.as_string());
    } else {
      refuse(topic.as_string(), {Errc::usage, str("there is no op \"", op.as_string(),
                                                  "\"; there are auth, subscribe, unsubscribe "
                                                  "and ping")});
    }
  }

  void sign_in(const Json& token) {
    if (!token.is_string() || !access_.admit || !access_.admit(token.as_string()))
      return end(kNotAllowed, "the token is not valid");
    signed_in_ = true;
    tell({"", "signed_in", std::nullopt, Json()});
  }

  void subscribe(const std::string& text, const Json& after) {
    auto topic = parse_topic(text);
    if (!topic.ok()) return refuse(text, topic.error());
    if (!after.is_null() && (!after.is_integer() || after.as_integer() < 0)) {
      return refuse(text, {Errc::usage, "after_seq is a number from 0"});
    }
    if (topics_.size() >= kMostTopics && !topics_.contains(text)) {
      return refuse(text, {Errc::too_large, str("at most ", kMostTopics, " topics at once")});
    }
    topics_.insert(text);
    std::optional<std::uint64_t> from;
    if (after.is_integer()) from = static_cast<std::uint64_t>(after.as_integer());
    hub_.subscribe(shared_from_this(), std::move(*topic), from);
  }

  void refuse(std::string_view topic, const Error& error) { tell(stream_error(topic, error)); }
  void tell(const StreamMessage& message) {
    if (!put(*channel_, message.websocket())) end(kTooSlow, "");
  }

  // The other side's close is answered with its code; nothing is sent behind it.
  void end(std::uint16_t code, std::string_view why) {
    if (ended_.exchange(true)) return;
    auto frame = ws_close(code, why);
    (void)channel_->send(frame, static_cast<std::size_t>(-1) / 2);
    channel_->close();
  }

  StreamHub& hub_;
  const StreamAccess access_;
  std::shared_ptr<HttpChannel> channel_;
  std::atomic<bool> signed_in_;
  std::atomic<bool> ended_{false};
  std::atomic<int> silent_ticks_{0};
  WsReader reader_;               // of the connection's thread
  std::set<std::string> topics_;  // of the connection's thread
};

class EventStreamSession final : public HttpListener,
                                 public StreamSink,
                                 public std::enable_shared_from_this<EventStreamSession> {
 public:
  EventStreamSession(StreamHub& hub, StreamTopic topic, std::optional<std::uint64_t> after)
      : hub_(hub), topic_(std::move(topic)), after_(after) {}
  void opened(std::shared_ptr<HttpChannel> channel) override {
    channel_ = std::move(channel);
    hub_.add(shared_from_this());
    hub_.subscribe(shared_from_this(), topic_, after_);
  }
  void received(std::string_view) override {}  // nothing is to come
  void closed() override { hub_.remove(this); }
  bool deliver(const StreamMessage& message) override { return tell(message.event()); }
  bool tick() override { return tell(":\n\n"); }
  void goodbye() override { channel_->close(); }

 private:
  bool tell(std::string_view bytes) {
    if (put(*channel_, bytes)) return true;
    (void)channel_->send("event: gap\ndata: {}\n\n", static_cast<std::size_t>(-1) / 2);
    channel_->close();
    return false;
  }

  StreamHub& hub_;
  const StreamTopic topic_;
  const std::optional<std::uint64_t> after_;
  std::shared_ptr<HttpChannel> channel_;
};

bool has_word(const std::string* field, std::string_view word) {
  if (!field) return false;
  std::string_view rest = *field;
  while (!rest.empty()) {
    auto comma = rest.find(',');
    if (lower(trim(rest.substr(0, comma))) == word) return true;
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return false;
}

}  // namespace

void open_websocket(StreamHub& hub, const HttpRequest& request, HttpReply reply,
                    StreamAccess access) {
  const std::string* key = request.header("sec-websocket-key");
  const std::string* version = request.header("sec-websocket-version");
  auto accept = key ? ws_accept(*key) : std::string();
  if (!has_word(request.header("connection"), "upgrade") ||
      !has_word(request.header("upgrade"), "websocket") || accept.empty()) {
    return reply.send({426,
                       "text/plain",
                       "This address speaks WebSocket.\n",
                       {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}}});
  }
  if (!version || *version != "13") {
    return reply.send({426,
                       "text/plain",
                       "WebSocket version 13 is spoken here.\n",
                       {{"Sec-WebSocket-Version", "13"}}});
  }
  HttpResponse head{101,
                    "",
                    "",
                    {{"Upgrade", "websocket"},
                     {"Connection", "Upgrade"},
                     {"Sec-WebSocket-Accept", std::move(accept)}}};
  if (has_word(request.header("sec-websocket-protocol"), kProtocol))
    head.headers.emplace_back("Sec-WebSocket-Protocol", kProtocol);
  reply.take_over(std::move(head), std::make_shared<WebSocketSession>(hub, std::move(access)));
}

void open_event_stream(StreamHub& hub, StreamTopic topic, std::optional<std::uint64_t> after,
                       HttpReply reply) {
  HttpResponse head{
      200, "text/event-stream", "", {{"Cache-Control", "no-store"}, {"Connection", "close"}}};
  reply.take_over(std::move(head),
                  std::make_shared<EventStreamSession>(hub, std::move(topic), after));
}

}  // namespace pawl::server
