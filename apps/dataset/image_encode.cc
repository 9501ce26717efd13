#include "dataset/image_encode.h"

#include <jpeglib.h>
#include <png.h>
#include <stdio.h>
#include <webp/encode.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace dataset {

std::string encode_jpeg(const Picture& picture, const JpegOptions& options) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);  // ends the process: only memory could be lacking
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = picture.width, info.image_height = picture.height;
  info.input_components = 3, info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, options.quality, TRUE);
  if (options.progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  for (unsigned y = 0; y < picture.height; ++y) {
    JSAMPROW row = const_cast<std::uint8_t*>(picture.at(0, y));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string file(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return file;
}

std::string encode_png(const Picture& picture, const PngOptions& options) {
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp p, png_bytep bytes, std::size_t size) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(bytes), size);
      },
      [](png_structp) {});
  png_set_IHDR(png, info, picture.width, picture.height, 8, PNG_COLOR_TYPE_RGB,
               options.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_level(png, 1);  // test data by the thousand
  std::vector<png_bytep> rows;
  for (unsigned y = 0; y < picture.height; ++y)
    rows.push_back(const_cast<png_bytep>(picture.at(0, y)));
  png_set_rows(png, info, rows.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  return file;
}

std::string encode_webp(const Picture& picture, float quality) {
  std::uint8_t* bytes = nullptr;
  std::size_t size = WebPEncodeRGB(picture.rgb.data(), static_cast<int>(picture.width),
                                   static_cast<int>(picture.height),
                                   static_cast<int>(picture.width * 3), quality, &bytes);
  std::string file(reinterpret_cast<char*>(bytes), size);
  WebPFree(bytes);
  return file;
}

namespace {

// One axis: for each new pixel the old ones it covers, at least the two nearest.
struct Tap {
  unsigned from;
  std::vector<float> weights;
};

std::vector<Tap> taps(unsigned from, unsigned to) {
  std::vector<Tap> all(to);
  float ratio = static_cast<float>(from) / static_cast<float>(to);
  float reach = std::max(ratio, 1.0F);
  for (unsigned i = 0; i < to; ++i) {
    float centre = (static_cast<float>(i) + 0.5F) * ratio - 0.5F;
    int first = static_cast<int>(std::floor(centre - reach)) + 1;
    int last = static_cast<int>(std::ceil(centre + reach)) - 1;
    first = std::clamp(first, 0, static_cast<int>(from) - 1);
    last = std::clamp(last, first, static_cast<int>(from) - 1);
    float sum = 0;
    all[i].from = static_cast<unsigned>(first);
    for (int k = first; k <= last; ++k) {
      float w = std::max(1e-3F, 1 - std::fabs(static_cast<float>(k) - centre) / reach);
      all[i].weights.push_back(w);
      sum += w;
    }
    for (float& w : all[i].weights)
      w /= sum;
  }
  return all;
}

}  // namespace

Picture scaled(const Picture& picture, unsigned width, unsigned height) {
  auto across = taps(picture.width, width), down = taps(picture.height, height);
  std::vector<float> middle(std::size_t{width} * picture.height * 3);
  for (unsigned y = 0; y < picture.height; ++y) {
    for (unsigned x = 0; x < width; ++x) {
      for (unsigned c = 0; c < 3; ++c) {
        float sum = 0;
        for (unsigned k = 0; k < across[x].weights.size(); ++k)
          sum += across[x].weights[k] * picture.at(across[x].from + k, y)[c];
        middle[(std::size_t{y} * width + x) * 3 + c] = sum;
      }
    }
  }
  Picture result{width, height, std::vector<std::uint8_t>(std::size_t{width} * height * 3)};
  for (unsigned y = 0; y < height; ++y) {
    for (unsigned x = 0; x < width; ++x) {
      for (unsigned c = 0; c < 3; ++c) {
        float sum = 0;
        for (unsigned k = 0; k < down[y].weights.size(); ++k)
          sum += down[y].weights[k] * middle[((down[y].from + std::size_t{k}) * width + x) * 3 + c];
        result.at(x, y)[c] = static_cast<std::uint8_t>(std::clamp(sum + 0.5F, 0.0F, 255.0F));
      }
    }
  }
  return result;
}

Picture brightened(const Picture& picture, int levels) {
  Picture result = picture;
  for (std::uint8_t& v : result.rgb)
    v = static_cast<std::uint8_t>(std::clamp(v + levels, 0, 255));
  return result;
}

}  // namespace dataset
