// The evaluator: walks the tree of an ExprProgram. Recursion is bounded by the compiler (height),
// work by a Budget, results by kMaxTextResult and kMaxListResult. Nothing here can fail but by its
// operands.

#include <cmath>

#include "base/text.h"
#include "core/expr_program.h"
#include "core/findings.h"

namespace pawl::core {

std::string describe_value(const Json& value) {
  switch (value.type()) {
    case Json::Type::null:
      return "null";
    case Json::Type::boolean:
      return value.as_bool() ? "true" : "false";
    case Json::Type::integer:
    case Json::Type::number:
      return str("the number ", value.dump());
    case Json::Type::array:
      return str("a list of ", value.size());
    case Json::Type::object:
      return "a map";
    case Json::Type::string: {
      const std::string& s = value.as_string();
      if (s.size() <= 40) return str("the text ", value.dump());
      return str("the text ", Json(to_valid_utf8(std::string_view(s).substr(0, 40))).dump(), "...");
    }
  }
  return "a value";
}

bool truthy(const Json& value) {
  switch (value.type()) {
    case Json::Type::null:
      return false;
    case Json::Type::boolean:
      return value.as_bool();
    case Json::Type::integer:
      return value.as_integer() != 0;
    case Json::Type::number:
      return value.as_double() != 0;
    case Json::Type::string:
      return !value.as_string().empty();
    default:
      return value.size() != 0;
  }
}

namespace {

Error wrong(std::string message) { return {Errc::invalid_workflow, std::move(message)}; }

// Exact where an integer meets a double that has no exact integer of its own size.
int compare_numbers(const Json& a, const Json& b) {
  if (a.is_integer() && b.is_integer()) {
    return a.as_integer() < b.as_integer() ? -1 : a.as_integer() > b.as_integer() ? 1 : 0;
  }
  auto x = static_cast<long double>(a.is_integer() ? static_cast<long double>(a.as_integer())
                                                   : static_cast<long double>(a.as_double()));
  auto y = static_cast<long double>(b.is_integer() ? static_cast<long double>(b.as_integer())
                                                   : static_cast<long double>(b.as_double()));
  return x < y ? -1 : x > y ? 1 : 0;
}

std::string_view sign_of(Op op) {
  static constexpr std::string_view kSigns[] = {"+", "-", "*", "/", "%"};
  return kSigns[static_cast<int>(op) - static_cast<int>(Op::add)];
}

Result<Json> integer_arithmetic(Op op, std::int64_t a, std::int64_t b) {
  std::int64_t r = 0;
  bool overflow = false;
  switch (op) {
    case Op::add:
      overflow = __builtin_add_overflow(a, b, &r);
      break;
    case Op::subtract:
      overflow = __builtin_sub_overflow(a, b, &r);
      break;
    case Op::multiply:
      overflow = __builtin_mul_overflow(a, b, &r);
      break;
    default:
      if (b == 0) return wrong(str(a, op == Op::divide ? " / 0" : " % 0", " has no value"));
      if (b == -1) {
        if (op == Op::remainder) return Json(0);
        overflow = __builtin_sub_overflow(std::int64_t{0}, a, &r);
      } else {
        r = op == Op::divide ? a / b : a % b;
      }
  }
  if (overflow) return wrong(str(a, " ", sign_of(op), " ", b, " does not fit 64 bits"));
  return Json(r);
}

Result<Json> arithmetic(Op op, const Json& a, const Json& b) {
  if (op == Op::add && a.is_string() && b.is_string()) {
    if (a.as_string().size() + b.as_string().size() > kMaxTextResult)
      return Error{Errc::too_large, str("a text longer than ", kMaxTextResult, " bytes")};
    return Json(a.as_string() + b.as_string());
  }
  auto sign = sign_of(op);
  if (!a.is_number() || !b.is_number()) {
    bool text = op == Op::add && (a.is_string() || b.is_string());
    return wrong(str("`", sign, "` needs two numbers", op == Op::add ? " or two texts" : "",
                     ", found ", describe_value(a), " and ", describe_value(b),
                     text ? "; string(x) makes a text" : ""));
  }
  if (a.is_integer() && b.is_integer())
    return integer_arithmetic(op, a.as_integer(), b.as_integer());
  double x = a.as_double(), y = b.as_double(), r = 0;
  switch (op) {
    case Op::add:
      r = x + y;
      break;
    case Op::subtract:
      r = x - y;
      break;
    case Op::multiply:
      r = x * y;
      break;
    default:
      if (y == 0) return wrong(str(describe_value(a), " divided by zero has no value"));
      r = op == Op::divide ? x / y : std::fmod(x, y);
  }
  if (!std::isfinite(r))
    return wrong(str("the result of ", a.dump(), " ", sign, " ", b.dump(), " is out of range"));
  return Json(r);
}

}  // namespace

Result<int> compare_values(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.is_string() && b.is_string()) {
    int c = a.as_string().compare(b.as_string());
    return c < 0 ? -1 : c > 0 ? 1 : 0;
  }
  return wrong(str("cannot order ", describe_value(a), " and ", describe_value(b)));
}

