#pragma once
// Json: one immutable-by-default value for inputs, outputs and everything written for machines.
//
// Copies are cheap (arrays, objects and long strings are shared, copied on write). Integers keep
// all 64 bits; other numbers are doubles; objects keep the order they were written in. The parser
// is strict RFC 8259: UTF-8 only, no duplicate keys, no NaN, bounded depth and size; its errors
// carry line and column. Why not a library: docs/decisions/0002.

#include <atomic>
#include <cstdint>
#include <limits>
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

  Json() noexcept {}       // null. Not defaulted: clang 14 needs it complete within the class
  Json(std::nullptr_t) {}  // NOLINT: implicit
  Json(bool v) : type_(Type::boolean) { scalar_.b = v; }  // NOLINT: implicit
  // An unsigned number that int64 cannot hold becomes a double: near it, never negative.
  template <typename I>
  requires(std::is_integral_v<I> && !std::is_same_v<I, bool>) Json(I v)
      : type_(Type::integer) {  // NOLINT: implicit
    scalar_.i = static_cast<std::int64_t>(v);
    if constexpr (std::is_unsigned_v<I> && sizeof(I) == 8) {
      if (v > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        type_ = Type::number;
        scalar_.d = static_cast<double>(v);
      }
    }
  }
  Json(double v) : type_(Type::number) { scalar_.d = v; }  // NOLINT: implicit
  Json(std::string v);                                     // NOLINT: implicit
  Json(std::string_view v);                                // NOLINT: implicit
  Json(const char* v);                                     // NOLINT: implicit
  Json(Array v);                                           // NOLINT: implicit
  Json(const void*) = delete;                              // a pointer is not a boolean
  Json(const Json& other) noexcept : type_(other.type_), scalar_(other.scalar_) {
    if (on_heap()) scalar_.node->refs.fetch_add(1, std::memory_order_relaxed);
  }
  Json(Json&& other) noexcept : type_(other.type_), scalar_(other.scalar_) {
    other.type_ = Type::null;
  }
  Json& operator=(const Json& other) noexcept { return *this = Json(other); }
  Json& operator=(Json&& other) noexcept {
    auto type = other.type_;
    auto scalar = other.scalar_;
    other.type_ = Type::null;  // first: other may live inside this value
    if (on_heap()) release();
    type_ = type;
    scalar_ = scalar;
    return *this;
  }
  ~Json() {
    if (on_heap()) release();
  }

  // REQUIRES: the keys are unique (set() keeps them so).
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

  // Changes (copy on write); set() and push() return *this. set() replaces or appends; null becomes
  // an object or array first. REQUIRES: null, or an object for set(), an array for push().
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
  // The whole text must be one value. Error: Errc::usage with "line L, column C: found ...,
  // expected ...".
  static Result<Json> parse(std::string_view text, Limits limits);
  static Result<Json> parse(std::string_view text) { return parse(text, Limits{}); }

  static const char* type_name(Type type);  // "null", "boolean", "integer", "number", "string", ...

 private:
  friend class JsonParser;
  // What strings, arrays and objects share between copies. A node that more than one value refers
  // to is never changed, so reading copies from several threads is safe.
  struct Node {
    std::atomic<std::size_t> refs{1};
  };
  struct StringNode;
  struct ArrayNode;
  struct ObjectNode;
  union Scalar {
    bool b;
    std::int64_t i;
    double d;
    Node* node;
  };

  Json(Type type, Node* node) : type_(type) { scalar_.node = node; }
  bool on_heap() const { return type_ >= Type::string; }
  void release();
  static void destroy(Type type, Node* node);
  ArrayNode& own_array();
  ObjectNode& own_object();

  Type type_ = Type::null;
  Scalar scalar_{};
};

static_assert(sizeof(Json) == 16);

// Appends text as a JSON string literal, quotes included. Invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace pawl
