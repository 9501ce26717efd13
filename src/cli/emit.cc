#include "cli/emit.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/fs.h"
#include "base/text.h"
#include "core/failure.h"

namespace pawl::cli {

namespace {

// A line is one write and readers keep whole lines in memory.
constexpr std::size_t kLongestText = 16u << 10;

Error refuse(std::string_view kind, std::string_view found, std::string_view expected) {
  return {Errc::usage,
          str("pawl emit ", kind, ": found '", to_valid_utf8(found), "', expected ", expected)};
}

std::optional<Json> read_number(std::string_view text) {
  auto parsed = Json::parse(text);
  if (parsed.ok() && parsed->is_number()) return *parsed;
  return std::nullopt;
}

// What a measurement may also be: a loss that is no number any more is worth knowing.
std::optional<Json> read_measure(std::string_view text) {
  if (auto number = read_number(text)) return number;
  double value = 0;
  auto* end = text.data() + text.size();
  auto from = text.starts_with('+') ? text.substr(1) : text;
  auto [stop, error] = std::from_chars(from.data(), end, value);
  if (from.empty() || error != std::errc() || stop != end) return std::nullopt;
  if (std::isnan(value)) return Json("nan");
  if (std::isinf(value)) return Json(value > 0 ? "inf" : "-inf");
  return Json(value);
}

Result<Json> progress(const std::vector<std::string>& values, std::optional<std::string> unit) {
  constexpr auto kExpected = "CURRENT/TOTAL, CURRENT or a percentage: 3/10, 3 or 30%";
  if (values.size() != 1) return refuse("progress", join(values, " "), kExpected);
  std::string_view text = values[0];
  Json inner;
  if (text.ends_with('%')) {
    auto current = read_number(text.substr(0, text.size() - 1));
    if (!current || current->as_double() < 0) return refuse("progress", text, kExpected);
    inner.set("current", *current).set("total", 100);
    if (!unit) unit = "%";
  } else {
    auto slash = text.find('/');
    auto current = read_number(text.substr(0, slash));
    if (!current || current->as_double() < 0) return refuse("progress", text, kExpected);
    inner.set("current", *current);
    if (slash != std::string_view::npos) {
      auto total = read_number(text.substr(slash + 1));
      if (!total || total->as_double() < 0) return refuse("progress", text, kExpected);
      inner.set("total", *total);
    }
  }
  if (unit) inner.set("unit", to_valid_utf8(*unit));
  return Json::object({{"progress", inner}});
}

Result<Json> metric(const std::vector<std::string>& values) {
  auto inner = Json::object();
  for (const auto& value : values) {
    auto equals = value.find('=');
    if (equals == std::string::npos || equals == 0) {
      return refuse("metric", value, "NAME=NUMBER, such as loss=0.31");
    }
    auto number = read_measure(std::string_view(value).substr(equals + 1));
    if (!number) return refuse("metric", value, "a number after '=', such as loss=0.31");
    inner.set(to_valid_utf8(value.substr(0, equals)), *number);
  }
  return Json::object({{"metric", inner}});
}

// The classes that recovery rules know: one that they do not would be lost without a word.
Result<Json> failure_class(std::string_view text) {
  std::vector<std::string> names;
  for (int i = 1; i < core::kFailureClassCount; i++) {  // 0 is none
    names.emplace_back(core::to_string(static_cast<core::FailureClass>(i)));
  }
  if (std::find(names.begin(), names.end(), text) == names.end()) {
    auto near = nearest(text, names);
    return refuse("failure-class", text,
                  str("one of ", join(names, ", "),
                      near.empty() ? "" : str("\n  did you mean: ", near, '?')));
  }
  return Json::object({{"failure_class", text}});
}

}  // namespace

Result<Json> make_event(std::string_view kind, const std::vector<std::string>& values,
                        std::optional<std::string> unit) {
  if (unit && kind != "progress") {
    return Error{Errc::usage, str("pawl emit ", kind, " has no --unit; only progress has")};
  }
  if (kind == "progress") return progress(values, std::move(unit));
  if (kind == "metric") return metric(values);
  auto text = join(values, " ");
  if (kind == "warning") {
    if (trim(text).empty()) return refuse(kind, text, "what the warning says");
    if (text.size() > kLongestText) {
      return Error{Errc::usage, str("pawl emit warning: found ", text.size(),
                                    " bytes, expected at most ", kLongestText)};
    }
    return Json::object({{"warning", to_valid_utf8(text)}});
  }
  if (kind == "failure-class") return failure_class(text);
  PAWL_ASSERT(kind == "checkpoint");
  if (text != "best") return refuse(kind, text, "best");
  return Json::object({{"checkpoint", text}});
}

Status append_event(const char* events_file, const Json& event) {
  if (!events_file || !*events_file) {
    return Error{Errc::usage,
                 "PAWL_EVENTS is not set: `pawl emit` reports from inside a task\n"
                 "  to try it: PAWL_EVENTS=/dev/stdout pawl emit ..."};
  }
  return append_file(events_file, event.dump() + '\n', 0600);
}

}  // namespace pawl::cli
