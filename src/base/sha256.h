#pragma once
// SHA-256, for names that are contents: blobs, helpers, workflow versions, chunks. Checksums that
// only guard against accidents use the much faster crc32c (codec.h).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace pawl {

// One digest over pieces: update() any number of times, then one of the two ends, once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::string_view bytes);
  std::string digest();  // 32 bytes
  std::string hex();     // 64 lower-case digits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);
// Two lower-case digits a byte.
std::string to_hex(std::string_view bytes);

}  // namespace pawl
