#pragma once
// NearIndex: hashes within a distance of another, without comparing all with all.
//
// Multi-index hashing: 64 bits are cut into more pieces than bits may differ, so that two hashes
// within the distance are equal in at least one piece. A table a piece holds who has which value;
// only those are compared. Exact, whatever the hashes. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

namespace dataset {

constexpr int kMaxNearDistance = 15;

class NearIndex {
 public:
  // REQUIRES: 0 <= distance <= kMaxNearDistance.
  explicit NearIndex(int distance);
  void add(std::uint64_t hash, std::size_t id);
  // Calls `found` once for each that is within the distance, in no order.
  void near(std::uint64_t hash,
            const std::function<void(std::size_t id, int distance)>& found) const;

 private:
  struct Entry {
    std::uint64_t hash;
    std::size_t id;
  };
  struct Piece {
    int shift;
    std::uint64_t mask;  // after the shift
    std::unordered_map<std::uint64_t, std::vector<Entry>> entries;
    std::uint64_t of(std::uint64_t hash) const { return hash >> shift & mask; }
  };
  int distance_;
  std::vector<Piece> pieces_;
};

}  // namespace dataset
