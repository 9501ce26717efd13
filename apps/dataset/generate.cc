#include "dataset/generate.h"

#include <fcntl.h>
#include <pawl/value.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include "dataset/files.h"
#include "dataset/sha256.h"

namespace dataset {

using pawl::Status;
using pawl::Value;

std::uint64_t Dice::next() {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

// Nine by eight fields, tinted in four by four, with a fine texture. Some neighbours differ by so
// little that an encoder may move a bit of the hash. Light and dark stay away from the ends, so
// that brightening clips nothing.
Picture draw_picture(Dice& dice, unsigned width, unsigned height) {
  int fields[8][9], tints[4][4][3];
  for (auto& row : fields) {
    int last = -100;
    for (int& field : row) {
      do
        field = dice.between(70, 170);
      while (std::abs(field - last) < 4);
      last = field;
    }
  }
  for (auto& row : tints)
    for (auto& tint : row)
      for (int& t : tint)
        t = dice.between(-36, 36);
  auto texture = static_cast<unsigned>(dice.below(1 << 20));
  Picture p{width, height, std::vector<std::uint8_t>(std::size_t{width} * height * 3)};
  for (unsigned y = 0; y < height; ++y) {
    for (unsigned x = 0; x < width; ++x) {
      int field = fields[y * 8 / height][x * 9 / width];
      const int* tint = tints[y * 4 / height][x * 4 / width];
      unsigned grain = (x * 7919 + y * 104729 + texture) * 2654435761U >> 28;  // 0..15
      for (int c = 0; c < 3; ++c)
        p.at(x, y)[c] = static_cast<std::uint8_t>(field + tint[c] + static_cast<int>(grain) - 8);
    }
  }
  return p;
}

namespace {

std::string u32(std::uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
          static_cast<char>(v)};
}

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int i = 0; i < 8; ++i)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
  }
  return ~crc;
}

std::string chunk(const std::string& type, const std::string& data) {
  return u32(static_cast<std::uint32_t>(data.size())) + type + data + u32(crc32(type + data));
}

// A PNG whose header, with a right checksum, promises another size.
std::string png_of_size(std::string png, std::uint32_t width, std::uint32_t height) {
  std::string header = u32(width) + u32(height) + png.substr(24, 5);
  return png.substr(0, 8) + chunk("IHDR", header) + png.substr(33);
}

std::string jpeg_of_size(std::string jpeg, unsigned width, unsigned height) {
  auto at = jpeg.find("\xff\xc0");
  std::string size = u32(height << 16 | width);
  return jpeg.replace(at + 5, 4, size);
}

// VP8X with the animation flag, and no frame: the header is enough to refuse it.
std::string animated_webp() {
  std::string body = std::string("WEBPVP8X") + std::string("\x0a\0\0\0\x02\0\0\0", 8) +
                     std::string("\x3f\0\0\x3f\0\0", 6) + "ANIM" +
                     std::string("\x06\0\0\0\xff\xff\xff\xff\0\0", 10);
  auto size = static_cast<char>(body.size());
  return "RIFF" + std::string({size, 0, 0, 0}) + body;
}

Broken broken_png(const Picture& p, int way) {
  std::string png = encode_png(p);
  switch (way) {
    case 0:
      return {".png", png.substr(0, png.size() * 6 / 10), "truncated"};
    case 1:
      png[png.size() / 2] = static_cast<char>(png[png.size() / 2] ^ 0x10);
      return {".png", png, "corrupt"};
    case 2:
      return {".png", png_of_size(png, 100000, 100000), "too_many_pixels"};
    case 3:
      return {".png", encode_png(scaled(p, 8, 8)), "too_small"};
    case 4:
      return {".png", png.substr(0, 33) + chunk("acTL", u32(2) + u32(0)) + png.substr(33),
              "animated"};
    case 5:
      return {".png", png + "PK\x03\x04 and more", "trailing_data"};
    default:
      return {".jpg", png, "wrong_extension"};
  }
}

}  // namespace

Broken break_picture(const Picture& p, int way) {
  if (way < 7) return broken_png(p, way);
  switch (way) {
    case 7:
      return {".jpg", "", "empty"};
    case 8:
      return {".jpg", "<html><body>404 not found</body></html>", "not_an_image"};
    case 9:
      return {".gif", std::string("GIF89a\x10\0\x10\0\0\0\0;", 14), "unsupported_format"};
    case 10:
      return {".webp", animated_webp(), "animated"};
    case 11: {
      std::string webp = encode_webp(p);
      return {".webp", webp.substr(0, webp.size() / 2), "truncated"};
    }
    default:
      break;
  }
  std::string jpeg = encode_jpeg(p);
  switch (way) {
    case 12:
      return {".jpg", jpeg.substr(0, jpeg.size() * 6 / 10), "truncated"};
    case 13:
      jpeg.replace(jpeg.size() / 2, 4, "\xff\xc4\xff\xc4");
      return {".jpg", jpeg, "corrupt"};
    case 14:
      return {".jpg", jpeg + std::string(100, 'x'), "trailing_data"};
    default:
      return {".jpg", jpeg_of_size(jpeg, 65500, 65500), "too_many_pixels"};
  }
}

namespace {

struct File {
  std::string name, sha256;
  std::uint64_t bytes = 0, pixels = 0;
  int group = -1;      // of files that look alike; -1: rejected
  std::string reason;  // for rejected ones
};

class Generator {
 public:
  explicit Generator(const GenerateOptions& options) : options_(options), dice_(options.seed) {}