Result<Json> apply_binary(Op op, const Json& a, const Json& b) {
  switch (op) {
    case Op::equal:
      return Json(a == b);
    case Op::unequal:
      return Json(!(a == b));
    case Op::less:
      return Json(TRY(compare_values(a, b)) < 0);
    case Op::less_equal:
      return Json(TRY(compare_values(a, b)) <= 0);
    case Op::greater:
      return Json(TRY(compare_values(a, b)) > 0);
    case Op::greater_equal:
      return Json(TRY(compare_values(a, b)) >= 0);
    default:
      return arithmetic(op, a, b);
  }
}

Result<Json> apply_negate(const Json& a) {
  if (a.is_integer()) return integer_arithmetic(Op::subtract, 0, a.as_integer());
  if (a.is_number()) return Json(-a.as_double());
  return wrong(str("cannot negate ", describe_value(a)));
}

namespace {

class Evaluator {
 public:
  Evaluator(const ExprProgram& program, const Scope& scope) : p_(program), scope_(scope) {}

  Result<Json> run() { return value(static_cast<std::uint32_t>(p_.nodes.size() - 1)); }

 private:
  Result<Json> value(std::uint32_t index);
  Result<Json> root(const ExprNode& n);
  Result<Json> member(const ExprNode& n);
  Result<Json> element(const ExprNode& n);
  Result<Json> call(const ExprNode& n);
  Result<Json> lazy(const ExprNode& n, bool skip_null);
  Result<Json> list(const ExprNode& n);

  // An operator's error names the text it stands in.
  Error in(const ExprNode& n, Error e) const {
    e.message = str("`", p_.source(n), "`: ", e.message);
    return e;
  }
  Error no_key(const ExprNode& n, const Json& object, std::string_view key) const {
    std::vector<std::string_view> known;
    for (const auto& [k, v] : object.as_object()) {
      known.push_back(k);
      if (known.size() == 1000) break;
    }
    std::string near = did_you_mean(nearest_name_of(key, known));
    return {Errc::not_found,
            str("`", p_.source(n), "`: there is no \"", key, "\"", near.empty() ? "" : "; ", near)};
  }

