// Zstandard and SHA-256.
#include "base/zstd.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/random.h"
#include "base/sha256.h"
#include "base/text.h"

namespace pawl {
namespace {

TEST(Zstd, GivesBackWhatItTook) {
  Random random(1);
  for (std::size_t size : {0, 1, 100, 4096, 70'000, 1'000'000}) {
    std::string bytes;
    while (bytes.size() < size)
      bytes += random.below(4) ? 'a' : static_cast<char>(random.next());
    for (int level : {1, 3, 9}) {
      auto packed = zstd_compress(bytes, level);
      auto back = zstd_decompress(packed, size);
      ASSERT_TRUE(back.ok()) << back.error().message;
      EXPECT_EQ(*back, bytes);
    }
  }
}

TEST(Zstd, ReadsFramesInARow) {
  EXPECT_EQ(*zstd_decompress(zstd_compress("one ") + zstd_compress("") + zstd_compress("two"), 100),
            "one two");
}

TEST(Zstd, HoldsItsCap) {
  auto bomb = zstd_compress(std::string(50'000'000, 'x'));
  EXPECT_LT(bomb.size(), 10'000u);
  auto refused = zstd_decompress(bomb, 1'000'000);
  EXPECT_EQ(refused.error().code, Errc::too_large);
  EXPECT_EQ(refused.error().message, str("the ", bomb.size(),
                                         " compressed bytes hold more than "
                                         "1000000, the most allowed here"));
  EXPECT_TRUE(zstd_decompress(zstd_compress("12345"), 5).ok());
  EXPECT_FALSE(zstd_decompress(zstd_compress("12345"), 4).ok());
  EXPECT_EQ(*zstd_decompress(zstd_compress("12345"), SIZE_MAX), "12345");
}

TEST(Zstd, RefusesWhatIsBroken) {
  auto packed = zstd_compress(std::string(1000, 'x') + "the end");
  for (std::size_t cut = 0; cut < packed.size(); cut++) {
    auto back = zstd_decompress(std::string_view(packed).substr(0, cut), 10'000);
    ASSERT_FALSE(back.ok()) << cut;
    EXPECT_EQ(back.error().code, Errc::corrupt);
  }
  EXPECT_EQ(zstd_decompress("", 10).error().message, "cannot decompress 0 bytes: they end early");
  EXPECT_EQ(zstd_decompress("hello", 10).error().message,
            "cannot decompress 5 bytes: Unknown frame descriptor");
  Random random(2);
  for (int i = 0; i < 500; i++) {
    auto broken = packed;
    broken[random.below(broken.size())] ^= static_cast<char>(1 + random.below(255));
    auto back = zstd_decompress(broken, 10'000);
    if (!back.ok()) continue;
    EXPECT_EQ(*back, std::string(1000, 'x') + "the end");  // an unused bit
  }
  // An error leaves nothing behind for the next one.
  EXPECT_TRUE(zstd_decompress(packed, 10'000).ok());
}

TEST(Zstd, WorksFromManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([t] {
      for (int i = 0; i < 50; i++) {
        auto bytes =
            std::string(static_cast<std::size_t>(1000 + t), static_cast<char>('a' + i % 26));
        EXPECT_EQ(*zstd_decompress(zstd_compress(bytes), 10'000), bytes);
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
}

TEST(Sha256, KnownDigests) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesMakeTheSameDigest) {
  Sha256 sum;
  for (char c : std::string_view("abc"))
    sum.update({&c, 1});
  auto moved = std::move(sum);
  EXPECT_EQ(moved.hex(), sha256_hex("abc"));
  EXPECT_DEATH(moved.hex(), "state_ does not hold");
  Sha256 raw;
  EXPECT_EQ(to_hex(raw.digest()), sha256_hex(""));
  EXPECT_EQ(to_hex(std::string_view("\x00\xff\x1a", 3)), "00ff1a");
}

}  // namespace
}  // namespace pawl