  Status run() {
    while (!full()) {
      int kind = dice_.below(100);
      Status s = kind < 8 ? add_broken() : add_image(kind < 22 ? dice_.between(1, 2) : 0);
      if (!s.ok()) return s;
    }
    return write_answers();
  }

 private:
  bool full() const { return static_cast<int>(files_.size()) >= options_.count; }

  std::string new_name(const std::string& extension) {
    static constexpr const char* kClasses[] = {"amber", "birch", "cedar", "dune", "elm", "fern"};
    std::string number = std::to_string(files_.size());
    number.insert(0, 6 - std::min<std::size_t>(6, number.size()), '0');
    return std::string(kClasses[dice_.below(6)]) + "/" + number + extension;
  }

  Status add(const std::string& extension, const std::string& bytes, File file) {
    file.name = new_name(extension);
    file.sha256 = sha256_hex(bytes);
    file.bytes = bytes.size();
    std::string path = join_path(options_.folder, "images/" + file.name);
    if (auto s = make_folders(folder_of(path)); !s.ok()) return s;
    files_.push_back(std::move(file));
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!fd.ok()) return file_error("writing", path);
    return write_all(fd.get(), bytes, path);
  }

  Status add_broken() {
    auto broken = break_picture(draw(), ways_++ % kWaysToBreak);
    return add(broken.extension, broken.bytes, {.reason = broken.reason});
  }

  Picture draw() {
    auto width = static_cast<unsigned>(dice_.between(96, 320));
    auto height = static_cast<unsigned>(dice_.between(96, 320));
    return draw_picture(dice_, width, height);
  }

  // An image, and as many copies of it, exact or near.
  Status add_image(int copies) {
    Picture p = draw();
    int group = groups_++;
    auto [extension, bytes] = encoded(p, dice_.below(4), 88);
    auto s = add(extension, bytes, {.pixels = std::uint64_t{p.width} * p.height, .group = group});
    for (int i = 0; i < copies && s.ok() && !full(); ++i) {
      int way = dice_.below(8);
      Picture copy = p;
      if (way < 3) {
        s = add(extension, bytes, {.pixels = std::uint64_t{p.width} * p.height, .group = group});
        continue;
      }
      if (way == 3) copy = scaled(p, p.width * 3 / 4, p.height * 3 / 4);
      if (way == 4) copy = scaled(p, p.width * 3 / 2, p.height * 3 / 2);
      if (way == 5) copy = brightened(p, 12);
      auto [other, again] = encoded(copy, dice_.below(4), way >= 6 ? 60 : 88);
      s = add(other, again, {.pixels = std::uint64_t{copy.width} * copy.height, .group = group});
    }
    return s;
  }

  static std::pair<std::string, std::string> encoded(const Picture& p, int kind, int quality) {
    if (kind == 0) return {".png", encode_png(p)};
    if (kind == 1) return {".webp", encode_webp(p, static_cast<float>(quality))};
    return {".jpg", encode_jpeg(p, {.quality = quality, .progressive = kind == 2})};
  }

  // Which stays follows from the rule in the README, applied here once more on its own.
  Status write_answers() {
    std::vector<std::vector<const File*>> groups(static_cast<std::size_t>(groups_));
    Value rejected = Value::object(), copies = Value::object(), stay = Value::array();
    for (const File& f : files_) {
      if (f.group < 0)
        rejected.set(f.name, f.reason);
      else
        groups[static_cast<std::size_t>(f.group)].push_back(&f);
    }
    for (const auto& group : groups) {
      const File* best = *std::min_element(group.begin(), group.end(), [](auto* a, auto* b) {
        return std::tuple(b->pixels, b->bytes, a->sha256, a->name) <
               std::tuple(a->pixels, a->bytes, b->sha256, b->name);
      });
      stay.push(best->name);
      for (const File* f : group)
        if (f != best)
          copies.set(f->name, Value::object({{"of", best->name}, {"kind", kind(group, *f)}}));
    }
    std::string urls;
    for (const File& f : files_)
      urls += options_.http + "/" + f.name + " " + f.sha256 + " " + f.name + "\n";
    if (!options_.http.empty())
      if (auto s = write("urls.txt", urls); !s.ok()) return s;
    auto config = Value::object(
        {{"name", "generated"},
         {"sources", Value::array({Value::object({{"folder", "images"}})})},
         {"label", Value::array({Value::object({{"by", "folder"}}), Value::object({{"by", "size"}}),
                                 Value::object({{"by", "colour"}})})}});
    if (auto s = write("dataset.json", config.pretty() + "\n"); !s.ok()) return s;
    return write(
        "expected.json",
        Value::object(
            {{"files", files_.size()}, {"stay", stay}, {"copies", copies}, {"rejected", rejected}})
                .pretty() +
            "\n");
  }

  // A copy whose content an earlier name has too is an exact one.
  static const char* kind(const std::vector<const File*>& group, const File& f) {
    bool exact = std::any_of(group.begin(), group.end(), [&](const File* other) {
      return other != &f && other->sha256 == f.sha256 && other->name < f.name;
    });
    return exact ? "exact" : "near";
  }

  Status write(const std::string& name, const std::string& text) {
    return write_file(join_path(options_.folder, name), text);
  }

  const GenerateOptions& options_;
  Dice dice_;
  std::vector<File> files_;
  int groups_ = 0, ways_ = 0;
};

}  // namespace

Status generate(const GenerateOptions& options) {
  if (auto s = make_folders(options.folder + "/images"); !s.ok()) return s;
  return Generator(options).run();
}

}  // namespace dataset
