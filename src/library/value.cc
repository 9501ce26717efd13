// Value, Status and the codecs' messages: what crosses the border of the library.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "library/inside.h"

namespace pawl::v1 {

static_assert(sizeof(Json) == sizeof(Value) && alignof(Json) <= alignof(Value));

const char* version() { return PAWL_VERSION; }

namespace {

// Only members in the order of the enums: both list the same kinds.
static_assert(static_cast<int>(Value::Kind::object) == static_cast<int>(Json::Type::object));
static_assert(static_cast<int>(Value::Kind::integer) == static_cast<int>(Json::Type::integer));

Code code_of(Errc code) {
  switch (code) {
    case Errc::usage:
    case Errc::invalid_workflow:
      return Code::invalid;
    case Errc::not_found:
      return Code::not_found;
    case Errc::forbidden:
    case Errc::conflict:
    case Errc::stale_attempt:
      return Code::conflict;
    case Errc::in_use:
      return Code::in_use;
    case Errc::too_large:
      return Code::too_large;
    case Errc::unavailable:
      return Code::unavailable;
    case Errc::disk_full:
      return Code::disk_full;
    case Errc::io:
      return Code::io;
    case Errc::corrupt:
      return Code::corrupt;
    case Errc::newer_version:
      return Code::newer_version;
    case Errc::timeout:
      return Code::timeout;
    case Errc::internal:
      return Code::internal;
  }
  return Code::internal;
}

}  // namespace

Status to_status(const Error& error) { return {code_of(error.code), error.message}; }
Status to_status(const pawl::Status& status) {
  return status.ok() ? Status() : to_status(status.error());
}

Value to_value(Json json) {
  Value v;
  ValueAccess::json(v) = std::move(json);
  return v;
}

const char* to_string(Code code) {
  static constexpr const char* kNames[] = {
      "ok",        "invalid",       "not_found", "conflict",    "in_use",    "exhausted",
      "misplaced", "too_large",     "timeout",   "unavailable", "disk_full", "io",
      "corrupt",   "newer_version", "failed",    "permanent",   "try_later", "internal"};
  auto i = static_cast<std::size_t>(code);
  return i < std::size(kNames) ? kNames[i] : "internal";
}

void value_of_failure(const Status& status) {
  std::fprintf(stderr, "pawl: value() of a Result that has none: %s: %s\n",
               to_string(status.code()), status.text().c_str());
  std::abort();
}

Status wrong_kind(const char* expected, const Value& found) {
  static constexpr const char* kKinds[] = {"null",     "a boolean", "an integer", "a number",
                                           "a string", "an array",  "an object"};
  auto text =
      str("expected ", expected, ", found ", kKinds[static_cast<std::size_t>(found.kind())]);
  if (found.is_integer()) text += str(" ", found.as_integer());
  return {Code::invalid, text};
}

Status inside(const std::string& where, const Status& error) {
  bool deeper = error.message().rfind("expected ", 0) != 0;
  return {error.code(), str(where, deeper ? "." : ": ", error.message()), error.hint()};
}

Value::Value() noexcept { new (storage_) Json(); }
Value::Value(bool v) { new (storage_) Json(v); }
Value::Value(double v) { new (storage_) Json(v); }
Value::Value(Integer v) { new (storage_) Json(v.v); }
Value::Value(std::string_view v) {
  new (storage_) Json(valid_utf8(v) ? std::string(v) : to_valid_utf8(v));
}
Value::Value(const Value& other) noexcept { new (storage_) Json(to_json(other)); }
Value::Value(Value&& other) noexcept { new (storage_) Json(std::move(ValueAccess::json(other))); }
Value& Value::operator=(const Value& other) noexcept {
  ValueAccess::json(*this) = to_json(other);
  return *this;
}
Value& Value::operator=(Value&& other) noexcept {
  ValueAccess::json(*this) = std::move(ValueAccess::json(other));
  return *this;
}
Value::~Value() { ValueAccess::json(*this).~Json(); }

Value Value::object(std::initializer_list<Member> members) {
  Value v = to_value(Json::object());
  for (const auto& [key, value] : members)
    v.set(key, value);
  return v;
}

Value Value::array(std::initializer_list<Value> items) {
  Json j = Json::array();
  for (const Value& item : items)
    j.push(to_json(item));
  return to_value(std::move(j));
}

Result<Value> Value::parse(std::string_view json) {
  auto parsed = Json::parse(json);
  if (!parsed.ok()) return to_status(parsed.error());
  return to_value(*std::move(parsed));
}

Value::Kind Value::kind() const { return static_cast<Kind>(to_json(*this).type()); }

bool Value::as_bool(bool otherwise) const {
  const Json& j = to_json(*this);
  return j.is_bool() ? j.as_bool() : otherwise;
}
std::int64_t Value::as_integer(std::int64_t otherwise) const {
  const Json& j = to_json(*this);
  return j.is_integer() ? j.as_integer() : otherwise;
}
double Value::as_double(double otherwise) const {
  const Json& j = to_json(*this);
  return j.is_number() ? j.as_double() : otherwise;
}
std::string_view Value::as_string(std::string_view otherwise) const {
  const Json& j = to_json(*this);
  return j.is_string() ? std::string_view(j.as_string()) : otherwise;
}

std::size_t Value::size() const {
  const Json& j = to_json(*this);
  return j.is_array() || j.is_object() ? j.size() : 0;
}
Value Value::at(std::size_t i) const {
  const Json& j = to_json(*this);
  if (i >= size()) return {};
  return to_value(j.is_array() ? j.as_array()[i] : j.as_object()[i].second);
}
std::string_view Value::key(std::size_t i) const {
  const Json& j = to_json(*this);
  return j.is_object() && i < j.size() ? std::string_view(j.as_object()[i].first)
                                       : std::string_view();
}
Value Value::get(std::string_view key) const {
  const Json* found = to_json(*this).find(key);
  return found ? to_value(*found) : Value();
}
bool Value::has(std::string_view key) const { return to_json(*this).find(key) != nullptr; }

Value& Value::set(std::string_view key, Value value) {
  Json& j = ValueAccess::json(*this);
  if (!j.is_object()) j = Json::object();
  std::string mended = valid_utf8(key) ? std::string(key) : to_valid_utf8(key);
  j.set(mended, std::move(ValueAccess::json(value)));
  return *this;
}
Value& Value::push(Value value) {
  Json& j = ValueAccess::json(*this);
  if (!j.is_array()) j = Json::array();
  j.push(std::move(ValueAccess::json(value)));
  return *this;
}

std::string Value::json() const { return to_json(*this).dump(); }
std::string Value::pretty() const { return to_json(*this).pretty(); }
bool Value::operator==(const Value& other) const { return to_json(*this) == to_json(other); }

}  // namespace pawl::v1
