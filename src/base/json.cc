#include "base/json.h"

#include <cmath>
#include <cstring>
#include <tuple>

#include "base/json_node.h"
#include "base/random.h"

namespace pawl {

namespace {

const Json kNullValue;

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t load_up_to_8(const char* p, std::size_t n) {
  std::uint64_t v = 0;
  std::memcpy(&v, p, n);
  return v;
}

// Integers and doubles are equal when they are the same number; no rounding on the way.
bool same_number(std::int64_t i, double d) {
  if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0)) return false;
  return d == std::floor(d) && static_cast<std::int64_t>(d) == i;
}

}  // namespace

std::uint32_t json_key_hash(std::string_view key) {
  static const std::uint64_t seed = entropy() | 1;
  auto hash = fold(seed ^ key.size(), 0x9e3779b97f4a7c15u);
  auto* p = key.data();
  auto left = key.size();
  for (; left > 8; p += 8, left -= 8) {
    hash = fold(hash ^ load_up_to_8(p, 8), seed ^ 0xd6e8feb86659fd93u);
  }
  return static_cast<std::uint32_t>(fold(hash ^ load_up_to_8(p, left), seed ^ 0xa0761d6478bd642fu));
}

// -- JsonIndex

JsonIndex::JsonIndex(std::size_t expected) {
  std::size_t size = 64;
  while (size < expected * 2)
    size *= 2;
  slots_.resize(size);
}

JsonIndex::JsonIndex(const Json::Member* members, std::size_t count) : JsonIndex(count) {
  PAWL_ASSERT(count < kNone);
  for (std::size_t i = 0; i < count; i++) {
    add(json_key_hash(members[i].first), static_cast<std::uint32_t>(i));
  }
}

std::uint32_t JsonIndex::find(std::string_view key, std::uint32_t hash,
                              const Json::Member* members) const {
  auto mask = slots_.size() - 1;
  for (auto at = hash & mask; slots_[at].position != kNone; at = (at + 1) & mask) {
    if (slots_[at].hash == hash && members[slots_[at].position].first == key) {
      return slots_[at].position;
    }
  }
  return kNone;
}

void JsonIndex::add(std::uint32_t hash, std::uint32_t position) {
  if ((used_ + 1) * 2 > slots_.size()) {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const auto& slot : old) {
      if (slot.position != kNone) place(slot.hash, slot.position);
    }
  }
  place(hash, position);
  used_++;
}

void JsonIndex::place(std::uint32_t hash, std::uint32_t position) {
  auto mask = slots_.size() - 1;
  auto at = hash & mask;
  while (slots_[at].position != kNone)
    at = (at + 1) & mask;
  slots_[at] = {hash, position};
}

// -- ObjectNode

