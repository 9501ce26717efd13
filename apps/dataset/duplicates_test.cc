#include "dataset/duplicates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>

#include "dataset/generate.h"
#include "dataset/near_index.h"
#include "dataset/split.h"

namespace dataset {
namespace {

Features features_of(const Picture& p) {
  FeatureGrid grid;
  grid.begin(p.width, p.height);
  for (unsigned y = 0; y < p.height; ++y)
    grid.row(y, p.at(0, y));
  return grid.features();
}

Picture flat(unsigned size, std::uint8_t r, std::uint8_t g, std::uint8_t b) {
  Picture p{size, size, {}};
  for (unsigned i = 0; i < size * size; ++i)
    p.rgb.insert(p.rgb.end(), {r, g, b});
  return p;
}

TEST(Features, AFlatPictureIsItsColour) {
  Features f = features_of(flat(40, 200, 100, 50));
  EXPECT_EQ(f.hash, 0u);
  EXPECT_EQ(f.red, 200);
  EXPECT_EQ(f.green, 100);
  EXPECT_EQ(f.blue, 50);
  EXPECT_EQ(f.saturation, 150);
  EXPECT_EQ(f.contrast, 0);
  EXPECT_NEAR(f.brightness, 0.3 * 200 + 0.59 * 100 + 0.11 * 50, 2);
}

TEST(Features, ABitSaysThatItGetsBrighterToTheRight) {
  Picture p = flat(72, 0, 0, 0);
  for (unsigned y = 0; y < 72; ++y)
    for (unsigned x = 0; x < 72; ++x)
      for (int c = 0; c < 3; ++c)
        p.at(x, y)[c] = static_cast<std::uint8_t>(y < 36 ? 3 * x : 3 * (71 - x));
  EXPECT_EQ(features_of(p).hash, 0xffffffff00000000u);
}

TEST(Features, PicturesOfAnySizeHaveThem) {
  for (unsigned w : {1u, 2u, 8u, 9u, 35u, 36u, 37u, 500u})
    for (unsigned h : {1u, 7u, 31u, 33u}) {
      Dice dice(w * 1000 + h);
      Features f = features_of(scaled(draw_picture(dice, 90, 80), w, h));
      EXPECT_GT(f.brightness, 30) << w << " x " << h;
    }
}

TEST(Features, CopiesAreNearAndOthersFar) {
  Dice dice(11);
  for (int i = 0; i < 40; ++i) {
    Picture p = draw_picture(dice, 200, 150), other = draw_picture(dice, 200, 150);
    Features f = features_of(p);
    for (const Picture& copy :
         {scaled(p, 100, 75), scaled(p, 333, 250), brightened(p, 12), brightened(p, -20)}) {
      Features g = features_of(copy);
      EXPECT_LE(hash_distance(f.hash, g.hash), 4);
      EXPECT_LE(colour_distance(f, g), 3);
    }
    Features g = features_of(other);
    EXPECT_TRUE(hash_distance(f.hash, g.hash) > 8 || colour_distance(f, g) > 25);
  }
}

TEST(Features, AreReadBackFromText) {
  Dice dice(3);
  Features f = features_of(draw_picture(dice, 64, 64)), g;
  ASSERT_TRUE(read_hash(hash_text(f.hash), g.hash));
  ASSERT_TRUE(read_colours(colours_text(f), g));
  EXPECT_EQ(g.hash, f.hash);
  EXPECT_EQ(g.colours, f.colours);
  EXPECT_FALSE(read_hash("12", g.hash));
  EXPECT_FALSE(read_hash("000000000000000g", g.hash));
  EXPECT_FALSE(read_colours(std::string(96, 'x'), g));
}

// Every distance, against comparing all with all.
TEST(NearIndex, FindsWhatAComparisonOfAllFinds) {
  Dice dice(1);
  std::vector<std::uint64_t> hashes;
  for (int i = 0; i < 600; ++i) {
    std::uint64_t h = dice.next();
    hashes.push_back(h);
    for (int flips = dice.below(20); flips > 0; --flips)
      h ^= std::uint64_t{1} << dice.below(64);
    hashes.push_back(h);
  }
  for (int distance = 0; distance <= kMaxNearDistance; ++distance) {
    NearIndex index(distance);
    for (std::size_t i = 0; i < hashes.size(); ++i)
      index.add(hashes[i], i);
    std::size_t total = 0;
    for (std::uint64_t h : hashes) {
      std::vector<std::size_t> found, expected;
      index.near(h, [&](std::size_t id, int d) {
        found.push_back(id);
        EXPECT_EQ(d, std::popcount(hashes[id] ^ h));
      });
      for (std::size_t i = 0; i < hashes.size(); ++i)
        if (std::popcount(hashes[i] ^ h) <= distance) expected.push_back(i);
      std::sort(found.begin(), found.end());
      EXPECT_EQ(found, expected) << "each once, at distance " << distance;
      total += found.size();
    }
    EXPECT_GT(total, hashes.size() + (distance > 3 ? 100u : 0u));
  }
}

Candidate image(const std::string& name, const std::string& sha, std::uint64_t hash,
                std::uint64_t pixels = 100, std::uint64_t bytes = 10) {
  return {
      .name = name, .sha256 = sha, .bytes = bytes, .pixels = pixels, .features = {.hash = hash}};
}

TEST(Duplicates, TheFirstByNameOfEqualFilesStays) {
  auto d = find_duplicates({image("b", "1", 5), image("a", "1", 5), image("c", "1", 5)}, {});
  EXPECT_EQ(d[1].kind, Sameness::stays);
  EXPECT_EQ(d[0].kind, Sameness::exact);
  EXPECT_EQ(d[0].of, 1u);
  EXPECT_EQ(d[2].of, 1u);
}

TEST(Duplicates, TheLargestOfThoseThatLookAlikeStays) {
  auto d = find_duplicates({image("a", "1", 0b1111, 100), image("b", "2", 0b0111, 400),
                            image("c", "3", 0b0011, 400, 11), image("d", "3", 0b0011, 400, 11)},
                           {});
  EXPECT_EQ(d[2].kind, Sameness::stays) << "most pixels, then most bytes";
  EXPECT_EQ(d[0].kind, Sameness::near);
  EXPECT_EQ(d[0].of, 2u);
  EXPECT_EQ(d[0].distance, 2);
  EXPECT_EQ(d[1].of, 2u);
  EXPECT_EQ(d[3].kind, Sameness::exact);
}

TEST(Duplicates, AnExactCopyOfOneThatGoesPointsAtTheOneThatStays) {
  auto d = find_duplicates(
      {image("a", "1", 0b11, 100), image("b", "1", 0b11, 100), image("c", "2", 0b01, 400)}, {});
  EXPECT_EQ(d[0].kind, Sameness::near);
  EXPECT_EQ(d[1].kind, Sameness::exact);
  EXPECT_EQ(d[1].of, 2u);
}

// 0 - 3 - 6 bits: the ends are too far from each other to be one picture.
TEST(Duplicates, ThereAreNoChains) {
  auto d = find_duplicates(
      {image("a", "1", 0, 300), image("b", "2", 0b111, 200), image("c", "3", 0b111111, 100)},
      {.distance = 3});
  EXPECT_EQ(d[0].kind, Sameness::stays);
  EXPECT_EQ(d[1].of, 0u);
  EXPECT_EQ(d[2].kind, Sameness::stays);
}

TEST(Duplicates, FlatPicturesOfOtherColoursStay) {
  auto red = image("a", "1", 0), blue = image("b", "2", 0);
  red.features = features_of(flat(50, 200, 30, 30));
  blue.features = features_of(flat(50, 30, 30, 200));
  ASSERT_EQ(red.features.hash, blue.features.hash);
  auto d = find_duplicates({red, blue}, {});
  EXPECT_EQ(d[1].kind, Sameness::stays);
  EXPECT_EQ(find_duplicates({red, blue}, {.colour = 255})[1].kind, Sameness::near);
}

TEST(Duplicates, NearOnesStayWhereNobodyAsked) {
  auto d = find_duplicates({image("a", "1", 1), image("b", "2", 1), image("c", "2", 1)},
                           {.near = false});
  EXPECT_EQ(d[1].kind, Sameness::stays);
  EXPECT_EQ(d[2].kind, Sameness::exact);
}

TEST(Duplicates, TheOrderOfFilesIsOfNoAccount) {
  Dice dice(9);
  std::vector<Candidate> all;
  for (int i = 0; i < 300; ++i) {
    std::uint64_t h = std::uint64_t{1} << dice.below(10) | std::uint64_t{1} << dice.below(40);
    all.push_back(image(std::to_string(i), std::to_string(dice.below(200)), h,
                        static_cast<std::uint64_t>(dice.below(5))));
    // Equal files have equal pictures.
    for (const Candidate& c : all)
      if (c.sha256 == all.back().sha256) {
        std::string name = all.back().name;
        all.back() = c;
        all.back().name = name;
        break;
      }
  }
  auto answers = [](const std::vector<Candidate>& candidates) {
    std::set<std::string> text;
    auto d = find_duplicates(candidates, {.distance = 2});
    for (std::size_t i = 0; i < d.size(); ++i)
      if (d[i].kind != Sameness::stays)
        text.insert(candidates[i].name + " " + candidates[d[i].of].name + " " +
                    std::to_string(static_cast<int>(d[i].kind)));
    return text;
  };
  auto expected = answers(all);
  EXPECT_GT(expected.size(), 100u);
  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = all.size() - 1; i > 0; --i)
      std::swap(all[i], all[static_cast<std::size_t>(dice.below(static_cast<int>(i) + 1))]);
    EXPECT_EQ(answers(all), expected);
  }
}

