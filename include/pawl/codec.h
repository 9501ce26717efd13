#pragma once
// Codec<T>: how a C++ type becomes a Value and is read back. Known: bool, integers, floating point,
// std::string, Value, None, std::vector, std::map with string keys, std::optional. A struct of
// yours is one declaration:
//
//   struct Order { std::string id; int amount = 0; };
//   template <> struct pawl::Codec<Order> : pawl::Fields<Order> {
//     static auto fields() {
//       return std::tuple(field("id", &Order::id), field("amount", &Order::amount));
//     }
//   };
//
// Decoding is strict in kind and says where: "amount: expected an integer, found a string". A
// missing field keeps the struct's own default.

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "pawl/value.h"

namespace pawl::PAWL_V1 {

// How T becomes a Value and is read back. Specialise it for your types: encode() and decode().
template <typename T, typename Enable = void>
struct Codec;

// Nothing: the input of a handler that takes none, the output of one that gives none.
struct None {
  bool operator==(const None&) const = default;
};

// "expected an integer, found a string": what decode() answers.
PAWL_API Status wrong_kind(const char* expected, const Value& found);
// The same error, found inside of `where`.
PAWL_API Status inside(const std::string& where, const Status& error);

template <>
struct Codec<Value> {
  static Value encode(const Value& v) { return v; }
  static Result<Value> decode(const Value& v) { return v; }
};

template <>
struct Codec<None> {
  static Value encode(const None&) { return {}; }
  static Result<None> decode(const Value&) { return None{}; }
};

template <>
struct Codec<bool> {
  static Value encode(bool v) { return v; }
  static Result<bool> decode(const Value& v) {
    if (!v.is_bool()) return wrong_kind("a boolean", v);
    return v.as_bool();
  }
};

template <typename T>
struct Codec<T, std::enable_if_t<std::is_integral_v<T>>> {
  static Value encode(T v) { return v; }
  static Result<T> decode(const Value& v) {
    if (!v.is_integer()) return wrong_kind("an integer", v);
    auto i = v.as_integer();
    bool fits =
        static_cast<std::int64_t>(static_cast<T>(i)) == i && (i >= 0 || std::is_signed_v<T>);
    if (!fits) return wrong_kind("an integer that fits its type", v);
    return static_cast<T>(i);
  }
};

template <typename T>
struct Codec<T, std::enable_if_t<std::is_floating_point_v<T>>> {
  static Value encode(T v) { return static_cast<double>(v); }
  static Result<T> decode(const Value& v) {
    if (!v.is_number()) return wrong_kind("a number", v);
    return static_cast<T>(v.as_double());
  }
};

template <>
struct Codec<std::string> {
  static Value encode(const std::string& v) { return v; }
  static Result<std::string> decode(const Value& v) {
    if (!v.is_string()) return wrong_kind("a string", v);
    return std::string(v.as_string());
  }
};

template <typename T>
struct Codec<std::vector<T>> {
  static Value encode(const std::vector<T>& items) {
    Value v = Value::array();
    for (const auto& item : items)
      v.push(Codec<T>::encode(item));
    return v;
  }
  static Result<std::vector<T>> decode(const Value& v) {
    if (!v.is_array()) return wrong_kind("an array", v);
    std::vector<T> items;
    items.reserve(v.size());
    for (std::size_t i = 0; i < v.size(); ++i) {
      auto item = Codec<T>::decode(v.at(i));
      if (!item.ok()) return inside("[" + std::to_string(i) + "]", item.status());
      items.push_back(*std::move(item));
    }
    return items;
  }
};

template <typename T>
struct Codec<std::map<std::string, T>> {
  static Value encode(const std::map<std::string, T>& members) {
    Value v = Value::object();
    for (const auto& [key, value] : members)
      v.set(key, Codec<T>::encode(value));
    return v;
  }
  static Result<std::map<std::string, T>> decode(const Value& v) {
    if (!v.is_object()) return wrong_kind("an object", v);
    std::map<std::string, T> members;
    for (std::size_t i = 0; i < v.size(); ++i) {
      auto member = Codec<T>::decode(v.at(i));
      if (!member.ok()) return inside(std::string(v.key(i)), member.status());
      members.emplace(v.key(i), *std::move(member));
    }
    return members;
  }
};

template <typename T>
struct Codec<std::optional<T>> {
  static Value encode(const std::optional<T>& v) { return v ? Codec<T>::encode(*v) : Value(); }
  static Result<std::optional<T>> decode(const Value& v) {
    if (v.is_null()) return std::optional<T>();
    auto inner = Codec<T>::decode(v);
    if (!inner.ok()) return inner.status();
    return std::optional<T>(*std::move(inner));
  }
};

// One member of a struct: its name in JSON, and where it is.
template <typename S, typename M>
struct Field {
  const char* name;
  M S::*member;
};

// Base of a struct's Codec, which declares `static auto fields()`: a tuple of field()s.
template <typename S>
struct Fields {
  // Names one member.
  template <typename M>
  static Field<S, M> field(const char* name, M S::*member) {
    return {name, member};
  }
  static Value encode(const S& s) {
    Value v = Value::object();
    std::apply([&](const auto&... f) { (put(v, s, f), ...); }, Codec<S>::fields());
    return v;
  }
  static Result<S> decode(const Value& v) {
    if (!v.is_object()) return wrong_kind("an object", v);
    S s{};
    Status error;
    std::apply([&](const auto&... f) { (take(v, s, f, error), ...); }, Codec<S>::fields());
    if (!error.ok()) return error;
    return s;
  }

 private:
  template <typename M>
  static void put(Value& v, const S& s, const Field<S, M>& f) {
    v.set(f.name, Codec<M>::encode(s.*f.member));
  }
  template <typename M>
  static void take(const Value& v, S& s, const Field<S, M>& f, Status& error) {
    if (!error.ok() || !v.has(f.name)) return;
    auto member = Codec<M>::decode(v.get(f.name));
    if (member.ok()) {
      s.*f.member = *std::move(member);
    } else {
      error = inside(f.name, member.status());
    }
  }
};

}  // namespace pawl::PAWL_V1
