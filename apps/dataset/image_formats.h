#pragma once
// What the three decoders share; only image_decode*.cc include this. Each decoder gets bytes that
// begin with its signature, and reports rows, size and what is wrong.

#include <string>

#include "dataset/image_decode.h"

namespace dataset {

Decoded decode_jpeg(Bytes file, const Limits& limits, RowSink& sink);
Decoded decode_png(Bytes file, const Limits& limits, RowSink& sink);
Decoded decode_webp(Bytes file, const Limits& limits, RowSink& sink);

// What a header's size breaks, if anything. `memory`: what decoding will take at once.
Rejection check_size(std::uint64_t width, std::uint64_t height, std::uint64_t memory,
                     const Limits& limits);
// What follows after the image's end.
Rejection check_trailing(std::uint64_t bytes, const Limits& limits);

// One row over white: width * 4 bytes to width * 3. May work in place.
void flatten_row(const std::uint8_t* rgba, unsigned width, std::uint8_t* rgb);

}  // namespace dataset
