#include "base/codec.h"

#include <gtest/gtest.h>

#include "base/codec_detail.h"
#include "base/random.h"

namespace pawl {
namespace {

TEST(Codec, Crc32cOfKnownBytes) {
  // RFC 3720, B.4.
  std::string rising, falling;
  for (int i = 0; i < 32; i++) {
    rising += static_cast<char>(i);
    falling += static_cast<char>(31 - i);
  }
  const std::pair<std::string, std::uint32_t> kCases[] = {
      {"", 0},
      {"123456789", 0xe3069283u},
      {std::string(32, '\0'), 0x8a9136aau},
      {std::string(32, '\xff'), 0x62a8ab43u},
      {rising, 0x46dd794eu},
      {falling, 0x113fdb5cu},
  };
  for (const auto& [bytes, sum] : kCases) {
    EXPECT_EQ(crc32c(bytes), sum);
    EXPECT_EQ(codec_detail::crc32c_table(bytes, 0), sum);
  }
}

TEST(Codec, InstructionAndTableAgree) {
  if (!codec_detail::has_crc32c_instruction()) GTEST_SKIP() << "this processor has no SSE4.2";
  Random random(1);
  for (int i = 0; i < 500; i++) {
    std::string bytes;
    for (auto n = random.below(200); n > 0; n--)
      bytes += static_cast<char>(random.next());
    auto seed = static_cast<std::uint32_t>(random.next());
    auto at = bytes.empty() ? 0 : random.below(bytes.size());  // any alignment
    auto part = std::string_view(bytes).substr(at);
    EXPECT_EQ(codec_detail::crc32c_instruction(part, seed), codec_detail::crc32c_table(part, seed));
  }
}

TEST(Codec, Crc32cGoesOnWhereItStopped) {
  std::string_view bytes = "the quick brown fox jumps over the lazy dog";
  for (std::size_t at = 0; at <= bytes.size(); at++) {
    EXPECT_EQ(crc32c(bytes.substr(at), crc32c(bytes.substr(0, at))), crc32c(bytes));
  }
}

TEST(Codec, ReadsBackWhatWasWritten) {
  Random random(2);
  for (int round = 0; round < 200; round++) {
    std::string out;
    Writer writer(out);
    auto seed = random.next();
    Random steps(seed);
    for (int i = 0; i < 50; i++) {
      auto v = steps.next() >> steps.below(64);
      switch (steps.below(5)) {
        case 0:
          writer.u8(static_cast<std::uint8_t>(v));
          break;
        case 1:
          writer.u32(static_cast<std::uint32_t>(v));
          break;
        case 2:
          writer.varint(v);
          break;
        case 3:
          writer.zigzag(static_cast<std::int64_t>(v));
          break;
        default:
          writer.bytes(std::string(v & 63, 'x'));
          break;
      }
    }
    Reader reader(out);
    Random again(seed);
    for (int i = 0; i < 50; i++) {
      auto v = again.next() >> again.below(64);
      switch (again.below(5)) {
        case 0:
          EXPECT_EQ(reader.u8(), static_cast<std::uint8_t>(v));
          break;
        case 1:
          EXPECT_EQ(reader.u32(), static_cast<std::uint32_t>(v));
          break;
        case 2:
          EXPECT_EQ(reader.varint(), v);
          break;
        case 3:
          EXPECT_EQ(reader.zigzag(), static_cast<std::int64_t>(v));
          break;
        default:
          EXPECT_EQ(reader.bytes(), std::string(v & 63, 'x'));
          break;
      }
    }
    EXPECT_TRUE(reader.ok());
    EXPECT_TRUE(reader.at_end());
  }
}

TEST(Codec, ExtremesSurvive) {
  std::string out;
  Writer writer(out);
  writer.varint(0);
  writer.varint(UINT64_MAX);
  writer.zigzag(INT64_MIN);
  writer.zigzag(INT64_MAX);
  writer.zigzag(-1);
  Reader reader(out);
  EXPECT_EQ(reader.varint(), 0u);
  EXPECT_EQ(reader.varint(), UINT64_MAX);
  EXPECT_EQ(reader.zigzag(), INT64_MIN);
  EXPECT_EQ(reader.zigzag(), INT64_MAX);
  EXPECT_EQ(reader.zigzag(), -1);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.left(), 0u);
}

TEST(Codec, PastTheEndReadsZeroesAndRemembers) {
  for (auto read :
       {+[](Reader& r) { return r.u8() == 0; }, +[](Reader& r) { return r.u32() == 0; },
        +[](Reader& r) { return r.varint() == 0; }, +[](Reader& r) { return r.zigzag() == 0; },
        +[](Reader& r) { return r.bytes().empty(); }}) {
    Reader reader("");
    EXPECT_TRUE(read(reader));
    EXPECT_FALSE(reader.ok());
  }
  Reader cut("\x80\x80");  // a varint without its end
  cut.varint();
  EXPECT_FALSE(cut.ok());
  Reader liar("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01xyz");  // says 2^64 - 1 bytes follow
  EXPECT_TRUE(liar.bytes().empty());
  EXPECT_FALSE(liar.ok());
  EXPECT_TRUE(liar.at_end());
  Reader endless("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  endless.varint();
  EXPECT_FALSE(endless.ok());
}

TEST(Codec, NoiseNeverReadsOutside) {
  Random random(3);
  for (int round = 0; round < 2000; round++) {
    std::string noise;
    for (auto n = random.below(40); n > 0; n--)
      noise += static_cast<char>(random.next());
    Reader reader(noise);
    for (int i = 0; i < 20; i++) {
      switch (random.below(4)) {
        case 0:
          reader.u8();
          break;
        case 1:
          reader.u32();
          break;
        case 2:
          reader.varint();
          break;
        default:
          EXPECT_LE(reader.bytes().size(), noise.size());
          break;
      }
    }
  }
}

}  // namespace
}  // namespace pawl
