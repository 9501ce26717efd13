// The closed list of functions. Each is pure and charges its Budget by the size of what it touches.

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "core/doc.h"
#include "core/expr_program.h"
#include "core/regex.h"

namespace pawl::core {
namespace {

using Args = std::span<const Json>;

Error wrong(std::string message) { return {Errc::invalid_workflow, std::move(message)}; }
Error too_long() { return {Errc::too_large, str("a text longer than ", kMaxTextResult, " bytes")}; }
Error out_of_steps() { return {Errc::too_large, "the expression takes too many steps"}; }

Status want(const Json& v, Json::Type type, std::string_view what) {
  if (v.type() == type) return {};
  return wrong(str("expected ", what, ", found ", describe_value(v)));
}
#define TEXT(i) TRY(want(args[i], Json::Type::string, "a text"))
#define LIST(i) TRY(want(args[i], Json::Type::array, "a list"))
#define INTEGER(i) TRY(want(args[i], Json::Type::integer, "an integer"))
#define SPEND(n) \
  if (!budget.spend(n)) return out_of_steps()

bool character_start(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

std::size_t characters(std::string_view s) {
  return static_cast<std::size_t>(std::count_if(s.begin(), s.end(), character_start));
}

// The text of a scalar inside another text; containers are written as JSON.
std::string plain_text(const Json& v) {
  if (v.is_string()) return v.as_string();
  if (v.is_null()) return "";
  return v.dump();
}

Result<Json> length(Args args, Budget& budget) {
  const Json& v = args[0];
  if (v.is_string()) {
    SPEND(v.as_string().size() / 16);
    return Json(characters(v.as_string()));
  }
  if (v.is_array() || v.is_object()) return Json(v.size());
  return wrong(str("expected a text, list or map, found ", describe_value(v)));
}

Result<Json> contains(Args args, Budget& budget) {
  if (args[0].is_string()) {
    TEXT(1);
    SPEND(args[0].as_string().size() / 16);
    return Json(args[0].as_string().find(args[1].as_string()) != std::string::npos);
  }
  if (args[0].is_object()) {
    TEXT(1);
    return Json(args[0].find(args[1].as_string()) != nullptr);
  }
  LIST(0);
  SPEND(args[0].size());
  for (const Json& e : args[0].as_array())
    if (e == args[1]) return Json(true);
  return Json(false);
}

Result<Json> starts_with(Args args, Budget&) {
  TEXT(0);
  TEXT(1);
  return Json(args[0].as_string().starts_with(args[1].as_string()));
}
Result<Json> ends_with(Args args, Budget&) {
  TEXT(0);
  TEXT(1);
  return Json(args[0].as_string().ends_with(args[1].as_string()));
}

Result<Json> change_case(Args args, Budget& budget, char from, char to) {
  TEXT(0);
  std::string s = args[0].as_string();
  SPEND(s.size() / 16);
  for (char& c : s)
    if (c >= from && c <= from + 25) c = static_cast<char>(c - from + to);
  return Json(std::move(s));
}
Result<Json> lower(Args args, Budget& budget) { return change_case(args, budget, 'A', 'a'); }
Result<Json> upper(Args args, Budget& budget) { return change_case(args, budget, 'a', 'A'); }

Result<Json> trim(Args args, Budget&) {
  TEXT(0);
  return Json(pawl::trim(args[0].as_string()));
}

Result<Json> join(Args args, Budget& budget) {
  LIST(0);
  TEXT(1);
  std::string out;
  bool first = true;
  SPEND(args[0].size());
  for (const Json& e : args[0].as_array()) {
    if (!first) out += args[1].as_string();
    first = false;
    out += plain_text(e);
    if (out.size() > kMaxTextResult) return too_long();
  }
  return Json(std::move(out));
}

Result<Json> split(Args args, Budget& budget) {
  TEXT(0);
  TEXT(1);
  std::string_view text = args[0].as_string(), by = args[1].as_string();
  if (by.empty()) return wrong("split needs a separator that is not empty");
  Json::Array out;
  SPEND(text.size());
  for (;;) {
    auto at = text.find(by);
    out.emplace_back(text.substr(0, at));
    if (at == text.npos) break;
    text.remove_prefix(at + by.size());
  }
  return Json::array(std::move(out));
}

Result<Json> replace(Args args, Budget& budget) {
  TEXT(0);
  TEXT(1);
  TEXT(2);
  std::string_view text = args[0].as_string(), from = args[1].as_string(), to = args[2].as_string();
  if (from.empty()) return wrong("replace needs a text to look for that is not empty");
  std::string out;
  SPEND(text.size());
  for (;;) {
    auto at = text.find(from);
    out += text.substr(0, at);
    if (out.size() > kMaxTextResult) return too_long();
    if (at == text.npos) return Json(std::move(out));
    out += to;
    text.remove_prefix(at + from.size());
  }
}

// format('{0} of {1}', a, b); {{ and }} are braces.
Result<Json> format(Args args, Budget&) {
  TEXT(0);
  std::string_view f = args[0].as_string();
  std::string out;
  for (std::size_t i = 0; i < f.size(); ++i) {
    if ((f[i] == '{' || f[i] == '}') && i + 1 < f.size() && f[i + 1] == f[i]) {
      out.push_back(f[i++]);
      continue;
    }
    if (f[i] == '}') return wrong("a `}` without its `{` in the format");
    if (f[i] != '{') {
      out.push_back(f[i]);
      continue;
    }
    auto close = f.find('}', i);
    std::int64_t which = -1;
    if (close == f.npos || !parse_integer(f.substr(i + 1, close - i - 1), which) || which < 0)
      return wrong("a format's places are {0}, {1}, ...");
    if (static_cast<std::size_t>(which) + 1 >= args.size())
      return wrong(str("the format asks for {", which, "} of ", args.size() - 1, " values"));
    out += plain_text(args[static_cast<std::size_t>(which) + 1]);
    if (out.size() > kMaxTextResult) return too_long();
    i = close;
  }
  return Json(std::move(out));
}

Result<Json> to_json(Args args, Budget& budget) {
  std::string out = args[0].dump();
  SPEND(out.size() / 4);
  return Json(std::move(out));
}

Result<Json> from_json(Args args, Budget& budget) {
  TEXT(0);
  SPEND(args[0].as_string().size());
  return Json::parse(args[0].as_string(), {kMaxTextResult, 64});
}

Result<Json> string(Args args, Budget& budget) {
  std::string out = plain_text(args[0]);
  SPEND(out.size() / 4);
  return Json(std::move(out));
}

Result<Json> number(Args args, Budget&) {
  if (args[0].is_number()) return args[0];
  TEXT(0);
  std::string_view s = pawl::trim(args[0].as_string());
  std::int64_t i = 0;
  double d = 0;
  if (parse_integer(s, i)) return Json(i);
  if (parse_double(s, d)) return Json(d);
  return wrong(str(describe_value(args[0]), " is not a number"));
}

Result<Json> to_integer(double d) {
  if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0))
    return wrong(str("the number ", d, " does not fit an integer of 64 bits"));
  return Json(static_cast<std::int64_t>(d));
}

Result<Json> integer(Args args, Budget& budget) {
  Json v = TRY(number(args, budget));
  if (v.is_integer()) return v;
  return to_integer(std::trunc(v.as_double()));
}

Result<Json> rounded(Args args, double (*how)(double)) {
  if (args[0].is_integer()) return args[0];
  if (!args[0].is_number()) return wrong(str("expected a number, found ", describe_value(args[0])));
  return to_integer(how(args[0].as_double()));
}
Result<Json> floor(Args args, Budget&) {
  return rounded(args, [](double d) { return std::floor(d); });
}
Result<Json> ceil(Args args, Budget&) {
  return rounded(args, [](double d) { return std::ceil(d); });
}
Result<Json> round(Args args, Budget&) {
  return rounded(args, [](double d) { return std::round(d); });
}

Result<Json> abs(Args args, Budget&) {
  if (!args[0].is_number()) return wrong(str("expected a number, found ", describe_value(args[0])));
  if (args[0].as_double() >= 0 && !(args[0].is_integer() && args[0].as_integer() < 0))
    return args[0];
  return apply_negate(args[0]);
}

// max(1, 2) or max(list).
Result<Json> extreme(Args args, Budget& budget, int sign) {
  Args items = args;
  if (args.size() == 1) {
    LIST(0);
    items = args[0].as_array();
  }
  if (items.empty()) return Error{Errc::not_found, "an empty list has no smallest or largest"};
  SPEND(items.size());
  const Json* best = &items[0];
  for (const Json& e : items)
    if (TRY(compare_values(e, *best)) == sign) best = &e;
  return *best;
}
Result<Json> min(Args args, Budget& budget) { return extreme(args, budget, -1); }
Result<Json> max(Args args, Budget& budget) { return extreme(args, budget, 1); }

Result<Json> sum(Args args, Budget& budget) {
  LIST(0);
  SPEND(args[0].size());
  Json total = Json(0);
  for (const Json& e : args[0].as_array()) {
    if (!e.is_number()) return wrong(str("sum needs numbers, found ", describe_value(e)));
    total = TRY(apply_binary(Op::add, total, e));
  }
  return total;
}

Result<Json> keys(Args args, Budget& budget) {
  TRY(want(args[0], Json::Type::object, "a map"));
  SPEND(args[0].size());
  Json::Array out;
  for (const auto& [k, v] : args[0].as_object())
    out.emplace_back(k);
  return Json::array(std::move(out));
}
Result<Json> values(Args args, Budget& budget) {
  TRY(want(args[0], Json::Type::object, "a map"));
  SPEND(args[0].size());
  Json::Array out;
  for (const auto& [k, v] : args[0].as_object())
    out.push_back(v);
  return Json::array(std::move(out));
}

// range(n): 0 .. n - 1; range(from, to); range(from, to, step).
Result<Json> range(Args args, Budget& budget) {
  for (std::size_t i = 0; i < args.size(); ++i)
    INTEGER(i);
  std::int64_t from = args.size() > 1 ? args[0].as_integer() : 0;
  std::int64_t to = args[args.size() > 1 ? 1 : 0].as_integer();
  std::int64_t step = args.size() > 2 ? args[2].as_integer() : 1;
  if (step == 0) return wrong("range needs a step that is not zero");
  Json::Array out;
  for (std::int64_t i = from; step > 0 ? i < to : i > to;) {
    if (out.size() == kMaxListResult)
      return Error{Errc::too_large, str("a list of more than ", kMaxListResult)};
    SPEND(1);
    out.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return Json::array(std::move(out));
}

// slice(x, from[, to]): negative numbers count from the end, what is outside is left out.
Result<Json> slice(Args args, Budget& budget) {
  INTEGER(1);
  if (args.size() > 2) INTEGER(2);
  bool text = args[0].is_string();
  if (!text) TRY(want(args[0], Json::Type::array, "a text or a list"));
  SPEND(text ? args[0].as_string().size() / 8 : args[0].size());
  auto size = static_cast<std::int64_t>(text ? characters(args[0].as_string()) : args[0].size());
  auto place = [&](std::int64_t i) {
    return std::clamp<std::int64_t>(i < 0 && i >= -size ? i + size : i, 0, size);
  };
  std::int64_t from = place(args[1].as_integer());
  std::int64_t to = args.size() > 2 ? place(args[2].as_integer()) : size;
  to = std::max(from, to);
  if (!text) {
    const auto& items = args[0].as_array();
    return Json::array({items.begin() + from, items.begin() + to});
  }
  std::string out;
  std::int64_t at = -1;
  for (char c : args[0].as_string()) {
    if (character_start(c)) ++at;
    if (at >= from && at < to) out.push_back(c);
  }
  return Json(std::move(out));
}

Result<Json> sort(Args args, Budget& budget) {
  LIST(0);
  Json::Array items = args[0].as_array();
  SPEND(items.size() * 20);
  bool numbers = true, texts = true;
  for (const Json& e : items) {
    numbers = numbers && e.is_number();
    texts = texts && e.is_string();
  }
  if (!numbers && !texts) return wrong("sort needs a list of numbers or a list of texts");
  std::stable_sort(items.begin(), items.end(),
                   [](const Json& a, const Json& b) { return compare_values(a, b).value() < 0; });
  return Json::array(std::move(items));
}

// Each value once, where it first stands.
Result<Json> unique(Args args, Budget& budget) {
  LIST(0);
  Json::Array out;
  std::size_t slots = 16;
  while (slots < args[0].size() * 2)
    slots *= 2;
  std::vector<std::uint32_t> table(slots, 0);
  for (const Json& e : args[0].as_array()) {
    // 1 and 1.0 are the same value.
    std::string text = e.is_number() ? Json(e.as_double()).dump() : e.dump();
    SPEND(2 + text.size() / 8);
    std::size_t slot = hash_bytes(text) & (slots - 1);
    bool twice = false;
    for (; table[slot] != 0 && !twice; slot = (slot + 1) & (slots - 1)) {
      SPEND(1);
      twice = out[table[slot] - 1] == e;
    }
    if (twice) continue;
    out.push_back(e);
    table[slot] = static_cast<std::uint32_t>(out.size());
  }
  return Json::array(std::move(out));
}

Result<Json> matches(Args args, Budget& budget) {
  TEXT(0);
  TEXT(1);
  auto regex = Regex::compile(args[1].as_string());
  if (!regex.ok()) return std::move(regex).error();
  SPEND(regex->size());
  std::uint64_t steps = budget.left();
  auto hit = regex->search(args[0].as_string(), steps);
  budget.spend(budget.left() - steps);
  if (!hit.ok()) return std::move(hit).error();
  return Json(*hit);
}

Result<Json> basename(Args args, Budget&) {
  TEXT(0);
  std::string_view s = args[0].as_string();
  while (s.size() > 1 && s.back() == '/')
    s.remove_suffix(1);
  auto slash = s.rfind('/');
  return Json(slash == s.npos || s.size() == 1 ? s : s.substr(slash + 1));
}

Result<Json> dirname(Args args, Budget&) {
  TEXT(0);
  std::string_view s = args[0].as_string();
  while (s.size() > 1 && s.back() == '/')
    s.remove_suffix(1);
  auto slash = s.rfind('/');
  if (slash == s.npos) return Json(".");
  while (slash > 0 && s[slash - 1] == '/')
    --slash;
  return Json(slash == 0 ? std::string_view("/") : s.substr(0, slash));
}

constexpr unsigned kMany = 64;

constexpr ExprFunction kFunctions[] = {
    {"abs", 1, 1, abs, "abs(number)"},
    {"basename", 1, 1, basename, "basename('a/b.csv') is 'b.csv'"},
    {"ceil", 1, 1, ceil, "ceil(number)"},
    {"coalesce", 2, kMany, nullptr, "coalesce(a, b, ...): the first that exists and is not null"},
    {"contains", 2, 2, contains,
     "contains(text, part), contains(list, element), contains(map, key)"},
    {"default", 2, 2, nullptr, "default(x, y): y where x does not exist"},
    {"dirname", 1, 1, dirname, "dirname('a/b.csv') is 'a'"},
    {"ends_with", 2, 2, ends_with, "ends_with(text, end)"},
    {"floor", 1, 1, floor, "floor(number)"},
    {"format", 1, kMany, format, "format('{0} of {1}', a, b)"},
    {"from_json", 1, 1, from_json, "from_json(text)"},
    {"integer", 1, 1, integer, "integer(number or text): toward zero"},
    {"join", 2, 2, join, "join(list, separator)"},
    {"keys", 1, 1, keys, "keys(map)"},
    {"length", 1, 1, length, "length(text, list or map)"},
    {"lower", 1, 1, lower, "lower(text)"},
    {"matches", 2, 2, matches, "matches(text, pattern): anywhere in the text; ^ and $ anchor"},
    {"max", 1, kMany, max, "max(a, b, ...) or max(list)"},
    {"min", 1, kMany, min, "min(a, b, ...) or min(list)"},
    {"number", 1, 1, number, "number(text)"},
    {"range", 1, 3, range, "range(n), range(from, to), range(from, to, step)"},
    {"replace", 3, 3, replace, "replace(text, from, to)"},
    {"round", 1, 1, round, "round(number)"},
    {"slice", 2, 3, slice, "slice(text or list, from), slice(text or list, from, to)"},
    {"sort", 1, 1, sort, "sort(list)"},
    {"split", 2, 2, split, "split(text, separator)"},
    {"starts_with", 2, 2, starts_with, "starts_with(text, begin)"},
    {"string", 1, 1, string, "string(value)"},
    {"sum", 1, 1, sum, "sum(list)"},
    {"to_json", 1, 1, to_json, "to_json(value)"},
    {"trim", 1, 1, trim, "trim(text)"},
    {"unique", 1, 1, unique, "unique(list)"},
    {"upper", 1, 1, upper, "upper(text)"},
    {"values", 1, 1, values, "values(map)"},
};

}  // namespace

std::span<const ExprFunction> expr_functions() { return kFunctions; }

}  // namespace pawl::core
