#include "server/api_fields.h"

#include <algorithm>
#include <charconv>

#include "base/sha256.h"
#include "base/text.h"

namespace pawl::server {
namespace {

template <typename N>
bool read_number(std::string_view text, N& out) {
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), out);
  return bad == std::errc{} && end == text.data() + text.size();
}

std::string filter_mark(std::string_view filter) { return sha256_hex(filter).substr(0, 12); }

}  // namespace

void Fields::wrong(std::string_view name, std::string_view code, std::string detail) {
  wrong_.push_back({str("/", name), std::string(code), std::move(detail), {}});
}

const Json* Fields::take(std::string_view name, bool required, Json::Type type) {
  known_.emplace_back(name);
  const Json* value = object_.find(name);
  if (!value || value->is_null()) {
    if (required) wrong(name, "required", str("\"", name, "\" is missing"));
    return nullptr;
  }
  if (value->type() == type) return value;
  wrong(name, "wrong_type",
        str("\"", name, "\" is ", Json::type_name(value->type()), ", expected ",
            Json::type_name(type)));
  return nullptr;
}

std::string Fields::text(std::string_view name, TextRules rules) {
  const Json* value = take(name, rules.required, Json::Type::string);
  if (!value) return {};
  const auto& text = value->as_string();
  if (text.size() > rules.most) {
    wrong(name, "too_long",
          str("\"", name, "\" has ", text.size(), " bytes, at most ", rules.most, " are taken"));
    return {};
  }
  if (rules.required && text.empty()) wrong(name, "required", str("\"", name, "\" is empty"));
  return text;
}

std::optional<std::int64_t> Fields::integer(std::string_view name, std::int64_t least,
                                            std::int64_t most) {
  const Json* value = take(name, false, Json::Type::integer);
  if (!value) return std::nullopt;
  if (value->as_integer() >= least && value->as_integer() <= most) return value->as_integer();
  wrong(name, "out_of_range",
        str("\"", name, "\" is ", value->as_integer(), ", expected ", least, " to ", most));
  return std::nullopt;
}

bool Fields::boolean(std::string_view name) {
  const Json* value = take(name, false, Json::Type::boolean);
  return value && value->as_bool();
}

Json Fields::object(std::string_view name) {
  const Json* value = take(name, false, Json::Type::object);
  return value ? *value : Json();
}

Json Fields::array(std::string_view name) {
  const Json* value = take(name, false, Json::Type::array);
  return value ? *value : Json();
}

Json Fields::texts(std::string_view name) {
  const Json* value = take(name, false, Json::Type::object);
  if (!value) return {};
  for (const auto& [key, one] : value->as_object()) {
    if (!one.is_string()) {
      wrong(str(name, "/", key), "wrong_type",
            str("\"", key, "\" is ", Json::type_name(one.type()), ", expected string"));
    }
  }
  return *value;
}

std::optional<Problem> Fields::problem() {
  if (object_.is_object()) {
    for (const auto& [key, value] : object_.as_object()) {
      if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
      const auto near = nearest(key, known_);
      wrong_.push_back({str("/", key), "unknown_field", str("there is no field \"", key, "\" here"),
                        near.empty() ? "" : str("did you mean \"", near, "\"?")});
    }
  }
  if (wrong_.empty()) return std::nullopt;
  Problem p;
  p.code = "invalid_request";
  p.detail = wrong_[0].detail;
  p.hint = wrong_[0].hint;
  p.errors = std::move(wrong_);
  return p;
}

Result<std::int64_t> number_param(const Call& call, std::string_view name, std::int64_t fallback,
                                  std::int64_t least, std::int64_t most) {
  const auto* text = call.param(name);
  if (!text) return fallback;
  std::int64_t value = 0;
  if (read_number(*text, value) && value >= least && value <= most) return value;
  return {Errc::usage, str("?", name, ": found \"", *text, "\", expected a whole number from ",
                           least, " to ", most)};
}

Result<RunId> run_arg(const Call& call) {
  std::int64_t id = 0;
  const auto& text = call.arg("run_id");
  if (read_number(text, id) && id > 0) return RunId{id};
  return {Errc::not_found, str("there is no run \"", text, "\"; runs are numbered")};
}

std::string make_cursor(std::string_view filter, std::int64_t place) {
  return str(filter_mark(filter), "_", place);
}

Result<std::int64_t> read_cursor(std::string_view filter, std::string_view cursor) {
  const auto mark = str(filter_mark(filter), "_");
  std::int64_t place = 0;
  if (cursor.starts_with(mark) && read_number(cursor.substr(mark.size()), place) && place >= 0) {
    return place;
  }
  return {Errc::usage,
          "?cursor: it is not one that this list gave out for these filters\nhint: begin without"};
}

Result<std::int64_t> cursor_param(const Call& call, std::string_view filter, std::int64_t first) {
  const auto* cursor = call.param("cursor");
  return cursor ? read_cursor(filter, *cursor) : Result<std::int64_t>(first);
}

HttpResponse page_response(const Call& call, Json items, const std::string& next) {
  Json page = Json::object();
  page.set("items", std::move(items)).set("next_cursor", next.empty() ? Json() : Json(next));
  auto response = json_response(page);
  if (next.empty()) return response;
  auto link = str("<", call.request.path, "?");
  for (const auto& [name, value] : call.query) {
    if (name != "cursor") link += str(percent_encode(name), "=", percent_encode(value), "&");
  }
  response.headers.emplace_back("Link", str(link, "cursor=", next, ">; rel=\"next\""));
  return response;
}

}  // namespace pawl::server
