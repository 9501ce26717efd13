// libwebp. It reports by return value; the file's frame (RIFF) is checked here.
#include <webp/decode.h>

#include <vector>

#include "dataset/image_formats.h"

namespace dataset {

namespace {

Rejection rejection_of(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return {Reason::truncated, "the picture is cut off"};
    case VP8_STATUS_OUT_OF_MEMORY:
      return {Reason::too_much_memory, "libwebp got no memory"};
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return {Reason::unsupported_format, "a feature that libwebp does not read"};
    default:
      return {Reason::corrupt, "libwebp: status " + std::to_string(status)};
  }
}

}  // namespace

Decoded decode_webp(Bytes file, const Limits& limits, RowSink& sink) {
  Decoded d;
  std::uint64_t size = file[4] | file[5] << 8 | file[6] << 16 | std::uint64_t{file[7]} << 24;
  WebPBitstreamFeatures features;
  auto status = WebPGetFeatures(file.data(), file.size(), &features);
  if (status != VP8_STATUS_OK) {
    d.rejection = rejection_of(status);
    return d;
  }
  d.width = static_cast<unsigned>(features.width);
  d.height = static_cast<unsigned>(features.height);
  if (features.has_animation) {
    d.rejection = {Reason::animated, "it has frames"};
    return d;
  }
  // The picture, and about as much again while it is being decoded.
  std::uint64_t pixels = std::uint64_t{d.width} * d.height;
  d.rejection = check_size(d.width, d.height, pixels * 8, limits);
  if (d.rejection.rejected()) return d;
  std::uint64_t whole = size + 8 + (size & 1);
  if (whole > file.size()) {
    d.rejection = {Reason::truncated, "its header says " + std::to_string(whole) +
                                          " bytes, the file has " + std::to_string(file.size())};
    return d;
  }

  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) {
    d.rejection = {Reason::corrupt, "another version of libwebp"};
    return d;
  }
  std::size_t row = std::size_t{d.width} * 4;
  std::vector<std::uint8_t> image(row * d.height);
  config.output.colorspace = MODE_RGBA;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {image.data(), static_cast<int>(row), image.size()};
  status = WebPDecode(file.data(), whole, &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) {
    d.rejection = rejection_of(status);
    return d;
  }
  d.rejection = check_trailing(file.size() - whole, limits);
  if (d.rejection.rejected()) return d;
  sink.begin(d.width, d.height);
  for (unsigned y = 0; y < d.height; ++y) {
    std::uint8_t* line = image.data() + y * row;
    flatten_row(line, d.width, line);
    sink.row(y, line);
  }
  return d;
}

}  // namespace dataset