  const ExprProgram& p_;
  const Scope& scope_;
  Budget budget_;
};

Result<Json> Evaluator::value(std::uint32_t index) {
  const ExprNode& n = p_.nodes[index];
  if (!budget_.spend(1)) return Error{Errc::too_large, "the expression takes too many steps"};
  switch (n.op) {
    case Op::constant:
      return p_.constants[n.a];
    case Op::inputs:
    case Op::params:
    case Op::run:
    case Op::item:
    case Op::index:
    case Op::secret:
    case Op::task:
      return root(n);
    case Op::member:
      return member(n);
    case Op::element:
      return element(n);
    case Op::not_:
      return Json(!truthy(TRY(value(n.a))));
    case Op::negate: {
      auto r = apply_negate(TRY(value(n.a)));
      if (!r.ok()) return in(n, std::move(r).error());
      return r;
    }
    case Op::and_:
      return Json(truthy(TRY(value(n.a))) && truthy(TRY(value(n.b))));
    case Op::or_:
      return Json(truthy(TRY(value(n.a))) || truthy(TRY(value(n.b))));
    case Op::choose:
      return value(truthy(TRY(value(n.a))) ? n.b : n.c);
    case Op::call:
      return call(n);
    case Op::list:
      return list(n);
    case Op::status:
      return Json(scope_.status(static_cast<StatusFunction>(n.a)));
    default: {
      Json a = TRY(value(n.a));
      Json b = TRY(value(n.b));
      auto r = apply_binary(n.op, a, b);
      if (!r.ok()) return in(n, std::move(r).error());
      return r;
    }
  }
}

Result<Json> Evaluator::root(const ExprNode& n) {
  auto ask = [&]() -> Result<Json> {
    switch (n.op) {
      case Op::inputs:
        return scope_.inputs();
      case Op::params:
        return scope_.params();
      case Op::run:
        return scope_.run();
      case Op::item:
        return scope_.item();
      case Op::index:
        return scope_.index();
      case Op::secret:
        return scope_.secret(p_.names[n.a]);
      default:
        return scope_.task(n.a, static_cast<TaskField>(n.field));
    }
  };
  auto r = ask();
  if (!r.ok()) return in(n, std::move(r).error());
  return r;
}

Result<Json> Evaluator::member(const ExprNode& n) {
  Json object = TRY(value(n.a));
  const std::string& name = p_.names[n.b];
  if (!object.is_object())
    return Error{Errc::not_found,
                 str("`", p_.source(n), "`: ", describe_value(object), " has no \"", name, "\"")};
  if (const Json* v = object.find(name)) return *v;
  return no_key(n, object, name);
}

Result<Json> Evaluator::element(const ExprNode& n) {
  Json whole = TRY(value(n.a));
  Json key = TRY(value(n.b));
  if (whole.is_object()) {
    if (!key.is_string())
      return in(n, wrong(str("a map is indexed by a text, found ", describe_value(key))));
    if (const Json* v = whole.find(key.as_string())) return *v;
    return no_key(n, whole, key.as_string());
  }
  if (!whole.is_array())
    return Error{Errc::not_found,
                 str("`", p_.source(n), "`: ", describe_value(whole), " has no elements")};
  if (!key.is_integer())
    return in(n, wrong(str("a list is indexed by an integer, found ", describe_value(key))));
  std::int64_t i = key.as_integer(), size = static_cast<std::int64_t>(whole.size());
  if (i < 0 && i >= -size) i += size;
  if (i < 0 || i >= size)
    return Error{Errc::not_found, str("`", p_.source(n), "`: no element ", key.as_integer(),
                                      " in a list of ", size)};
  return whole[static_cast<std::size_t>(i)];
}

// default(a, b, ...) and coalesce: the first argument that is there; coalesce passes over null too.
Result<Json> Evaluator::lazy(const ExprNode& n, bool skip_null) {
  for (std::uint32_t i = 0; i < n.c; ++i) {
    auto r = value(p_.arguments[n.b + i]);
    bool last = i + 1 == n.c;
    if (last) return r;
    if (!r.ok() && r.error().code != Errc::not_found) return r;
    if (r.ok() && !(skip_null && r->is_null())) return r;
  }
  return Json();
}

Result<Json> Evaluator::call(const ExprNode& n) {
  const ExprFunction& f = expr_functions()[n.a];
  if (f.apply == nullptr) return lazy(n, f.name == "coalesce");
  std::vector<Json> args;
  args.reserve(n.c);
  for (std::uint32_t i = 0; i < n.c; ++i)
    args.push_back(TRY(value(p_.arguments[n.b + i])));
  auto r = f.apply(args, budget_);
  if (!r.ok()) return in(n, std::move(r).error());
  if (r->is_string() && r->as_string().size() > kMaxTextResult)
    return in(n, {Errc::too_large, str("a text longer than ", kMaxTextResult, " bytes")});
  if (r->is_array() && r->size() > kMaxListResult)
    return in(n, {Errc::too_large, str("a list of more than ", kMaxListResult)});
  return r;
}

Result<Json> Evaluator::list(const ExprNode& n) {
  Json::Array items;
  items.reserve(n.c);
  for (std::uint32_t i = 0; i < n.c; ++i)
    items.push_back(TRY(value(p_.arguments[n.b + i])));
  return Json::array(std::move(items));
}

}  // namespace

Result<Json> Expr::evaluate(const Scope& scope) const { return Evaluator(*program_, scope).run(); }

}  // namespace pawl::core
