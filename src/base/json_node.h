#pragma once
// The inside of Json: what its strings, arrays and objects keep on the heap. For json*.cc only.
//
// An object is a vector of members in written order. Up to kLinear members find() scans; beyond it
// asks an index (open addressing, positions and hashes only), which the parser builds as it goes,
// or the first find() builds and publishes with one compare-and-swap. Keys come from outside, so
// the hash is seeded per process: nobody can prepare keys that all collide.

#include <atomic>
#include <memory>

#include "base/json.h"

namespace pawl {

std::uint32_t json_key_hash(std::string_view key);

class JsonIndex {
 public:
  static constexpr std::size_t kLinear = 32;
  static constexpr std::uint32_t kNone = 0xffffffffu;

  explicit JsonIndex(std::size_t expected);
  JsonIndex(const Json::Member* members, std::size_t count);

  // The position of key among members, or kNone.
  std::uint32_t find(std::string_view key, const Json::Member* members) const {
    return find(key, json_key_hash(key), members);
  }
  std::uint32_t find(std::string_view key, std::uint32_t hash, const Json::Member* members) const;
  // REQUIRES: the key is not there yet.
  void add(std::uint32_t hash, std::uint32_t position);

 private:
  void place(std::uint32_t hash, std::uint32_t position);

  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t position = kNone;
  };
  std::vector<Slot> slots_;  // a power of two, at most half full
  std::size_t used_ = 0;
};

struct Json::StringNode : Json::Node {
  explicit StringNode(std::string v) : value(std::move(v)) {}
  std::string value;
};

struct Json::ArrayNode : Json::Node {
  explicit ArrayNode(Array v) : value(std::move(v)) {}
  Array value;
};

struct Json::ObjectNode : Json::Node {
  explicit ObjectNode(Object v) : value(std::move(v)) {}
  ~ObjectNode() { delete index.load(std::memory_order_acquire); }
  // The position of key, or JsonIndex::kNone. Thread-safe while nobody changes the members.
  std::uint32_t find(std::string_view key) const;
  // REQUIRES (both): one owner.
  void append(std::string key, Json v);
  void erase(std::size_t position);

  Object value;
  mutable std::atomic<JsonIndex*> index{nullptr};
};

}  // namespace pawl