// Comparing all with all would be 2 * 10^10 comparisons, a minute and more.
TEST(Duplicates, TwoHundredThousandTakeNoMinute) {
  Dice dice(4);
  std::vector<Candidate> all;
  for (int i = 0; i < 200'000; ++i)
    all.push_back(image(std::to_string(i), std::to_string(i), dice.next()));
  for (int i = 0; i < 1000; ++i)
    all.push_back(image("copy" + std::to_string(i), "c" + std::to_string(i),
                        all[static_cast<std::size_t>(i) * 7].features.hash ^ 0x8100000000000001u,
                        50));
  auto d = find_duplicates(all, {});
  auto near = std::count_if(d.begin(), d.end(),
                            [](const Duplicate& x) { return x.kind == Sameness::near; });
  EXPECT_EQ(near, 1000);
}

TEST(Splitter, SharesAreKeptAndContentDecides) {
  Splitter splitter({{"train", 0.7}, {"val", 0.2}, {"test", 0.1}}, "1");
  Splitter same({{"test", 0.1}, {"train", 0.7}, {"val", 0.2}}, "1");
  Splitter salted({{"train", 0.7}, {"val", 0.2}, {"test", 0.1}}, "2");
  std::map<std::string, int> counts;
  int moved = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string sha = "content " + std::to_string(i);
    ++counts[splitter.part_of(sha)];
    EXPECT_EQ(splitter.part_of(sha), same.part_of(sha));
    moved += splitter.part_of(sha) != salted.part_of(sha);
  }
  EXPECT_NEAR(counts["train"], 7000, 150);
  EXPECT_NEAR(counts["val"], 2000, 150);
  EXPECT_NEAR(counts["test"], 1000, 150);
  EXPECT_GT(moved, 3000);
}

TEST(Splitter, APartOfNothingGetsNothing) {
  Splitter splitter({{"all", 1.0}, {"none", 0.0}}, "");
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(splitter.part_of(std::to_string(i)), "all");
}

}  // namespace
}  // namespace dataset
