#include "dataset/image_decode.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "dataset/features.h"
#include "dataset/files.h"
#include "dataset/generate.h"

namespace dataset {
namespace {

struct Rows : RowSink {
  unsigned width = 0, height = 0, rows = 0;
  std::vector<std::uint8_t> last;
  void begin(unsigned w, unsigned h) override { width = w, height = h; }
  void row(unsigned y, const std::uint8_t* rgb) override {
    EXPECT_EQ(y, rows);
    ++rows;
    last.assign(rgb, rgb + std::size_t{width} * 3);
  }
};

Decoded decode(const std::string& file, const std::string& name = "x", const Limits& limits = {},
               RowSink* sink = nullptr) {
  Rows rows;
  Bytes bytes(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
  Decoded d = decode_image(bytes, name, limits, sink ? *sink : rows);
  if (!sink && !d.rejection.rejected()) {
    EXPECT_EQ(rows.rows, d.height) << "each row came";
  }
  return d;
}

std::string reason(const std::string& file, const std::string& name = "x",
                   const Limits& limits = {}) {
  return code_of(decode(file, name, limits).rejection.reason);
}

Picture picture(unsigned width = 120, unsigned height = 90) {
  Dice dice(5);
  return draw_picture(dice, width, height);
}

TEST(ImageDecode, EveryKindThatIsWrittenIsRead) {
  Picture p = picture();
  struct Case {
    std::string file;
    Format format;
  };
  for (const Case& c :
       {Case{encode_jpeg(p), Format::jpeg},
        Case{encode_jpeg(p, {.progressive = true}), Format::jpeg}, Case{encode_png(p), Format::png},
        Case{encode_png(p, {.interlaced = true}), Format::png},
        Case{encode_webp(p), Format::webp}}) {
    Rows rows;
    Decoded d = decode(c.file, "x", {}, &rows);
    EXPECT_FALSE(d.rejection.rejected()) << d.rejection.detail;
    EXPECT_EQ(d.format, c.format);
    EXPECT_EQ(d.width, 120u);
    EXPECT_EQ(d.height, 90u);
    EXPECT_EQ(rows.rows, 90u);
    int off = 0;
    for (unsigned i = 0; i < 360; ++i)
      off = std::max(off, std::abs(rows.last[i] - p.at(0, 89)[i]));
    EXPECT_LE(off, c.format == Format::png ? 0 : 60);
  }
}

TEST(ImageDecode, EveryWayToBreakAFileHasItsReason) {
  for (int way = 0; way < kWaysToBreak; ++way) {
    Broken b = break_picture(picture(), way);
    EXPECT_EQ(reason(b.bytes, "broken" + b.extension), b.reason) << "way " << way;
  }
}

// Cut anywhere: never taken for whole, never a crash, and near always said to be cut.
TEST(ImageDecode, AFileThatIsCutIsNeverTaken) {
  Picture p = picture(64, 48);
  for (const std::string& whole :
       {encode_jpeg(p), encode_jpeg(p, {.progressive = true}), encode_png(p),
        encode_png(p, {.interlaced = true}), encode_webp(p)}) {
    ASSERT_EQ(reason(whole), "none");
    for (std::size_t size = 0; size < whole.size(); ++size) {
      std::string why = reason(whole.substr(0, size));
      EXPECT_NE(why, "none") << "the first " << size << " of " << whole.size() << " bytes";
      if (size > whole.size() / 2) {
        EXPECT_EQ(why, "truncated") << size << " of " << whole.size();
      }
    }
  }
}

TEST(ImageDecode, APngNoticesEachFlippedBit) {
  std::string whole = encode_png(picture(32, 32));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1 << (at % 8));
    EXPECT_NE(reason(damaged), "none") << "byte " << at;
  }
}

TEST(ImageDecode, LimitsHoldBeforeAnythingIsDecoded) {
  Picture p = picture();
  for (const std::string& file : {encode_jpeg(p), encode_png(p), encode_webp(p)}) {
    EXPECT_EQ(reason(file, "x", {.max_pixels = 120 * 90}), "none");
    EXPECT_EQ(reason(file, "x", {.max_pixels = 120 * 90 - 1}), "too_many_pixels");
    EXPECT_EQ(reason(file, "x", {.min_width = 121}), "too_small");
    EXPECT_EQ(reason(file, "x", {.min_height = 91}), "too_small");
    EXPECT_EQ(reason(file, "x", {.max_bytes = file.size() - 1}), "too_many_bytes");
  }
}

TEST(ImageDecode, WhatNeedsTheWholePictureIsHeldToTheMemory) {
  Picture p = picture(400, 400);
  Limits limits{.max_memory = 300'000};
  EXPECT_EQ(reason(encode_png(p), "x", limits), "none");
  EXPECT_EQ(reason(encode_png(p, {.interlaced = true}), "x", limits), "too_much_memory");
  EXPECT_EQ(reason(encode_jpeg(p, {.progressive = true}), "x", limits), "too_much_memory");
  EXPECT_EQ(reason(encode_webp(p), "x", limits), "too_much_memory");
}

// Each scan of a progressive file costs a pass over the whole picture.
TEST(ImageDecode, AJpegOfAThousandScansIsRefused) {
  std::string jpeg = encode_jpeg(picture(), {.progressive = true});
  auto last = jpeg.rfind("\xff\xda");
  std::string scan = jpeg.substr(last, jpeg.size() - 2 - last);
  for (int i = 0; i < 1000; ++i)
    jpeg.insert(jpeg.size() - 2, scan);
  Decoded d = decode(jpeg);
  EXPECT_EQ(d.rejection.reason, Reason::corrupt) << d.rejection.detail;
}

TEST(ImageDecode, TrailingBytesUpToTheLimit) {
  for (const std::string& file : {encode_jpeg(picture()), encode_png(picture())}) {
    EXPECT_EQ(reason(file + "abc"), "trailing_data");
    EXPECT_EQ(reason(file + "abc", "x", {.max_trailing_bytes = 3}), "none");
  }
}

TEST(ImageDecode, OtherKindsAreNamed) {
  EXPECT_EQ(decode("GIF89a and so on").rejection.detail, "it is GIF; JPEG, PNG and WebP are read");
  EXPECT_EQ(reason(std::string("II*\0 and so on", 14)), "unsupported_format");
  EXPECT_EQ(reason(std::string("\0\0\0\x1c"
                               "ftypavif",
                               12)),
            "unsupported_format");
  EXPECT_EQ(decode("plain text").rejection.detail, "it begins with 70 6c 61 69 6e 20 74 65");
  EXPECT_EQ(reason("RIFF\x10\x20\x30\x40WAVEfmt "), "not_an_image");
}

TEST(ImageDecode, AnExtensionMayBeMissingButNotFalse) {
  std::string png = encode_png(picture());
  EXPECT_EQ(reason(png, "a/b.PNG"), "none");
  EXPECT_EQ(reason(png, "a/b"), "none");
  EXPECT_EQ(reason(png, "a.jpg/b"), "none");
  EXPECT_EQ(reason(png, "a/b.JPeg"), "wrong_extension");
}

TEST(Reasons, EachHasItsCodeOnceAndASentence) {
  for (const ReasonText& r : reasons()) {
    EXPECT_EQ(reason_of(r.code), r.reason);
    EXPECT_STREQ(code_of(r.reason), r.code);
    EXPECT_EQ(std::string(r.sentence).back(), '.');
  }
  EXPECT_EQ(reasons().size(), static_cast<std::size_t>(Reason::too_small));
  // The README's table is this list.
  auto page = read_file(PAWL_SOURCE_DIR "/apps/dataset/README.md");
  ASSERT_TRUE(page.ok());
  for (const ReasonText& r : reasons()) {
    std::string row = std::string("| `") + r.code + "` | " + r.sentence + " |\n";
    EXPECT_NE(page->find(row), std::string::npos) << row;
  }
  EXPECT_EQ(reason_of("no such reason"), Reason::none);
}

}  // namespace
}  // namespace dataset
