// UTF-8: what is valid, and what to make of what is not.
#include <cstring>

#include "base/text.h"

namespace pawl {

namespace {

// The length of the valid sequence at p, or 0. The tables are RFC 3629's: no overlong forms, no
// surrogates, nothing above U+10FFFF.
std::size_t sequence(const unsigned char* p, std::size_t left) {
  auto tail = [&](std::size_t i) { return i < left && (p[i] & 0xc0) == 0x80; };
  auto b = p[0];
  if (b < 0x80) return 1;
  if (b >= 0xc2 && b <= 0xdf) return tail(1) ? 2 : 0;
  if (b >= 0xe0 && b <= 0xef) {
    if (!tail(1) || !tail(2)) return 0;
    if ((b == 0xe0 && p[1] < 0xa0) || (b == 0xed && p[1] > 0x9f)) return 0;
    return 3;
  }
  if (b >= 0xf0 && b <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if ((b == 0xf0 && p[1] < 0x90) || (b == 0xf4 && p[1] > 0x8f)) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

std::size_t utf8_error(std::string_view text) {
  auto* p = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t at = 0;
  while (at < text.size()) {
    // Most text is ASCII: look at sixteen bytes at once.
    while (text.size() - at >= 16) {
      std::uint64_t a, b;
      std::memcpy(&a, p + at, 8);
      std::memcpy(&b, p + at + 8, 8);
      if ((a | b) & 0x8080808080808080u) break;
      at += 16;
    }
    // Then one by one until the ASCII run ends and the foreign run behind it, too.
    while (at < text.size() && p[at] < 0x80)
      at++;
    while (at < text.size() && p[at] >= 0x80) {
      auto length = sequence(p + at, text.size() - at);
      if (length == 0) return at;
      at += length;
    }
  }
  return std::string_view::npos;
}

bool valid_utf8(std::string_view text) { return utf8_error(text) == std::string_view::npos; }

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  while (true) {
    auto bad = utf8_error(text);
    out += text.substr(0, bad);
    if (bad == std::string_view::npos) return out;
    out += "\xef\xbf\xbd";
    text.remove_prefix(bad + 1);
    // One replacement for a broken sequence, not one for each byte of it.
    while (!text.empty() && (static_cast<unsigned char>(text[0]) & 0xc0) == 0x80) {
      text.remove_prefix(1);
    }
  }
}

}  // namespace pawl
