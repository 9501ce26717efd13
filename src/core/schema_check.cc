// Checks a schema itself: every keyword known, of the right shape, and not in contradiction.

#include "base/text.h"
#include "core/expr_program.h"
#include "core/findings.h"
#include "core/regex.h"
#include "core/schema.h"

namespace pawl::core {
namespace {

constexpr unsigned kMaxDepth = 32;
constexpr std::string_view kTypes[] = {"null",   "boolean", "integer", "number",
                                       "string", "array",   "object"};
constexpr std::string_view kFormats[] = {"date", "time",  "date-time", "duration",
                                         "size", "email", "uri"};

class Checker {
 public:
  std::vector<SchemaIssue> issues;
  void schema(const Json& s, const std::string& at, unsigned depth);

 private:
  friend struct KeywordTable;
  void put(const std::string& at, std::string code, std::string message, std::string hint = {}) {
    issues.push_back({at, std::move(code), std::move(message), std::move(hint)});
  }
  void wrong(const std::string& at, std::string_view expected, const Json& found) {
    put(at, "wrong_type", str("expected ", expected, ", found ", describe_value(found)));
  }
  static std::string token(std::string_view key) {
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

  // One reader a keyword.
  void type(const Json& v, const std::string& at, unsigned);
  void options(const Json& v, const std::string& at, unsigned);
  void anything(const Json&, const std::string&, unsigned) {}
  void number(const Json& v, const std::string& at, unsigned) {
    if (!v.is_number()) wrong(at, "a number", v);
  }
  void step(const Json& v, const std::string& at, unsigned) {
    if (!v.is_number() || v.as_double() <= 0) wrong(at, "a number above zero", v);
  }
  void count(const Json& v, const std::string& at, unsigned) {
    if (!v.is_integer() || v.as_integer() < 0) wrong(at, "an integer of at least 0", v);
  }
  void flag(const Json& v, const std::string& at, unsigned) {
    if (!v.is_bool()) wrong(at, "true or false", v);
  }
  void text(const Json& v, const std::string& at, unsigned) {
    if (!v.is_string()) wrong(at, "a string", v);
  }
  void list(const Json& v, const std::string& at, unsigned) {
    if (!v.is_array()) wrong(at, "a list", v);
  }
  void pattern(const Json& v, const std::string& at, unsigned);
  void format(const Json& v, const std::string& at, unsigned);
  void subschema(const Json& v, const std::string& at, unsigned depth) { schema(v, at, depth + 1); }
  void properties(const Json& v, const std::string& at, unsigned depth);
  void required(const Json& v, const std::string& at, unsigned);
  void additional(const Json& v, const std::string& at, unsigned depth) {
    if (!v.is_bool()) schema(v, at, depth + 1);
  }
  static std::string keyword_hint(const std::string& word);
  void pair(const Json& s, const std::string& at, const char* low, const char* high);

  std::size_t patterns_ = 0;
};

struct Keyword {
  std::string_view name;
  void (Checker::*read)(const Json&, const std::string&, unsigned);
};

struct KeywordTable {
  static constexpr Keyword all[] = {
      {"type", &Checker::type},
      {"enum", &Checker::options},
      {"const", &Checker::anything},
      {"minimum", &Checker::number},
      {"maximum", &Checker::number},
      {"exclusiveMinimum", &Checker::number},
      {"exclusiveMaximum", &Checker::number},
      {"multipleOf", &Checker::step},
      {"minLength", &Checker::count},
      {"maxLength", &Checker::count},
      {"pattern", &Checker::pattern},
      {"format", &Checker::format},
      {"items", &Checker::subschema},
      {"minItems", &Checker::count},
      {"maxItems", &Checker::count},
      {"uniqueItems", &Checker::flag},
      {"properties", &Checker::properties},
      {"required", &Checker::required},
      {"additionalProperties", &Checker::additional},
      {"default", &Checker::anything},
      {"title", &Checker::text},
      {"description", &Checker::text},
      {"examples", &Checker::list},
  };
};

void Checker::schema(const Json& s, const std::string& at, unsigned depth) {
  if (depth > kMaxDepth)
    return put(at, "too_deep", str("schemas are nested more than ", kMaxDepth, " deep"));
  if (!s.is_object()) return wrong(at, "a map of JSON Schema keywords", s);
  for (const auto& [key, value] : s.as_object()) {
    const Keyword* known = nullptr;
    for (const Keyword& k : KeywordTable::all)
      if (k.name == key) known = &k;
    if (known != nullptr) {
      (this->*known->read)(value, at + token(key), depth);
    } else if (key.substr(0, 2) != "x-") {
      put(at + token(key), "unknown_keyword", str("the keyword \"", key, "\" is unknown"),
          keyword_hint(key));
    }
  }
  pair(s, at, "minimum", "maximum");
  pair(s, at, "minLength", "maxLength");
  pair(s, at, "minItems", "maxItems");
}

std::string Checker::keyword_hint(const std::string& word) {
  std::vector<std::string_view> names;
  std::string all;
  for (const Keyword& k : KeywordTable::all) {
    names.push_back(k.name);
    all += str(all.empty() ? "" : ", ", k.name);
  }
  std::string near = nearest_name_of(word, names);
  return near.empty() ? str("keywords: ", all, "; x-... is free") : did_you_mean(near);
}

void Checker::pair(const Json& s, const std::string& at, const char* low, const char* high) {
  const Json &a = s[low], &b = s[high];
  if (a.is_number() && b.is_number() && a.as_double() > b.as_double())
    put(str(at, "/", low), "contradiction",
        str(low, " ", a.dump(), " is above ", high, " ", b.dump(), ": no value fits"));
}

void Checker::type(const Json& v, const std::string& at, unsigned) {
  auto one = [&](const Json& name, const std::string& where) {
    if (!name.is_string()) return wrong(where, "the name of a type", name);
    for (auto t : kTypes)
      if (name.as_string() == t) return;
    std::vector<std::string_view> known(std::begin(kTypes), std::end(kTypes));
    std::string_view s = name.as_string();
    std::string near = s == "int"                      ? "integer"
                       : s == "float" || s == "double" ? "number"
                       : s == "bool"                   ? "boolean"
                       : s == "list"                   ? "array"
                       : s == "map" || s == "dict"     ? "object"
                       : s == "str" || s == "text"     ? "string"
                                                       : nearest_name_of(s, known);
    put(where, "unknown_type", str("the type \"", s, "\" is unknown"),
        near.empty() ? "types: null, boolean, integer, number, string, array, object"
                     : did_you_mean(near));
  };
  if (!v.is_array()) return one(v, at);
  if (v.size() == 0) return put(at, "wrong_type", "an empty list of types: no value fits");
  std::size_t i = 0;
  for (const Json& t : v.as_array())
    one(t, str(at, "/", i++));
}

void Checker::options(const Json& v, const std::string& at, unsigned) {
  if (!v.is_array()) return wrong(at, "a list of the values allowed", v);
  if (v.size() == 0) put(at, "wrong_type", "an empty enum: no value fits");
}

void Checker::pattern(const Json& v, const std::string& at, unsigned) {
  if (!v.is_string()) return wrong(at, "a string", v);
  if (++patterns_ > 1000) return;
  auto regex = Regex::compile(v.as_string());
  if (!regex.ok()) put(at, "bad_pattern", regex.error().message);
}

void Checker::format(const Json& v, const std::string& at, unsigned) {
  if (!v.is_string()) return wrong(at, "a string", v);
  for (auto f : kFormats)
    if (v.as_string() == f) return;
  std::vector<std::string_view> known(std::begin(kFormats), std::end(kFormats));
  std::string near = nearest_name_of(v.as_string(), known);
  put(at, "unknown_format", str("the format \"", v.as_string(), "\" is unknown"),
      near.empty() ? "formats: date, time, date-time, duration, size, email, uri; or use `pattern`"
                   : did_you_mean(near));
}

void Checker::properties(const Json& v, const std::string& at, unsigned depth) {
  if (!v.is_object()) return wrong(at, "a map of names and schemas", v);
  for (const auto& [key, s] : v.as_object())
    schema(s, at + token(key), depth + 1);
}

void Checker::required(const Json& v, const std::string& at, unsigned) {
  if (v.is_bool())
    return put(at, "wrong_type", "inside a map, `required` is the list of the names it needs",
               "write required: [name, ...] beside `properties`");
  if (!v.is_array()) return wrong(at, "a list of names", v);
  std::size_t i = 0;
  for (const Json& n : v.as_array()) {
    if (!n.is_string()) wrong(str(at, "/", i), "a name", n);
    ++i;
  }
}

}  // namespace

std::vector<SchemaIssue> check_schema(const Json& schema) {
  Checker c;
  c.schema(schema, "", 0);
  return std::move(c.issues);
}

}  // namespace pawl::core
