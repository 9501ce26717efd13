#include "dataset/duplicates.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "dataset/near_index.h"

namespace dataset {

namespace {

// The first by name of each content, in order of quality.
std::vector<std::size_t> contents(const std::vector<Candidate>& all,
                                  std::vector<Duplicate>& verdicts) {
  std::unordered_map<std::string_view, std::size_t> first;
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto [at, is_new] = first.emplace(all[i].sha256, i);
    if (!is_new && all[i].name < all[at->second].name) at->second = i;
  }
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::size_t stays = first[all[i].sha256];
    if (stays == i)
      order.push_back(i);
    else
      verdicts[i] = {Sameness::exact, stays, 0};
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tuple(all[b].pixels, all[b].bytes, std::string_view(all[a].sha256)) <
           std::tuple(all[a].pixels, all[a].bytes, std::string_view(all[b].sha256));
  });
  return order;
}

}  // namespace

std::vector<Duplicate> find_duplicates(const std::vector<Candidate>& candidates,
                                       const NearOptions& options) {
  std::vector<Duplicate> verdicts(candidates.size());
  auto order = contents(candidates, verdicts);
  if (options.near) {
    NearIndex index(options.distance);
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
      const Candidate& image = candidates[order[rank]];
      std::size_t best = rank;
      int best_distance = 0;
      index.near(image.features.hash, [&](std::size_t stays, int distance) {
        if (best != rank && std::tie(best_distance, best) <= std::tie(distance, stays)) return;
        if (colour_distance(candidates[order[stays]].features, image.features) > options.colour)
          return;
        best = stays, best_distance = distance;
      });
      if (best == rank)
        index.add(image.features.hash, rank);
      else
        verdicts[order[rank]] = {Sameness::near, order[best], best_distance};
    }
  }
  // An exact copy of one that went points at the one that stays.
  for (Duplicate& d : verdicts)
    if (d.kind == Sameness::exact && verdicts[d.of].kind == Sameness::near)
      d.of = verdicts[d.of].of;
  return verdicts;
}

}  // namespace dataset
