#include "server/worker_wire.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/base64.h"
#include "base/text.h"

namespace pawl::server {
namespace {

using core::Fence;
using core::ReportKind;

constexpr std::array<const char*, 7> kKinds = {"started",  "progress",  "completed", "failed",
                                               "released", "cancelled", "lost"};
constexpr std::array<const char*, 3> kResumes = {"checkpoint", "best_checkpoint", "scratch"};
constexpr std::array<const char*, 3> kStreams = {"out", "err", "pawl"};

Error wrong(std::string_view name, const Json& found, std::string_view expected) {
  return {Errc::usage,
          str("\"", name, "\": found ", Json::type_name(found.type()), ", expected ", expected)};
}

template <std::size_t N>
Result<std::size_t> choice(const Json& object, std::string_view name,
                           const std::array<const char*, N>& words) {
  const Json& value = object[name];
  std::string all;
  for (const char* word : words)
    all += str(all.empty() ? "" : ", ", word);
  if (!value.is_string()) return wrong(name, value, str("one of ", all));
  for (std::size_t i = 0; i < N; ++i)
    if (value.as_string() == words[i]) return i;
  return {Errc::usage, str("\"", name, "\": an unknown word, expected one of ", all)};
}

// -- Writing

// One JSON object, member by member.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) { out_.push_back('{'); }
  std::string& at(std::string_view name) {
    if (!std::exchange(first_, false)) out_.push_back(',');
    out_.push_back('"');
    out_.append(name);
    out_.append("\":");
    return out_;
  }
  void text(std::string_view name, std::string_view value) { append_json_string(at(name), value); }
  void text_unless_empty(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  void json_unless_null(std::string_view name, const Json& value) {
    if (!value.is_null()) value.dump_to(at(name));
  }
  void seconds(std::string_view name, Duration d) {
    const auto us = d.count();
    (us % 1'000'000 == 0 ? Json(us / 1'000'000) : Json(static_cast<double>(us) / 1e6))
        .dump_to(at(name));
  }
  void flag(std::string_view name, bool value) {
    if (value) at(name).append("true");
  }
  void end() { out_.push_back('}'); }

 private:
  std::string& out_;
  bool first_ = true;
};

void append_fence(std::string& out, const Fence& f) {
  char text[64];
  char* at = text;
  at = std::to_chars(at, text + sizeof text, f.run.value).ptr;
  for (std::uint32_t part : {f.task, f.attempt, f.lease}) {
    *at++ = '.';
    at = std::to_chars(at, text + sizeof text, part).ptr;
  }
  out.append(text, at);
}

void put_fence(Members& m, const Fence& f) {
  auto& out = m.at("fence");
  out.push_back('"');
  append_fence(out, f);
  out.push_back('"');
}

void put_definition(Members& m, const core::TaskDef& def) {
  m.text("action", def.action);
  m.text_unless_empty("run", def.run);
  m.text_unless_empty("shell", def.shell);
  if (def.action == "shell") m.seconds("kill_after_s", def.kill_after);
  const auto& t = def.timeout;
  if (t.attempt.count() != 0) m.seconds("timeout_s", t.attempt);
  if (t.start.count() != 0) m.seconds("start_timeout_s", t.start);
  if (t.heartbeat.count() != 0) m.seconds("heartbeat_timeout_s", t.heartbeat);
}

// -- Reading

Status object_at(const Json& json, std::string_view what) {
  if (!json.is_object()) return wrong(what, json, "an object");
  return {};
}

Result<Fence> fence_member(const Json& object) {
  const Json& value = object["fence"];
  if (!value.is_string()) return wrong("fence", value, "a string as the assignment gave it");
  return fence_from_text(value.as_string());
}

Result<Duration> seconds_member(const Json& object, std::string_view name, Duration fallback) {
  constexpr double kMost = 1e10;  // three hundred years
  const double s = TRY(number_member(object, name, static_cast<double>(fallback.count()) / 1e6));
  if (!(s >= 0 && s <= kMost)) {
    return {Errc::usage, str("\"", name, "\": expected seconds, 0 or more")};
  }
  return Duration(std::llround(s * 1e6));
}

Result<std::string> bytes_member(const Json& object, std::string_view name) {
  auto text = TRY(text_member(object, name));
  auto bytes = from_base64(text);
  if (!bytes) return {Errc::usage, str("\"", name, "\": expected base64, with its padding")};
  return std::move(*bytes);
}

Result<std::vector<std::string>> texts_member(const Json& object, std::string_view name) {
  std::vector<std::string> out;
  const Json& list = object[name];
  if (list.is_null()) return out;
  if (!list.is_array()) return wrong(name, list, "an array of strings");
  for (const Json& one : list.as_array()) {
    if (!one.is_string()) return wrong(name, one, "only strings in it");
    out.push_back(one.as_string());
  }
  return out;
}

Result<std::vector<std::pair<std::string, std::string>>> pairs_member(const Json& object,
                                                                      std::string_view name) {
  std::vector<std::pair<std::string, std::string>> out;
  const Json& map = object[name];
  if (map.is_null()) return out;
  if (!map.is_object()) return wrong(name, map, "an object of strings");
  for (const auto& [key, value] : map.as_object()) {
    if (!value.is_string()) return wrong(str(name, ".", key), value, "a string");
    out.emplace_back(key, value.as_string());
  }
  return out;
}

Result<std::shared_ptr<const core::Workflow>> definition_from(const Json& json) {
  auto workflow = std::make_shared<core::Workflow>();
  core::TaskDef& def = workflow->defs.emplace_back();
  def.action = TRY(text_member(json, "action", true));
  def.run = TRY(text_member(json, "run"));
  def.shell = TRY(text_member(json, "shell"));
  def.kill_after = TRY(seconds_member(json, "kill_after_s", def.kill_after));
  def.timeout.attempt = TRY(seconds_member(json, "timeout_s", Duration{0}));
  def.timeout.start = TRY(seconds_member(json, "start_timeout_s", Duration{0}));
  def.timeout.heartbeat = TRY(seconds_member(json, "heartbeat_timeout_s", Duration{0}));
  return std::shared_ptr<const core::Workflow>(std::move(workflow));
}

Status read_signs(const Json& json, core::Report& r) {
  if (const Json& p = json["progress"]; !p.is_null()) {
    TRY(object_at(p, "progress"));
    r.has_progress = true;
    r.progress.current = TRY(number_member(p, "current", 0));
    r.progress.total = TRY(number_member(p, "total", 0));
    r.progress.unit = TRY(text_member(p, "unit"));
  }
  if (const Json& list = json["metrics"]; !list.is_null()) {
    if (!list.is_array()) return wrong("metrics", list, "an array of [name, value]");
    for (const Json& m : list.as_array()) {
      if (!m.is_array() || m.size() != 2 || !m[0].is_string() || !m[1].is_number()) {
        return wrong("metrics", m, "[name, value] with a string and a number");
      }
      r.metrics.emplace_back(m[0].as_string(), m[1].as_double());
    }
  }
  r.warnings = TRY(texts_member(json, "warnings"));
  r.has_checkpoint = !json["checkpoint"].is_null();
  if (r.has_checkpoint) r.checkpoint = TRY(bytes_member(json, "checkpoint"));
  r.best_checkpoint = TRY(flag_member(json, "best_checkpoint"));
  return {};
}

}  // namespace

std::string fence_to_text(const Fence& fence) {
  std::string out;
  append_fence(out, fence);
  return out;
}

Result<Fence> fence_from_text(std::string_view text) {
  Fence f;
  const char* at = text.data();
  const char* end = text.data() + text.size();
  auto take = [&](auto& number, bool last) {
    // from_chars would take a minus and leading zeros: then two texts would be one fence.
    if (at == end || *at < '0' || *at > '9' || (*at == '0' && at + 1 != end && at[1] != '.')) {
      return false;
    }
    auto [next, bad] = std::from_chars(at, end, number);
    if (bad != std::errc{} || (next == end) != last || (!last && *next != '.')) return false;
    at = last ? next : next + 1;
    return true;
  };
  if (!take(f.run.value, false) || !take(f.task, false) || !take(f.attempt, false) ||
      !take(f.lease, true)) {
    return {Errc::usage, "\"fence\": expected one as an assignment gave it, such as \"41.3.1.7\""};
  }
  return f;
}

void append_fences(std::string& out, const std::vector<Fence>& fences) {
  out.push_back('[');
  for (std::size_t i = 0; i < fences.size(); ++i) {
    out.append(i == 0 ? "\"" : ",\"");
    append_fence(out, fences[i]);
    out.push_back('"');
  }
  out.push_back(']');
}

void append_assignment(std::string& out, const core::Assignment& a) {
  Members m(out);
  put_fence(m, a.fence);
  m.text("path", a.path);
  put_definition(m, *a.def);
  m.json_unless_null("with", a.with);
  m.json_unless_null("env", a.env);
  m.json_unless_null("args", a.args);
  m.text_unless_empty("cwd", a.cwd);
  m.json_unless_null("input", a.input);
  m.text_unless_empty("base_dir", a.base_dir);
  if (a.resume != core::Resume::checkpoint) {
    m.text("resume", kResumes[static_cast<std::size_t>(a.resume)]);
  }
  m.text_unless_empty("before", a.before);
  if (!a.checkpoint.empty()) m.text("checkpoint", to_base64(a.checkpoint));
  if (!a.secrets.empty()) {
    auto& list = m.at("secrets");
    list.push_back('[');
    for (std::size_t i = 0; i < a.secrets.size(); ++i) {
      list.append(i == 0 ? "[" : ",[");
      append_json_string(list, a.secrets[i].first);
      list.push_back(',');
      append_json_string(list, a.secrets[i].second);
      list.push_back(']');
    }
    list.push_back(']');
  }
  m.end();
}

Result<core::Assignment> assignment_from_json(const Json& json) {
  TRY(object_at(json, "assignment"));
  core::Assignment a;
  a.fence = TRY(fence_member(json));
  a.path = TRY(text_member(json, "path"));
  a.workflow = TRY(definition_from(json));
  a.def = &a.workflow->defs[0];
  a.with = json["with"];
  if (!a.with.is_null()) TRY(object_at(a.with, "with"));
  a.env = json["env"];
  if (!a.env.is_null()) TRY(pairs_member(json, "env"));
  a.args = json["args"];
  if (!a.args.is_null()) TRY(texts_member(json, "args"));
  a.cwd = TRY(text_member(json, "cwd"));
  a.input = json["input"];
  if (!a.input.is_null()) TRY(object_at(a.input, "input"));
  a.base_dir = TRY(text_member(json, "base_dir"));
  if (!json["resume"].is_null()) {
    a.resume = static_cast<core::Resume>(TRY(choice(json, "resume", kResumes)));
  }
  a.before = TRY(text_member(json, "before"));
  a.checkpoint = TRY(bytes_member(json, "checkpoint"));
  const Json& secrets = json["secrets"];
  if (!secrets.is_null() && !secrets.is_array()) return wrong("secrets", secrets, "an array");
  for (std::size_t i = 0; i < secrets.size(); ++i) {
    const Json& s = secrets[i];
    if (!s.is_array() || s.size() != 2 || !s[0].is_string() || !s[1].is_string()) {
      return wrong("secrets", s, "[name, value]");
    }
    a.secrets.emplace_back(s[0].as_string(), s[1].as_string());
  }
  return a;
}

void append_report(std::string& out, const core::Report& r) {
  Members m(out);
  put_fence(m, r.fence);
  m.text("kind", kKinds[static_cast<std::size_t>(r.kind)]);
  m.json_unless_null("outputs", r.outputs);
  if (r.failure_class != core::FailureClass::none) {
    m.text("failure_class", core::to_string(r.failure_class));
  }
  m.text_unless_empty("message", r.message);
  if (r.exit_code != 0) Json(r.exit_code).dump_to(m.at("exit_code"));
  m.flag("no_retry", r.no_retry);
  m.flag("try_later", r.try_later);
  m.flag("unconfirmed", r.unconfirmed);
  if (r.has_progress) {
    Members p(m.at("progress"));
    Json(r.progress.current).dump_to(p.at("current"));
    Json(r.progress.total).dump_to(p.at("total"));
    p.text_unless_empty("unit", r.progress.unit);
    p.end();
  }
  if (!r.metrics.empty()) {
    auto& list = m.at("metrics");
    list.push_back('[');
    bool first = true;
    for (const auto& [name, value] : r.metrics) {
      if (!std::isfinite(value)) continue;  // JSON has no such number
      list.append(std::exchange(first, false) ? "[" : ",[");
      append_json_string(list, name);
      list.push_back(',');
      Json(value).dump_to(list);
      list.push_back(']');
    }
    list.push_back(']');
  }
  if (!r.warnings.empty()) {
    auto& list = m.at("warnings");
    for (std::size_t i = 0; i < r.warnings.size(); ++i) {
      list.push_back(i == 0 ? '[' : ',');
      append_json_string(list, r.warnings[i]);
    }
    list.push_back(']');
  }
  if (r.has_checkpoint) m.text("checkpoint", to_base64(r.checkpoint));
  m.flag("best_checkpoint", r.best_checkpoint);
  m.flag("receipt", r.receipt);
  m.end();
}

Result<core::Report> report_from_json(const Json& json) {
  TRY(object_at(json, "report"));
  core::Report r;
  r.fence = TRY(fence_member(json));
  r.kind = static_cast<ReportKind>(TRY(choice(json, "kind", kKinds)));
  r.outputs = json["outputs"];
  if (auto word = TRY(text_member(json, "failure_class")); !word.empty()) {
    auto known = core::parse_failure_class(word);
    if (!known) return {Errc::usage, "\"failure_class\": an unknown word"};
    r.failure_class = *known;
  }
  r.message = TRY(text_member(json, "message"));
  constexpr auto kInt = std::numeric_limits<int>::max();
  r.exit_code = static_cast<int>(TRY(integer_member(json, "exit_code", 0, -kInt, kInt)));
  r.no_retry = TRY(flag_member(json, "no_retry"));
  r.try_later = TRY(flag_member(json, "try_later"));
  r.unconfirmed = TRY(flag_member(json, "unconfirmed"));
  TRY(read_signs(json, r));
  r.receipt = TRY(flag_member(json, "receipt"));
  return r;
}

void append_log_batch(std::string& out, const core::LogBatch& batch) {
  Members m(out);
  put_fence(m, batch.fence);
  Json(batch.first_line).dump_to(m.at("first_line"));
  auto& list = m.at("lines");
  list.push_back('[');
  for (std::size_t i = 0; i < batch.lines.size(); ++i) {
    const auto& line = batch.lines[i];
    list.append(i == 0 ? "[" : ",[");
    list += str(static_cast<std::int64_t>(line.time.time_since_epoch().count()), ",\"",
                kStreams[static_cast<std::size_t>(line.stream)], "\",");
    append_json_string(list, line.text);
    list.push_back(']');
  }
  list.push_back(']');
  m.end();
}

Result<core::LogBatch> log_batch_from_json(const Json& json) {
  TRY(object_at(json, "batch"));
  core::LogBatch batch;
  batch.fence = TRY(fence_member(json));
  constexpr std::int64_t kMostLines = std::int64_t{1} << 53;
  batch.first_line =
      static_cast<std::uint64_t>(TRY(integer_member(json, "first_line", 0, 0, kMostLines)));
  const Json& list = json["lines"];
  if (!list.is_array()) return wrong("lines", list, "an array of [microseconds, stream, text]");
  batch.lines.reserve(list.size());
  for (const Json& one : list.as_array()) {
    const bool shaped = one.is_array() && one.size() == 3 && one[0].is_integer() &&
                        one[1].is_string() && one[2].is_string();
    if (!shaped) return wrong("lines", one, "[microseconds, stream, text]");
    core::LogLine line;
    line.time = Time(Duration(one[0].as_integer()));
    std::size_t stream = 0;
    while (stream < kStreams.size() && one[1].as_string() != kStreams[stream])
      ++stream;
    if (stream == kStreams.size()) {
      return {Errc::usage, "\"lines\": an unknown stream, expected out, err or pawl"};
    }
    line.stream = static_cast<core::Stream>(stream);
    line.text = one[2].as_string();
    if (line.text.find('\n') != std::string::npos) {
      return {Errc::usage, "\"lines\": a newline within a line; send two lines"};
    }
    batch.lines.push_back(std::move(line));
  }
  return batch;
}

Result<std::vector<Fence>> fences_from_json(const Json& json, std::string_view name) {
  std::vector<Fence> out;
  if (json.is_null()) return out;
  if (!json.is_array()) return wrong(name, json, "an array of fences");
  for (const Json& one : json.as_array()) {
    if (!one.is_string()) return wrong(name, one, "only fences in it, which are strings");
    out.push_back(TRY(fence_from_text(one.as_string())));
  }
  return out;
}

Json worker_info_to_json(const core::WorkerInfo& info) {
  auto list = [](const std::vector<std::string>& words) {
    Json out = Json::array();
    for (const auto& word : words)
      out.push(word);
    return out;
  };
  Json labels = Json::object();
  for (const auto& [name, value] : info.labels)
    labels.set(name, value);
  return Json::object()
      .set("name", info.name)
      .set("queues", list(info.queues))
      .set("actions", list(info.actions))
      .set("labels", std::move(labels));
}

Result<core::WorkerInfo> worker_info_from_json(const Json& json) {
  TRY(object_at(json, "worker"));
  core::WorkerInfo info;
  info.name = TRY(text_member(json, "name", true));
  info.queues = TRY(texts_member(json, "queues"));
  info.actions = TRY(texts_member(json, "actions"));
  info.labels = TRY(pairs_member(json, "labels"));
  return info;
}

Result<std::string> text_member(const Json& object, std::string_view name, bool required) {
  const Json& value = object[name];
  if (value.is_null() && !required) return std::string();
  if (!value.is_string()) return wrong(name, value, "a string");
  if (required && value.as_string().empty()) {
    return {Errc::usage, str("\"", name, "\": is empty")};
  }
  return value.as_string();
}

Result<std::int64_t> integer_member(const Json& object, std::string_view name,
                                    std::int64_t fallback, std::int64_t least, std::int64_t most) {
  const Json& value = object[name];
  if (value.is_null()) return fallback;
  if (!value.is_integer()) return wrong(name, value, "a whole number");
  if (value.as_integer() < least || value.as_integer() > most) {
    return {Errc::usage,
            str("\"", name, "\": found ", value.as_integer(), ", expected ", least, " to ", most)};
  }
  return value.as_integer();
}

Result<double> number_member(const Json& object, std::string_view name, double fallback) {
  const Json& value = object[name];
  if (value.is_null()) return fallback;
  if (!value.is_number()) return wrong(name, value, "a number");
  return value.as_double();
}

Result<bool> flag_member(const Json& object, std::string_view name) {
  const Json& value = object[name];
  if (value.is_null()) return false;
  if (!value.is_bool()) return wrong(name, value, "true or false");
  return value.as_bool();
}

}  // namespace pawl::server
