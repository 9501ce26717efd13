#pragma once
// SHA-256 over pieces, by OpenSSL: names and checks of files. (The library's own is not public.)
// Not thread-safe.

#include <memory>
#include <string>
#include <string_view>

namespace dataset {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::string_view bytes);
  // Either of these ends it.
  std::string digest();  // 32 bytes
  std::string hex();     // 64 lower-case digits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);
// 64 hexadecimal digits, in lower case.
bool is_sha256(std::string_view text);

}  // namespace dataset
