#pragma once
// Bytes for the store: little-endian varints, length-prefixed strings, CRC-32C.
// Reader never trusts its input: past the end it returns zeroes and remembers that it failed, so
// that a decoder checks ok() once at its end.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace pawl {

static_assert(std::endian::native == std::endian::little, "u32() stores the machine's bytes");

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u32(std::uint32_t v) { out_.append(reinterpret_cast<const char*>(&v), 4); }
  void varint(std::uint64_t v) {
    while (v >= 0x80) {
      out_.push_back(static_cast<char>(v | 0x80));
      v >>= 7;
    }
    out_.push_back(static_cast<char>(v));
  }
  void zigzag(std::int64_t v) {
    varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
  }
  void bytes(std::string_view v) {
    varint(v.size());
    out_.append(v);
  }
  std::string& out() { return out_; }

 private:
  std::string& out_;
};

class Reader {
 public:
  explicit Reader(std::string_view in) : p_(in.data()), end_(in.data() + in.size()) {}
  std::uint8_t u8() {
    if (p_ == end_) {
      failed_ = true;
      return 0;
    }
    return static_cast<std::uint8_t>(*p_++);
  }
  std::uint32_t u32() {
    if (end_ - p_ < 4) {
      failed_ = true;
      p_ = end_;
      return 0;
    }
    std::uint32_t v;
    std::memcpy(&v, p_, 4);
    p_ += 4;
    return v;
  }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (p_ == end_) break;
      auto b = static_cast<std::uint8_t>(*p_++);
      v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
      if (!(b & 0x80)) return v;
    }
    failed_ = true;
    return 0;
  }
  std::int64_t zigzag() {
    auto v = varint();
    return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
  }
  std::string_view bytes() {
    auto n = varint();
    if (n > static_cast<std::uint64_t>(end_ - p_)) {
      failed_ = true;
      p_ = end_;
      return {};
    }
    std::string_view v(p_, n);
    p_ += n;
    return v;
  }
  bool at_end() const { return p_ == end_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - p_); }
  // Nothing was read past the end and every varint was whole.
  bool ok() const { return !failed_; }
  void fail() {
    failed_ = true;
    p_ = end_;
  }

 private:
  const char* p_;
  const char* end_;
  bool failed_ = false;
};

std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);

}  // namespace pawl
