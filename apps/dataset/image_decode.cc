#include "dataset/image_decode.h"

#include <algorithm>
#include <array>
#include <optional>

#include "dataset/image_formats.h"

namespace dataset {

namespace {

using std::string_view_literals::operator""sv;

bool begins(Bytes file, std::string_view with, std::size_t at = 0) {
  return file.size() >= at + with.size() &&
         std::equal(with.begin(), with.end(), file.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

std::optional<Format> format_of(Bytes file) {
  if (begins(file, "\xff\xd8\xff"sv)) return Format::jpeg;
  if (begins(file, "\x89PNG\r\n\x1a\n"sv)) return Format::png;
  if (begins(file, "RIFF"sv) && begins(file, "WEBP"sv, 8)) return Format::webp;
  return std::nullopt;
}

// Images of kinds that are known by sight and not read.
const char* other_format(Bytes file) {
  if (begins(file, "GIF8"sv)) return "GIF";
  if (begins(file, "BM"sv) && file.size() > 26) return "BMP";
  if (begins(file, "II*\0"sv) || begins(file, "MM\0*"sv)) return "TIFF";
  if (begins(file, "ftypavif"sv, 4)) return "AVIF";
  if (begins(file, "ftyphei"sv, 4) || begins(file, "ftypmif1"sv, 4)) return "HEIF";
  if (begins(file, "\0\0\0\x0cJXL "sv) || begins(file, "\xff\x0a"sv)) return "JPEG XL";
  if (begins(file, "\0\0\0\x0cjP  "sv)) return "JPEG 2000";
  return nullptr;
}

std::optional<Format> format_of_extension(std::string_view name) {
  auto dot = name.rfind('.');
  if (dot == std::string_view::npos || name.find('/', dot) != std::string_view::npos)
    return std::nullopt;
  std::string ext(name.substr(dot + 1));
  std::transform(ext.begin(), ext.end(), ext.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (ext == "jpg" || ext == "jpeg" || ext == "jpe" || ext == "jfif") return Format::jpeg;
  if (ext == "png") return Format::png;
  if (ext == "webp") return Format::webp;
  return std::nullopt;
}

std::string first_bytes(Bytes file) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "it begins with";
  for (std::size_t i = 0; i < std::min<std::size_t>(file.size(), 8); ++i) {
    text += ' ';
    text += kDigits[file[i] >> 4];
    text += kDigits[file[i] & 15];
  }
  return text;
}

Decoded rejected(Reason reason, std::string detail) {
  Decoded d;
  d.rejection = {reason, std::move(detail)};
  return d;
}

}  // namespace

const char* to_string(Format format) {
  switch (format) {
    case Format::jpeg:
      return "jpeg";
    case Format::png:
      return "png";
    case Format::webp:
      return "webp";
  }
  return "";
}

Rejection check_size(std::uint64_t width, std::uint64_t height, std::uint64_t memory,
                     const Limits& limits) {
  std::string size = std::to_string(width) + " x " + std::to_string(height) + " pixels";
  if (width == 0 || height == 0) return {Reason::corrupt, size};
  if (width > limits.max_pixels / height)
    return {Reason::too_many_pixels, size + ", at most " + std::to_string(limits.max_pixels)};
  if (width < limits.min_width || height < limits.min_height) {
    return {Reason::too_small, size + ", at least " + std::to_string(limits.min_width) + " x " +
                                   std::to_string(limits.min_height)};
  }
  if (memory > limits.max_memory) {
    return {Reason::too_much_memory, size + " take " + std::to_string(memory) + " bytes, at most " +
                                         std::to_string(limits.max_memory)};
  }
  return {};
}

Rejection check_trailing(std::uint64_t bytes, const Limits& limits) {
  if (bytes <= limits.max_trailing_bytes) return {};
  return {Reason::trailing_data, std::to_string(bytes) + " bytes after the end of the image"};
}

void flatten_row(const std::uint8_t* rgba, unsigned width, std::uint8_t* rgb) {
  for (unsigned x = 0; x < width; ++x, rgba += 4, rgb += 3) {
    unsigned alpha = rgba[3];
    for (int c = 0; c < 3; ++c)
      rgb[c] = static_cast<std::uint8_t>((rgba[c] * alpha + 255 * (255 - alpha) + 127) / 255);
  }
}

Decoded decode_image(Bytes file, std::string_view name, const Limits& limits, RowSink& sink) {
  if (file.empty()) return rejected(Reason::empty, "");
  if (file.size() > limits.max_bytes) {
    return rejected(Reason::too_many_bytes, std::to_string(file.size()) + " bytes, at most " +
                                                std::to_string(limits.max_bytes));
  }
  auto format = format_of(file);
  if (!format) {
    if (const char* other = other_format(file)) {
      return rejected(Reason::unsupported_format,
                      std::string("it is ") + other + "; JPEG, PNG and WebP are read");
    }
    return rejected(Reason::not_an_image, first_bytes(file));
  }
  if (auto named = format_of_extension(name); named && *named != *format) {
    return rejected(Reason::wrong_extension,
                    std::string("named as ") + to_string(*named) + ", is " + to_string(*format));
  }
  Decoded d;
  switch (*format) {
    case Format::jpeg:
      d = decode_jpeg(file, limits, sink);
      break;
    case Format::png:
      d = decode_png(file, limits, sink);
      break;
    case Format::webp:
      d = decode_webp(file, limits, sink);
      break;
  }
  d.format = *format;
  return d;
}

}  // namespace dataset
