// libpng, after a walk of our own over the chunks: what is missing at the end, an animation, and
// bytes after IEND are seen before anything is decompressed. Its errors longjmp as libjpeg's do.
#include <png.h>
#include <setjmp.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include "dataset/image_formats.h"

namespace dataset {

namespace {

constexpr std::size_t kMaxChunkMemory = 8u << 20;  // one decompressed profile or text
constexpr int kMaxChunks = 1000;                   // ancillary ones that libpng keeps

struct Png {
  png_structp png;
  png_infop info;
  jmp_buf escape;
  char message[160];
  bool ended;  // asked for bytes past the end
  const std::uint8_t* next;
  std::size_t left;
};

Png& of(png_structp png) { return *static_cast<Png*>(png_get_error_ptr(png)); }

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  Png& p = of(png);
  std::snprintf(p.message, sizeof p.message, "%s", message);
  longjmp(p.escape, 1);
}

// Of libpng's warnings only a wrong checksum is damage, and that one is made an error below.
void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, std::size_t size) {
  Png& p = *static_cast<Png*>(png_get_io_ptr(png));
  if (size > p.left) {
    p.ended = true;
    png_error(png, "the file ends here");
  }
  std::memcpy(to, p.next, size);
  p.next += size, p.left -= size;
}

bool read_header(Png& p) {
  if (setjmp(p.escape)) return false;
  png_set_read_fn(p.png, &p, on_read);
  png_set_crc_action(p.png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_user_limits(p.png, 0x7fffffff, 0x7fffffff);  // ours say it better, after the header
  png_set_chunk_malloc_max(p.png, kMaxChunkMemory);
  png_set_chunk_cache_max(p.png, kMaxChunks);
  png_read_info(p.png, p.info);
  return true;
}

// Everything becomes RGBA of 8 bits. Returns the passes to make, 0 on error.
int set_up(Png& p) {
  if (setjmp(p.escape)) return 0;
  png_set_expand(p.png);
  png_set_scale_16(p.png);
  png_set_gray_to_rgb(p.png);
  png_set_add_alpha(p.png, 0xff, PNG_FILLER_AFTER);
  int passes = png_set_interlace_handling(p.png);
  png_read_update_info(p.png, p.info);
  if (png_get_channels(p.png, p.info) != 4 || png_get_bit_depth(p.png, p.info) != 8)
    png_error(p.png, "pixels of an unknown kind");
  return passes;
}

bool read_rows(Png& p, std::uint8_t* line, unsigned width, unsigned height, RowSink& sink) {
  if (setjmp(p.escape)) return false;
  for (unsigned y = 0; y < height; ++y) {
    png_read_row(p.png, line, nullptr);
    flatten_row(line, width, line);
    sink.row(y, line);
  }
  png_read_end(p.png, nullptr);
  return true;
}

bool read_passes(Png& p, std::uint8_t* image, int passes, unsigned width, unsigned height) {
  if (setjmp(p.escape)) return false;
  for (int pass = 0; pass < passes; ++pass)
    for (unsigned y = 0; y < height; ++y)
      png_read_row(p.png, image + std::size_t{y} * width * 4, nullptr);
  png_read_end(p.png, nullptr);
  return true;
}

std::uint64_t u32(Bytes b, std::size_t at) {
  return std::uint64_t{b[at]} << 24 | b[at + 1] << 16 | b[at + 2] << 8 | b[at + 3];
}

// What the chunks say by themselves. An animation counts only after the header could be read.
Rejection walk(Bytes file, const Limits& limits) {
  std::size_t at = 8;
  bool animated = false, data = false;
  while (true) {
    if (file.size() - at < 12)
      return {Reason::truncated, "the chunk at byte " + std::to_string(at) + " has no end"};
    std::uint64_t size = u32(file, at);
    const std::uint8_t* type = file.data() + at + 4;
    auto is = [&](const char* name) { return std::memcmp(type, name, 4) == 0; };
    if (at == 8) {
      if (!is("IHDR") || size != 13) return {Reason::corrupt, "the first chunk is not IHDR"};
      if (file.size() < 33) return {Reason::truncated, "the header is cut off"};
      auto r = check_size(u32(file, 16), u32(file, 20), 0, limits);
      if (r.rejected()) return r;
    }
    if (is("acTL") && !data) animated = true;
    if (is("IDAT")) data = true;
    if (size > file.size() - at - 12) {
      return {Reason::truncated, "the chunk at byte " + std::to_string(at) + " of " +
                                     std::to_string(size) + " bytes goes past the end"};
    }
    at += 12 + size;
    if (is("IEND")) break;
  }
  if (animated) return {Reason::animated, "it has an acTL chunk"};
  if (!data) return {Reason::corrupt, "no IDAT chunk"};
  return check_trailing(file.size() - at, limits);
}

Rejection rejection_of(const Png& p) {
  if (p.ended) return {Reason::truncated, p.message};
  return {Reason::corrupt, p.message};
}

void decode_rows(Png& p, Decoded& d, const Limits& limits, RowSink& sink) {
  std::uint64_t row = std::uint64_t{d.width} * 4;
  bool whole = png_get_interlace_type(p.png, p.info) != PNG_INTERLACE_NONE;
  d.rejection = check_size(d.width, d.height, whole ? row * d.height : row * 8, limits);
  if (d.rejection.rejected()) return;
  int passes = set_up(p);
  if (passes == 0) {
    d.rejection = rejection_of(p);
    return;
  }
  sink.begin(d.width, d.height);
  if (!whole) {
    std::vector<std::uint8_t> line(row);
    if (!read_rows(p, line.data(), d.width, d.height, sink)) d.rejection = rejection_of(p);
    return;
  }
  std::vector<std::uint8_t> image(row * d.height);
  if (!read_passes(p, image.data(), passes, d.width, d.height)) {
    d.rejection = rejection_of(p);
    return;
  }
  for (unsigned y = 0; y < d.height; ++y) {
    std::uint8_t* line = image.data() + y * row;
    flatten_row(line, d.width, line);
    sink.row(y, line);
  }
}

}  // namespace

Decoded decode_png(Bytes file, const Limits& limits, RowSink& sink) {
  Decoded d;
  d.rejection = walk(file, limits);
  if (d.rejection.rejected()) return d;
  Png p;
  std::memset(&p, 0, sizeof p);
  p.next = file.data(), p.left = file.size();
  p.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &p, on_error, on_warning);
  p.info = p.png ? png_create_info_struct(p.png) : nullptr;
  if (!p.info) {
    png_destroy_read_struct(&p.png, nullptr, nullptr);
    d.rejection = {Reason::too_much_memory, "libpng could not begin"};
    return d;
  }
  if (!read_header(p)) {
    d.rejection = rejection_of(p);
  } else {
    d.width = png_get_image_width(p.png, p.info);
    d.height = png_get_image_height(p.png, p.info);
    decode_rows(p, d, limits, sink);
  }
  png_destroy_read_struct(&p.png, &p.info, nullptr);
  return d;
}

}  // namespace dataset
