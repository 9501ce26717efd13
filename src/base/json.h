#pragma once
// Json: one immutable-by-default value for inputs, outputs and everything written for machines.
//
// Copies are cheap (arrays, objects and long strings are shared, copied on write). Integers keep all
// 64 bits; other numbers are doubles; objects keep the order they were written in. The parser is
// strict RFC 8259: UTF-8 only, no duplicate keys, no NaN, bounded depth and size; its errors carry
// line and column. Why not a library: docs/decisions/ has the record.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace pawl {

class Json {
 public:
  enum class Type : std::uint8_t { null, boolean, integer, number, string, array, object };
  using Member = std::pair<std::string, Json>;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;  // in written order, keys unique

  Json() = default;  // null
  Json(std::nullptr_t) {}                       // NOLINT: implicit
  Json(bool v) : type_(Type::boolean) { scalar_.b = v; }  // NOLINT: implicit
  template <typename I> requires(std::is_integral_v<I> && !std::is_same_v<I, bool>)
  Json(I v) : type_(Type::integer) { scalar_.i = static_cast<std::int64_t>(v); }  // NOLINT
  Json(double v) : type_(Type::number) { scalar_.d = v; }  // NOLINT: implicit
  Json(std::string v);                                      // NOLINT: implicit
  Json(std::string_view v);                                 // NOLINT: implicit
  Json(const char* v);                                      // NOLINT: implicit
  Json(Array v);                                            // NOLINT: implicit
  static Json object(Object members = {});
  static Json array(Array items = {});

  Type type() const { return type_; }
  bool is_null() const { return type_ == Type::null; }
  bool is_bool() const { return type_ == Type::boolean; }
  bool is_integer() const { return type_ == Type::integer; }
  bool is_number() const { return type_ == Type::integer || type_ == Type::number; }
  bool is_string() const { return type_ == Type::string; }
  bool is_array() const { return type_ == Type::array; }
  bool is_object() const { return type_ == Type::object; }

  // REQUIRES (each): the value has that type. as_double() takes integers too.
  bool as_bool() const;
  std::int64_t as_integer() const;
  double as_double() const;
  const std::string& as_string() const;
  const Array& as_array() const;
  const Object& as_object() const;

  // Object members. find() returns nullptr where there is none, or where this is not an object.
  const Json* find(std::string_view key) const;
  // The member, or null. For arrays: the element, or null.
  const Json& operator[](std::string_view key) const;
  const Json& operator[](std::size_t index) const;
  std::size_t size() const;  // elements, members, or 0

  // Changes (copy on write). set() replaces or appends; null becomes an object or array first.
  Json& set(std::string_view key, Json value);
  bool erase(std::string_view key);
  Json& push(Json value);

  // 1 == 1.0; objects compare without regard to order.
  bool operator==(const Json& other) const;

  // Compact text. Doubles print so that they read back the same; a whole double prints as 3.0.
  std::string dump() const;
  void dump_to(std::string& out) const;
  // Indented by two blanks, for people.
  std::string pretty() const;

  struct Limits {
    std::size_t max_bytes = 64u << 20;
    unsigned max_depth = 64;
  };
  // The whole text must be one value. Error: Errc::usage with "line L, column C: found ..., expected ...".
  static Result<Json> parse(std::string_view text, Limits limits);
  static Result<Json> parse(std::string_view text) { return parse(text, Limits{}); }

  static const char* type_name(Type type);  // "null", "boolean", "integer", "number", "string", ...

 private:
  Type type_ = Type::null;
  union Scalar { bool b; std::int64_t i; double d; } scalar_{};
  std::shared_ptr<void> heap_;  // std::string, Array or Object, by type_; shared between copies
};

// Appends text as a JSON string literal, quotes included. Invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace pawl
