#pragma once
// Test data with a known answer: images of patterns and noise, exact copies, near copies (encoded
// again, scaled, brightened) and files that are broken in sixteen ways. The same seed and count
// give the same files on every machine with the same image libraries.
//
// DIR/images/<class>/...   the files
// DIR/expected.json        which stay, which are copies of which, which are rejected and why
// DIR/dataset.json         a config over DIR/images
// DIR/urls.txt             the same files as a list for http, where a base address is given

#include <pawl/status.h>

#include <cstdint>
#include <string>

#include "dataset/image_encode.h"

namespace dataset {

// A sequence that depends on its seed alone (SplitMix64).
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  int below(int n) { return static_cast<int>(next() % static_cast<std::uint64_t>(n)); }
  int between(int least, int most) { return least + below(most - least + 1); }

 private:
  std::uint64_t state_;
};

// A picture that no other seed's resembles.
Picture draw_picture(Dice& dice, unsigned width, unsigned height);

// The ways to break a file, and the code of the reason it is rejected for.
struct Broken {
  std::string extension, bytes, reason;
};
constexpr int kWaysToBreak = 16;
Broken break_picture(const Picture& picture, int way);

struct GenerateOptions {
  std::string folder;
  int count = 1000;
  std::uint64_t seed = 1;
  std::string http;  // "http://127.0.0.1:8000": writes urls.txt too
};
pawl::Status generate(const GenerateOptions& options);

}  // namespace dataset
