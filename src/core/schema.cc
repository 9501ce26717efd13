// Validation of values. The schema's own check is schema_check.cc.

#include "core/schema.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "core/expr_program.h"
#include "core/findings.h"
#include "core/regex.h"

namespace pawl::core {
namespace {

constexpr std::size_t kMaxIssues = 100;

std::string token(std::string_view key) {
  std::string out = "/";
  for (char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out.push_back(c);
  }
  return out;
}

bool has_type(const Json& v, std::string_view type) {
  if (type == "integer")
    return v.is_integer() || (v.is_number() && std::trunc(v.as_double()) == v.as_double() &&
                              std::fabs(v.as_double()) < 9.2e18);
  if (type == "number") return v.is_number();
  return type == Json::type_name(v.type());
}

std::size_t characters(std::string_view s) {
  return static_cast<std::size_t>(std::count_if(
      s.begin(), s.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string short_list(const Json& options) {
  std::string out;
  for (const Json& o : options.as_array()) {
    if (out.size() > 200) return out + ", ...";
    out += str(out.empty() ? "" : ", ", o.dump());
  }
  return out;
}

class Validator {
 public:
  std::vector<SchemaIssue> issues;

  void check(const Json& v, const Json& schema, const std::string& at) {
    if (issues.size() >= kMaxIssues) return;
    if (schema.is_bool()) {
      if (!schema.as_bool()) put(at, "additionalProperties", "nothing is allowed here");
      return;
    }
    if (!schema.is_object() || !type(v, schema, at)) return;
    options(v, schema, at);
    if (v.is_number()) number(v, schema, at);
    if (v.is_string()) text(v, schema, at);
    if (v.is_array()) list(v, schema, at);
    if (v.is_object()) map(v, schema, at);
  }

 private:
  void put(const std::string& at, std::string code, std::string message, std::string hint = {}) {
    if (issues.size() < kMaxIssues)
      issues.push_back({at, std::move(code), std::move(message), std::move(hint)});
  }

  bool type(const Json& v, const Json& schema, const std::string& at) {
    const Json& t = schema["type"];
    bool fits = t.is_null();
    std::string expected;
    if (t.is_string()) {
      fits = has_type(v, t.as_string());
      expected = t.as_string();
    } else if (t.is_array()) {
      for (const Json& one : t.as_array()) {
        if (!one.is_string()) continue;
        fits = fits || has_type(v, one.as_string());
        expected += str(expected.empty() ? "" : " or ", one.as_string());
      }
    }
    if (!fits) put(at, "type", str("expected ", expected, ", found ", describe_value(v)));
    return fits;
  }

  void options(const Json& v, const Json& schema, const std::string& at) {
    if (const Json* e = schema.find("enum"); e != nullptr && e->is_array()) {
      const auto& all = e->as_array();
      if (std::find(all.begin(), all.end(), v) == all.end()) {
        std::vector<std::string_view> names;
        for (const Json& o : all)
          if (o.is_string()) names.push_back(o.as_string());
        std::string near = v.is_string() ? nearest_name_of(v.as_string(), names) : "";
        put(at, "enum", str("expected one of ", short_list(*e), ", found ", describe_value(v)),
            did_you_mean(near));
      }
    }
    if (const Json* c = schema.find("const"); c != nullptr && !(*c == v))
      put(at, "const", str("expected ", c->dump(), ", found ", describe_value(v)));
  }

  void bound(const Json& v, const Json& schema, const std::string& at, const char* keyword,
             const char* words, bool (*holds)(int)) {
    const Json& limit = schema[keyword];
    if (!limit.is_number() || holds(compare_values(v, limit).value())) return;
    put(at, keyword, str("must be ", words, " ", limit.dump(), ", found ", v.dump()));
  }

  void number(const Json& v, const Json& schema, const std::string& at) {
    bound(v, schema, at, "minimum", "at least", [](int c) { return c >= 0; });
    bound(v, schema, at, "maximum", "at most", [](int c) { return c <= 0; });
    bound(v, schema, at, "exclusiveMinimum", "more than", [](int c) { return c > 0; });
    bound(v, schema, at, "exclusiveMaximum", "less than", [](int c) { return c < 0; });
    const Json& step = schema["multipleOf"];
    if (!step.is_number() || step.as_double() <= 0) return;
    bool fits = false;
    if (v.is_integer() && step.is_integer()) {
      fits = v.as_integer() % step.as_integer() == 0;
    } else {
      // 0.3 is a multiple of 0.1 to people, if not to binary fractions.
      double q = v.as_double() / step.as_double();
      fits = std::fabs(q - std::round(q)) <= 1e-9 * std::max(1.0, std::fabs(q));
    }
    if (!fits)
      put(at, "multipleOf", str("must be a multiple of ", step.dump(), ", found ", v.dump()));
  }

  void size(std::size_t n, const Json& schema, const std::string& at, const char* least,
            const char* most, std::string_view what) {
    auto limit = [&](const char* k) -> std::int64_t {
      return schema[k].is_integer() ? schema[k].as_integer() : -1;
    };
    auto have = static_cast<std::int64_t>(n);
    if (limit(least) >= 0 && have < limit(least))
      put(at, least, str("needs at least ", limit(least), " ", what, ", found ", have));
    if (limit(most) >= 0 && have > limit(most))
      put(at, most, str("takes at most ", limit(most), " ", what, ", found ", have));
  }

  void text(const Json& v, const Json& schema, const std::string& at) {
    const std::string& s = v.as_string();
    size(characters(s), schema, at, "minLength", "maxLength", "characters");
    if (const Json& p = schema["pattern"]; p.is_string()) {
      auto regex = Regex::compile(p.as_string());
      if (regex.ok()) {
        auto hit = regex->search(s);
        if (!hit.ok())
          put(at, "pattern", hit.error().message);
        else if (!*hit)
          put(at, "pattern",
              str("must match the pattern ", p.as_string(), ", found ", describe_value(v)));
      }
    }
    if (const Json& f = schema["format"]; f.is_string() && !matches_format(s, f.as_string()))
      put(at, "format", str("must be a ", f.as_string(), ", found ", describe_value(v)));
  }

  void list(const Json& v, const Json& schema, const std::string& at) {
    const auto& items = v.as_array();
    size(items.size(), schema, at, "minItems", "maxItems", "elements");
    if (schema["uniqueItems"] == Json(true)) {
      std::vector<std::pair<std::string, std::size_t>> seen;
      for (std::size_t i = 0; i < items.size(); ++i)
        seen.emplace_back(
            items[i].is_number() ? Json(items[i].as_double()).dump() : items[i].dump(), i);
      std::sort(seen.begin(), seen.end());
      for (std::size_t i = 1; i < seen.size(); ++i) {
        if (seen[i].first != seen[i - 1].first) continue;
        put(at, "uniqueItems",
            str("elements ", seen[i - 1].second, " and ", seen[i].second,
                " are the same; they must differ"));
        break;
      }
    }
    if (const Json* s = schema.find("items"))
      for (std::size_t i = 0; i < items.size(); ++i)
        check(items[i], *s, str(at, "/", i));
  }

  void map(const Json& v, const Json& schema, const std::string& at) {
    const Json& properties = schema["properties"];
    if (const Json& required = schema["required"]; required.is_array())
      for (const Json& r : required.as_array())
        if (r.is_string() && v.find(r.as_string()) == nullptr)
          put(at, "required", str("\"", r.as_string(), "\" is missing"));
    for (const auto& [key, value] : v.as_object()) {
      if (const Json* s = properties.find(key)) {
        check(value, *s, at + token(key));
      } else if (const Json* more = schema.find("additionalProperties")) {
        if (more->is_object())
          check(value, *more, at + token(key));
        else if (*more == Json(false))
          unknown(key, properties, at);
      }
    }
  }

  void unknown(const std::string& key, const Json& properties, const std::string& at) {
    std::vector<std::string_view> known;
    if (properties.is_object())
      for (const auto& [k, s] : properties.as_object())
        known.push_back(k);
    put(at + token(key), "additionalProperties", str("\"", key, "\" is unknown"),
        did_you_mean(nearest_name_of(key, known)));
  }
};

bool two_digits(std::string_view s, std::size_t at, int low, int high) {
  if (at + 2 > s.size() || s[at] < '0' || s[at] > '9' || s[at + 1] < '0' || s[at + 1] > '9')
    return false;
  int v = (s[at] - '0') * 10 + (s[at + 1] - '0');
  return v >= low && v <= high;
}

bool is_date(std::string_view s) {
  if (s.size() != 10 || s[4] != '-' || s[7] != '-') return false;
  if (!two_digits(s, 0, 0, 99) || !two_digits(s, 2, 0, 99) || !two_digits(s, 5, 1, 12) ||
      !two_digits(s, 8, 1, 31))
    return false;
  auto n = [&](std::size_t at, std::size_t length) {
    int v = 0;
    for (std::size_t i = at; i < at + length; ++i)
      v = v * 10 + (s[i] - '0');
    return v;
  };
  using namespace std::chrono;
  return year_month_day(year(n(0, 4)), month(static_cast<unsigned>(n(5, 2))),
                        day(static_cast<unsigned>(n(8, 2))))
      .ok();
}

// 12:30:00, 12:30:00.250Z, 12:30:00+08:00
bool is_time(std::string_view s) {
  if (s.size() < 8 || s[2] != ':' || s[5] != ':' || !two_digits(s, 0, 0, 23) ||
      !two_digits(s, 3, 0, 59) || !two_digits(s, 6, 0, 60))
    return false;
  s.remove_prefix(8);
  if (!s.empty() && s[0] == '.') {
    std::size_t n = 1;
    while (n < s.size() && s[n] >= '0' && s[n] <= '9')
      ++n;
    if (n == 1) return false;
    s.remove_prefix(n);
  }
  if (s == "Z" || s == "z") return true;
  return s.size() == 6 && (s[0] == '+' || s[0] == '-') && s[3] == ':' && two_digits(s, 1, 0, 23) &&
         two_digits(s, 4, 0, 59);
}

}  // namespace

bool matches_format(std::string_view s, std::string_view format) {
  if (format == "date") return is_date(s);
  if (format == "time") return is_time(s);
  if (format == "date-time")
    return s.size() > 11 && is_date(s.substr(0, 10)) &&
           (s[10] == 'T' || s[10] == 't' || s[10] == ' ') && is_time(s.substr(11));
  if (format == "duration") return parse_duration(s).ok();
  if (format == "size") return parse_size(s).ok();
  auto plain = [](std::string_view t) {
    return std::all_of(t.begin(), t.end(),
                       [](char c) { return static_cast<unsigned char>(c) > 0x20; });
  };
  if (format == "email") {
    auto at = s.find('@');
    return at != s.npos && at > 0 && at + 1 < s.size() && s.find('@', at + 1) == s.npos && plain(s);
  }
  if (format == "uri") {
    auto colon = s.find(':');
    if (colon == s.npos || colon == 0 || colon + 1 == s.size() || !plain(s)) return false;
    return std::all_of(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(colon), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '-' || c == '.';
    });
  }
  return false;
}

std::vector<SchemaIssue> validate(const Json& value, const Json& schema) {
  Validator v;
  v.check(value, schema, "");
  return std::move(v.issues);
}

}  // namespace pawl::core