std::uint32_t Json::ObjectNode::find(std::string_view key) const {
  if (value.size() <= JsonIndex::kLinear) {
    for (std::size_t i = 0; i < value.size(); i++) {
      if (value[i].first == key) return static_cast<std::uint32_t>(i);
    }
    return JsonIndex::kNone;
  }
  auto* ready = index.load(std::memory_order_acquire);
  if (!ready) {
    auto made = std::make_unique<JsonIndex>(value.data(), value.size());
    if (index.compare_exchange_strong(ready, made.get(), std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
      ready = made.release();
    }
  }
  return ready->find(key, value.data());
}

void Json::ObjectNode::append(std::string key, Json v) {
  if (auto* ready = index.load(std::memory_order_relaxed)) {
    ready->add(json_key_hash(key), static_cast<std::uint32_t>(value.size()));
  }
  value.emplace_back(std::move(key), std::move(v));
}

void Json::ObjectNode::erase(std::size_t position) {
  delete index.exchange(nullptr, std::memory_order_relaxed);  // positions behind it have moved
  value.erase(value.begin() + static_cast<std::ptrdiff_t>(position));
}

// -- Making, sharing, letting go

Json::Json(std::string v) : Json(Type::string, new StringNode(std::move(v))) {}
Json::Json(std::string_view v) : Json(std::string(v)) {}
Json::Json(const char* v) : Json(std::string(v)) {}
Json::Json(Array v) : Json(Type::array, new ArrayNode(std::move(v))) {}
Json Json::object(Object members) { return {Type::object, new ObjectNode(std::move(members))}; }
Json Json::array(Array items) { return {Type::array, new ArrayNode(std::move(items))}; }

void Json::release() {
  auto* node = scalar_.node;
  // A sole owner needs no atomic write: nobody else can reach the node any more.
  if (node->refs.load(std::memory_order_acquire) == 1 ||
      node->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    destroy(type_, node);
  }
}

// Not recursive: a value nested a million deep must not overflow the stack when it goes.
void Json::destroy(Type type, Node* node) {
  std::vector<std::pair<Type, Node*>> pending;
  auto take = [&pending](Json& child) {
    if (child.type_ < Type::array) return;
    auto* inner = child.scalar_.node;
    if (inner->refs.load(std::memory_order_acquire) == 1 ||
        inner->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      pending.emplace_back(child.type_, inner);
    }
    child.type_ = Type::null;
  };
  while (true) {
    if (type == Type::string) {
      delete static_cast<StringNode*>(node);
    } else if (type == Type::array) {
      auto* array = static_cast<ArrayNode*>(node);
      for (auto& item : array->value)
        take(item);
      delete array;
    } else {
      auto* object = static_cast<ObjectNode*>(node);
      for (auto& member : object->value)
        take(member.second);
      delete object;
    }
    if (pending.empty()) return;
    std::tie(type, node) = pending.back();
    pending.pop_back();
  }
}

Json::ArrayNode& Json::own_array() {
  if (is_null()) *this = array();
  PAWL_ASSERT(is_array());
  auto* node = static_cast<ArrayNode*>(scalar_.node);
  if (node->refs.load(std::memory_order_acquire) != 1) {
    *this = array(Array(node->value));
    node = static_cast<ArrayNode*>(scalar_.node);
  }
  return *node;
}

Json::ObjectNode& Json::own_object() {
  if (is_null()) *this = object();
  PAWL_ASSERT(is_object());
  auto* node = static_cast<ObjectNode*>(scalar_.node);
  if (node->refs.load(std::memory_order_acquire) != 1) {
    *this = object(Object(node->value));
    node = static_cast<ObjectNode*>(scalar_.node);
  }
  return *node;
}

// -- Reading

bool Json::as_bool() const {
  PAWL_ASSERT(is_bool());
  return scalar_.b;
}

std::int64_t Json::as_integer() const {
  PAWL_ASSERT(is_integer());
  return scalar_.i;
}

double Json::as_double() const {
  PAWL_ASSERT(is_number());
  return is_integer() ? static_cast<double>(scalar_.i) : scalar_.d;
}

const std::string& Json::as_string() const {
  PAWL_ASSERT(is_string());
  return static_cast<StringNode*>(scalar_.node)->value;
}

const Json::Array& Json::as_array() const {
  PAWL_ASSERT(is_array());
  return static_cast<ArrayNode*>(scalar_.node)->value;
}

const Json::Object& Json::as_object() const {
  PAWL_ASSERT(is_object());
  return static_cast<ObjectNode*>(scalar_.node)->value;
}

const Json* Json::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  auto* node = static_cast<ObjectNode*>(scalar_.node);
  auto position = node->find(key);
  return position == JsonIndex::kNone ? nullptr : &node->value[position].second;
}

const Json& Json::operator[](std::string_view key) const {
  auto* found = find(key);
  return found ? *found : kNullValue;
}

const Json& Json::operator[](std::size_t index) const {
  if (!is_array() || index >= as_array().size()) return kNullValue;
  return as_array()[index];
}

std::size_t Json::size() const {
  if (is_array()) return as_array().size();
  return is_object() ? as_object().size() : 0;
}

// -- Changing

Json& Json::set(std::string_view key, Json value) {
  auto& node = own_object();
  auto position = node.find(key);
  if (position == JsonIndex::kNone) {
    node.append(std::string(key), std::move(value));
  } else {
    node.value[position].second = std::move(value);
  }
  return *this;
}

bool Json::erase(std::string_view key) {
  if (!is_object()) return false;
  auto position = static_cast<ObjectNode*>(scalar_.node)->find(key);
  if (position == JsonIndex::kNone) return false;
  own_object().erase(position);
  return true;
}

Json& Json::push(Json value) {
  own_array().value.push_back(std::move(value));
  return *this;
}

// -- Comparing

bool Json::operator==(const Json& other) const {
  if (type_ != other.type_) {
    if (is_integer() && other.type_ == Type::number) return same_number(scalar_.i, other.scalar_.d);
    if (other.is_integer() && type_ == Type::number) return same_number(other.scalar_.i, scalar_.d);
    return false;
  }
  switch (type_) {
    case Type::null:
      return true;
    case Type::boolean:
      return scalar_.b == other.scalar_.b;
    case Type::integer:
      return scalar_.i == other.scalar_.i;
    case Type::number:
      return scalar_.d == other.scalar_.d;
    case Type::string:
      return as_string() == other.as_string();
    case Type::array:
      return as_array() == other.as_array();
    case Type::object:
      break;
  }
  if (size() != other.size()) return false;
  for (const auto& [key, value] : as_object()) {
    auto* theirs = other.find(key);
    if (!theirs || !(value == *theirs)) return false;
  }
  return true;
}

const char* Json::type_name(Type type) {
  switch (type) {
    case Type::null:
      return "null";
    case Type::boolean:
      return "boolean";
    case Type::integer:
      return "integer";
    case Type::number:
      return "number";
    case Type::string:
      return "string";
    case Type::array:
      return "array";
    case Type::object:
      return "object";
  }
  return "?";
}

}  // namespace pawl
