#pragma once
// Stream: what is told as it happens, by topic. The same messages go through one WebSocket and, for
// curl, as server-sent events; see stream_session.h. This header is the words they are made of.
//
//   runs[?workflow=NAME][&state=STATE]   a row whenever a run changes
//   run/ID                               a run's events, and the progress of its tasks
//   run/ID/logs                          lines of all its tasks, from now on
//   run/ID/logs/TASK/ATTEMPT             lines of one attempt
//   system                               how the engine is
//
// A message has a number where it can be gone on from: an event's number in its run, the number of
// a batch's last line in its attempt. These are the store's, so they hold across restarts.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"
#include "store/store.h"

namespace pawl::server {

struct StreamTopic {
  enum class Kind : std::uint8_t { runs, run, run_logs, task_logs, system };
  Kind kind = Kind::system;
  std::string text;  // as asked for: what its messages are labelled with
  RunId run;
  std::string task;     // task_logs: its path
  Attempt attempt = 0;  // task_logs
  store::RunFilter filter;
};

// Errors: usage, with what is wrong.
Result<StreamTopic> parse_topic(std::string_view text);

// A message, and how it looks on either wire; each is made once, however many read it.
// Not thread-safe: the hub's thread makes and sends it.
class StreamMessage {
 public:
  StreamMessage(std::string_view topic, std::string_view type, std::optional<std::uint64_t> seq,
                Json data);
  const std::string& json() const { return json_; }
  const std::string& websocket() const;  // one text frame
  const std::string& event() const;      // one server-sent event

 private:
  std::string json_, type_;
  std::optional<std::uint64_t> seq_;
  mutable std::string websocket_, event_;
};

// What went wrong with a topic, as a message on it.
StreamMessage stream_error(std::string_view topic, const Error& error);

}  // namespace pawl::server
