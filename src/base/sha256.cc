#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/assert.h"

namespace pawl {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

// OpenSSL fails here only without memory, or where a build lacks SHA-256: neither can be handled.
Sha256::Sha256() : state_(std::make_unique<State>()) {
  PAWL_ASSERT(state_->context);
  PAWL_ASSERT(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) {
  PAWL_ASSERT(state_);
  PAWL_ASSERT(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::digest() {
  PAWL_ASSERT(state_);
  std::string out(32, '\0');
  unsigned length = 0;
  PAWL_ASSERT(EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(out.data()),
                                 &length) == 1);
  PAWL_ASSERT(length == out.size());
  state_.reset();
  return out;
}

std::string Sha256::hex() { return to_hex(digest()); }

std::string sha256_hex(std::string_view bytes) {
  Sha256 sum;
  sum.update(bytes);
  return sum.hex();
}

std::string to_hex(std::string_view bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (auto c : bytes) {
    out += kHex[static_cast<unsigned char>(c) >> 4];
    out += kHex[c & 15];
  }
  return out;
}

}  // namespace pawl
