// Feed items as lines of JSON: what the control socket carries and `--progress json` prints.
#include <algorithm>

#include "base/text.h"
#include "server/feed.h"

namespace pawl::server {
namespace {

Json time_json(Time t) {
  if (t == kNoTime || t == kNever) return {};
  return format_time(t);
}

Time time_of(const Json& j, Time absent) {
  if (!j.is_string()) return absent;
  auto t = parse_time(j.as_string());
  return t.ok() ? *t : absent;
}

std::string text_of(const Json& j) { return j.is_string() ? j.as_string() : std::string(); }
std::int64_t int_of(const Json& j) { return j.is_integer() ? j.as_integer() : 0; }
double double_of(const Json& j) { return j.is_number() ? j.as_double() : 0; }

// Enumerations travel by name: a client may be of another version than the owner.
core::Reason reason_of(const Json& j) {
  auto text = text_of(j);
  for (int r = 0; r < core::kReasonCount; ++r) {
    if (text == core::to_string(static_cast<core::Reason>(r))) return static_cast<core::Reason>(r);
  }
  return core::Reason::none;
}

Json progress_json(const core::Progress& p) {
  Json j = Json::object();
  j.set("current", p.current);
  if (p.total > 0) j.set("total", p.total);
  if (!p.unit.empty()) j.set("unit", p.unit);
  return j;
}

core::Progress progress_of(const Json& j) {
  return {double_of(j["current"]), double_of(j["total"]), text_of(j["unit"])};
}

Json live_json(const LiveTask& t) {
  Json j = Json::object();
  j.set("id", t.task).set("name", t.path).set("state", core::to_string(t.state));
  if (t.reason != core::Reason::none) j.set("reason", core::to_string(t.reason));
  j.set("attempt", t.attempt).set("max_attempts", t.max_attempts);
  if (t.started != kNoTime) j.set("started_at", time_json(t.started));
  if (t.finished != kNoTime) j.set("finished_at", time_json(t.finished));
  if (t.wake != kNever) j.set("wakes_at", time_json(t.wake));
  if (t.child) j.set("child_run", t.child.value);
  if (!t.error.empty()) j.set("error", t.error);
  if (!t.question.empty()) j.set("question", t.question);
  if (!t.preview.empty()) j.set("preview", t.preview);
  if (t.has_progress) j.set("progress", progress_json(t.progress));
  if (!t.metrics.empty()) {
    Json metrics = Json::object();
    for (const auto& [name, value] : t.metrics)
      metrics.set(name, value);
    j.set("metrics", metrics);
  }
  return j;
}

LiveTask live_of(const Json& j) {
  LiveTask t;
  t.task = static_cast<TaskId>(int_of(j["id"]));
  t.path = text_of(j["name"]);
  t.state = core::parse_task_state(text_of(j["state"])).value_or(core::TaskState::pending);
  t.reason = reason_of(j["reason"]);
  t.attempt = static_cast<Attempt>(int_of(j["attempt"]));
  t.max_attempts = static_cast<std::uint32_t>(int_of(j["max_attempts"]));
  t.started = time_of(j["started_at"], kNoTime);
  t.finished = time_of(j["finished_at"], kNoTime);
  t.wake = time_of(j["wakes_at"], kNever);
  t.child = RunId{int_of(j["child_run"])};
  t.error = text_of(j["error"]);
  t.question = text_of(j["question"]);
  t.preview = text_of(j["preview"]);
  if (const Json* p = j.find("progress")) {
    t.has_progress = true;
    t.progress = progress_of(*p);
  }
  if (j["metrics"].is_object()) {
    for (const auto& [name, value] : j["metrics"].as_object()) {
      t.metrics.emplace_back(name, double_of(value));
    }
  }
  return t;
}

Json snapshot_json(const Snapshot& s) {
  Json j = Json::object();
  j.set("run_id", s.run.value).set("workflow", s.workflow).set("version", s.version);
  if (s.source) j.set("source_run", s.source.value);
  j.set("name", s.name).set("state", core::to_string(s.state));
  j.set("verdict", core::to_string(s.verdict)).set("created_at", time_json(s.created));
  j.set("started_at", time_json(s.started)).set("finished_at", time_json(s.finished));
  if (!s.pause_reason.empty()) j.set("pause_reason", s.pause_reason);
  if (!s.error.empty()) j.set("error", s.error);
  j.set("next_seq", s.next_seq).set("states", s.states);
  Json tasks = Json::array();
  for (const auto& t : s.tasks)
    tasks.push(live_json(t));
  j.set("tasks", std::move(tasks));
  return j;
}

Snapshot snapshot_of(const Json& j) {
  Snapshot s;
  s.run = RunId{int_of(j["run_id"])};
  s.source = RunId{int_of(j["source_run"])};
  s.workflow = text_of(j["workflow"]);
  s.version = static_cast<std::int32_t>(int_of(j["version"]));
  s.name = text_of(j["name"]);
  s.state = core::parse_run_state(text_of(j["state"])).value_or(core::RunState::pending);
  s.verdict = core::parse_verdict(text_of(j["verdict"])).value_or(core::Verdict::none);
  s.created = time_of(j["created_at"], kNoTime);
  s.started = time_of(j["started_at"], kNoTime);
  s.finished = time_of(j["finished_at"], kNoTime);
  s.pause_reason = text_of(j["pause_reason"]);
  s.error = text_of(j["error"]);
  s.next_seq = static_cast<std::uint64_t>(int_of(j["next_seq"]));
  s.states = text_of(j["states"]);
  if (j["tasks"].is_array()) {
    for (const auto& t : j["tasks"].as_array())
      s.tasks.push_back(live_of(t));
  }
  return s;
}

void put_event(Json& j, const FeedItem& item) {
  const core::Event& e = item.event;
  j.set("seq", e.seq).set("time", time_json(e.time)).set("event", core::to_string(e.kind));
  if (e.task != kNoTask) j.set("task", item.path).set("id", e.task);
  if (e.attempt != 0) j.set("attempt", e.attempt);
  if (e.kind == core::EventKind::task_state) j.set("state", core::to_string(e.task_state));
  if (e.kind == core::EventKind::run_state) j.set("state", core::to_string(e.run_state));
  if (e.reason != core::Reason::none) j.set("reason", core::to_string(e.reason));
  if (!e.text.empty()) j.set("text", e.text);
  if (item.live) j.set("live", live_json(*item.live));
}

FeedItem event_of(const Json& j) {
  FeedItem item;
  core::Event& e = item.event;
  e.seq = static_cast<std::uint64_t>(int_of(j["seq"]));
  e.time = time_of(j["time"], kNoTime);
  auto kind = text_of(j["event"]);
  for (int k = 1; k <= core::kEventKindCount; ++k) {
    if (kind == core::to_string(static_cast<core::EventKind>(k))) {
      e.kind = static_cast<core::EventKind>(k);
    }
  }
  if (j.find("id")) e.task = static_cast<TaskId>(int_of(j["id"]));
  item.task = e.task;
  item.path = text_of(j["task"]);
  e.attempt = static_cast<Attempt>(int_of(j["attempt"]));
  auto state = text_of(j["state"]);
  e.task_state = core::parse_task_state(state).value_or(core::TaskState::pending);
  e.run_state = core::parse_run_state(state).value_or(core::RunState::pending);
  e.reason = reason_of(j["reason"]);
  e.text = text_of(j["text"]);
  if (const Json* live = j.find("live")) item.live = std::make_shared<LiveTask>(live_of(*live));
  return item;
}

constexpr const char* kStreams[] = {"out", "err", "pawl"};

void put_log(Json& j, const FeedItem& item) {
  j.set("event", "log").set("task", item.path).set("id", item.task);
  j.set("attempt", item.log.fence.attempt).set("first_line", item.log.first_line);
  Json lines = Json::array();
  for (const auto& line : item.log.lines) {
    Json l = Json::object();
    l.set("time", time_json(line.time)).set("stream", kStreams[static_cast<int>(line.stream)]);
    l.set("text", line.text);
    lines.push(std::move(l));
  }
  j.set("lines", std::move(lines));
}

FeedItem log_of(const Json& j) {
  FeedItem item;
  item.kind = FeedKind::log;
  item.path = text_of(j["task"]);
  item.task = item.log.fence.task = static_cast<TaskId>(int_of(j["id"]));
  item.log.fence.attempt = static_cast<Attempt>(int_of(j["attempt"]));
  item.log.first_line = static_cast<std::uint64_t>(int_of(j["first_line"]));
  if (!j["lines"].is_array()) return item;
  for (const auto& l : j["lines"].as_array()) {
    auto name = text_of(l["stream"]);
    auto stream = name == "err"    ? core::Stream::err
                  : name == "pawl" ? core::Stream::pawl
                                   : core::Stream::out;
    item.log.lines.push_back({time_of(l["time"], kNoTime), stream, text_of(l["text"])});
  }
  return item;
}

}  // namespace

Json item_to_json(const FeedItem& item) {
  Json j = Json::object();
  switch (item.kind) {
    case FeedKind::snapshot:
      j.set("event", "snapshot").set("run", snapshot_json(*item.snapshot));
      break;
    case FeedKind::grown:
      j.set("event", "grown").set("states", item.states);
      break;
    case FeedKind::event:
      put_event(j, item);
      break;
    case FeedKind::log:
      put_log(j, item);
      break;
    case FeedKind::progress:
      j.set("event", "progress").set("task", item.path).set("id", item.task);
      j.set("progress", progress_json(item.progress));
      break;
    case FeedKind::closed:
      j.set("event", "closed");
      break;
  }
  return j;
}

Result<FeedItem> item_from_json(const Json& j) {
  auto kind = text_of(j["event"]);
  if (kind.empty()) return {Errc::usage, "a feed line without \"event\""};
  FeedItem item;
  if (kind == "snapshot") {
    item.kind = FeedKind::snapshot;
    item.snapshot = std::make_shared<Snapshot>(snapshot_of(j["run"]));
  } else if (kind == "grown") {
    item.kind = FeedKind::grown;
    item.states = text_of(j["states"]);
  } else if (kind == "log") {
    item = log_of(j);
  } else if (kind == "progress") {
    item.kind = FeedKind::progress;
    item.task = static_cast<TaskId>(int_of(j["id"]));
    item.path = text_of(j["task"]);
    item.progress = progress_of(j["progress"]);
  } else if (kind == "closed") {
    item.kind = FeedKind::closed;
  } else {
    item = event_of(j);
  }
  return item;
}

}  // namespace pawl::server
