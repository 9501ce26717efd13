#pragma once
// Value: what travels between steps, as JSON knows it: null, bool, integer, number, string, array,
// object. Sixteen bytes; copies share what they hold and are cheap. Handlers with typed input and
// output never see one: pawl/codec.h turns their types into Values and back.
//
// Reading never fails: what is not there, or is of another kind, reads as null or as the fallback
// given. Thread-safe as long as nobody changes the very same object.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "pawl/status.h"

namespace pawl::PAWL_V1 {

// One JSON value.
class PAWL_API Value {
 public:
  // What a Value is.
  enum class Kind : unsigned char { null, boolean, integer, number, string, array, object };
  // A name and a value, for object().
  using Member = std::pair<std::string_view, Value>;

  // Null.
  Value() noexcept;
  Value(std::nullptr_t) noexcept : Value() {}  // NOLINT: implicit
  // Booleans, integers, numbers, strings. (A string that is no UTF-8 is mended.)
  Value(bool v);                                               // NOLINT: implicit
  Value(double v);                                             // NOLINT: implicit
  Value(std::string_view v);                                   // NOLINT: implicit
  Value(const std::string& v) : Value(std::string_view(v)) {}  // NOLINT: implicit
  Value(const char* v) : Value(std::string_view(v)) {}         // NOLINT: implicit
  template <typename I>
  requires(std::is_integral_v<I> && !std::is_same_v<I, bool>) Value(I v)  // NOLINT: implicit
      : Value(Integer{static_cast<std::int64_t>(v)}) {}
  Value(const void*) = delete;  // a pointer is not a boolean
  Value(const Value& other) noexcept;
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other) noexcept;
  Value& operator=(Value&& other) noexcept;
  ~Value();

  // An object with these members; an array of these items.
  static Value object(std::initializer_list<Member> members = {});
  static Value array(std::initializer_list<Value> items = {});
  // Reads one JSON text, strictly. Error: invalid, with line and column.
  static Result<Value> parse(std::string_view json);

  // What it is.
  Kind kind() const;
  bool is_null() const { return kind() == Kind::null; }
  bool is_bool() const { return kind() == Kind::boolean; }
  bool is_integer() const { return kind() == Kind::integer; }
  bool is_number() const { return kind() == Kind::integer || kind() == Kind::number; }
  bool is_string() const { return kind() == Kind::string; }
  bool is_array() const { return kind() == Kind::array; }
  bool is_object() const { return kind() == Kind::object; }

  // What it holds; the fallback where it is of another kind.
  bool as_bool(bool otherwise = false) const;
  std::int64_t as_integer(std::int64_t otherwise = 0) const;
  double as_double(double otherwise = 0) const;  // integers too
  // Lives as long as this Value is not changed.
  std::string_view as_string(std::string_view otherwise = {}) const;

  // Items of an array or members of an object; 0 for anything else.
  std::size_t size() const;
  // The i-th item or member; null past the end.
  Value at(std::size_t i) const;
  // The i-th member's name; "" past the end or where this is no object.
  std::string_view key(std::size_t i) const;
  // The member of that name; null where there is none.
  Value get(std::string_view key) const;
  // Whether there is a member of that name.
  bool has(std::string_view key) const;

  // Replaces or adds a member. Null becomes an object first; any other kind is replaced by one.
  Value& set(std::string_view key, Value value);
  // Appends an item. Null becomes an array first; any other kind is replaced by one.
  Value& push(Value value);

  // Compact JSON; numbers read back the same.
  std::string json() const;
  // JSON indented for people.
  std::string pretty() const;
  // 1 == 1.0; objects compare without regard to order.
  bool operator==(const Value& other) const;

 private:
  struct Integer {
    std::int64_t v;
  };
  explicit Value(Integer v);
  friend struct ValueAccess;  // the library's own way in
  alignas(8) unsigned char storage_[16];
};

}  // namespace pawl::PAWL_V1
