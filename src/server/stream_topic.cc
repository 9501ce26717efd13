#include "server/stream_topic.h"

#include <charconv>

#include "base/text.h"
#include "server/http_reader.h"
#include "server/ws_frames.h"

namespace pawl::server {
namespace {

template <typename N>
bool number_of(std::string_view text, N& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out > 0;
}

// The part before the first `mark`; the rest, without the mark, stays in `text`.
std::string_view cut(std::string_view& text, char mark) {
  auto at = text.find(mark);
  auto part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return part;
}

Status read_filter(std::string_view query, store::RunFilter& filter) {
  std::uint32_t states = 0;
  while (!query.empty()) {
    auto field = cut(query, '&');
    auto name = cut(field, '=');
    std::string value;
    if (!percent_decode(field, true, value)) {
      return {Errc::usage, str("runs: '", field, "' is not percent-encoded UTF-8")};
    }
    if (name == "workflow") {
      filter.workflow = value;
    } else if (name == "state") {
      auto state = core::parse_run_state(value);
      if (!state) return {Errc::usage, str("runs: there is no state '", value, "'")};
      states |= 1u << static_cast<unsigned>(*state);
    } else {
      return {Errc::usage, str("runs: found '", name, "', expected workflow or state")};
    }
  }
  if (states != 0) filter.states = states;
  return {};
}

Status read_run(std::string_view rest, StreamTopic& topic) {
  auto id = cut(rest, '/');
  if (!number_of(id, topic.run.value) || topic.text.ends_with('/')) {
    return {Errc::usage, str("'", topic.text, "': '", id, "' is no run's number")};
  }
  topic.kind = StreamTopic::Kind::run;
  if (rest.empty()) return {};
  auto what = cut(rest, '/');
  topic.kind = StreamTopic::Kind::run_logs;
  if (what == "logs" && rest.empty()) return {};
  // Names of tasks have no slash; the attempt is behind the last one.
  auto at = rest.rfind('/');
  topic.kind = StreamTopic::Kind::task_logs;
  if (what != "logs" || at == std::string_view::npos || at == 0 ||
      !number_of(rest.substr(at + 1), topic.attempt) ||
      !percent_decode(rest.substr(0, at), false, topic.task)) {
    return {Errc::usage, str("'", topic.text,
                             "': expected run/ID, run/ID/logs or "
                             "run/ID/logs/TASK/ATTEMPT")};
  }
  return {};
}

}  // namespace

Result<StreamTopic> parse_topic(std::string_view text) {
  constexpr std::size_t kLongest = 1024;
  if (text.size() > kLongest) {
    return {Errc::usage, str("a topic of ", text.size(), " bytes; at most ", kLongest)};
  }
  StreamTopic topic;
  topic.text = text;
  auto rest = text;
  if (text == "system") return topic;
  if (text.starts_with("run/")) {
    rest.remove_prefix(4);
    TRY(read_run(rest, topic));
    return topic;
  }
  topic.kind = StreamTopic::Kind::runs;
  if (cut(rest, '?') == "runs") {
    TRY(read_filter(rest, topic.filter));
    return topic;
  }
  return {Errc::usage, str("there is no topic '", text,
                           "'; there are runs, run/ID, run/ID/logs, "
                           "run/ID/logs/TASK/ATTEMPT and system")};
}

StreamMessage::StreamMessage(std::string_view topic, std::string_view type,
                             std::optional<std::uint64_t> seq, Json data)
    : type_(type), seq_(seq) {
  Json j = Json::object();
  j.set("topic", topic).set("type", type);
  if (seq) j.set("seq", *seq);
  if (!data.is_null()) j.set("data", std::move(data));
  json_ = j.dump();
}

const std::string& StreamMessage::websocket() const {
  if (websocket_.empty()) websocket_ = ws_frame(WsKind::text, json_);
  return websocket_;
}

const std::string& StreamMessage::event() const {
  if (!event_.empty()) return event_;
  if (seq_) event_ = str("id: ", *seq_, '\n');
  event_ += str("event: ", type_, "\ndata: ", json_, "\n\n");  // JSON in one line
  return event_;
}

StreamMessage stream_error(std::string_view topic, const Error& error) {
  Json data = Json::object();
  data.set("code", to_string(error.code)).set("detail", error.message);
  return {topic, "error", std::nullopt, std::move(data)};
}

}  // namespace pawl::server
