#include "dataset/near_index.h"

#include <algorithm>
#include <bit>

namespace dataset {

NearIndex::NearIndex(int distance) : distance_(distance) {
  // At least four: fewer pieces have more values, each of which is another allocation.
  int count = std::max(distance + 1, 4);
  for (int i = 0, at = 0; i < count; ++i) {
    int bits = 64 / count + (i < 64 % count ? 1 : 0);
    pieces_.push_back({at, (std::uint64_t{1} << bits) - 1, {}});
    at += bits;
  }
}

void NearIndex::add(std::uint64_t hash, std::size_t id) {
  for (Piece& piece : pieces_)
    piece.entries[piece.of(hash)].push_back({hash, id});
}

void NearIndex::near(std::uint64_t hash,
                     const std::function<void(std::size_t id, int distance)>& found) const {
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    auto same = pieces_[i].entries.find(pieces_[i].of(hash));
    if (same == pieces_[i].entries.end()) continue;
    for (const Entry& entry : same->second) {
      int distance = std::popcount(entry.hash ^ hash);
      if (distance > distance_) continue;
      // Whoever is equal in an earlier piece too has been told already.
      bool told = std::any_of(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(i),
                              [&](const Piece& p) { return p.of(entry.hash) == p.of(hash); });
      if (!told) found(entry.id, distance);
    }
  }
}

}  // namespace dataset
