#include "server/ws_frames.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <utility>

#include "base/text.h"

namespace pawl::server {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::uint8_t kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;

std::string base64(const unsigned char* bytes, std::size_t n) {
  std::string out(4 * ((n + 2) / 3) + 1, '\0');
  const int size =
      ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes, static_cast<int>(n));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::uint8_t opcode_of(WsKind kind) {
  switch (kind) {
    case WsKind::text:
      return kText;
    case WsKind::binary:
      return kBinary;
    case WsKind::ping:
      return kPing;
    case WsKind::pong:
      return kPong;
    case WsKind::close:
      return kClose;
  }
  return kBinary;
}

// Codes that may travel: those of the standard that do, and the open ranges.
bool may_travel(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

void put_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i)
    out.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (char c : bytes)
    value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

// Whether these few bytes are the beginning of a character.
bool begins_character(std::string_view bytes) {
  if (bytes.size() > 3) return false;
  for (const char* rest : {"\x80\x80\x80", "\xa0\x80\x80", "\x90\x80\x80"}) {
    for (std::size_t n = 1; n <= 3; ++n)
      if (valid_utf8(str(bytes, std::string_view(rest, n)))) return true;
  }
  return false;
}

}  // namespace

std::string ws_accept(std::string_view key) {
  unsigned char raw[24];
  const bool plausible = key.size() == 24 && key.ends_with("==") && key[21] != '=';
  if (!plausible || ::EVP_DecodeBlock(raw, reinterpret_cast<const unsigned char*>(key.data()),
                                      static_cast<int>(key.size())) != 18) {
    return {};
  }
  const std::string text = str(key, kGuid);
  unsigned char digest[SHA_DIGEST_LENGTH];
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return base64(digest, sizeof digest);
}

std::string ws_frame(WsKind kind, std::string_view payload) {
  std::string out;
  out.reserve(payload.size() + 10);
  out.push_back(static_cast<char>(0x80 | opcode_of(kind)));
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(payload.size()));
  } else if (payload.size() <= 0xffff) {
    out.push_back(126);
    put_big_endian(out, payload.size(), 2);
  } else {
    out.push_back(127);
    put_big_endian(out, payload.size(), 8);
  }
  out += payload;
  return out;
}

std::string ws_close(std::uint16_t code, std::string_view why) {
  std::string payload;
  if (code != 0) {
    put_big_endian(payload, code, 2);
    payload += why.substr(0, 123);
  }
  return ws_frame(WsKind::close, payload);
}

bool WsReader::fail(std::uint16_t code) {
  error_ = code;
  in_ = parts_ = std::string();
  at_ = 0;
  return false;
}

void WsReader::feed(std::string_view bytes) {
  if (error_ != 0) return;
  if (at_ > 0) {
    in_.erase(0, at_);
    at_ = 0;
  }
  in_ += bytes;
}

// False: more bytes are needed, or it is refused.
bool WsReader::read_header(Header& h) {
  const auto rest = std::string_view(in_).substr(at_);
  if (rest.size() < 2) return false;
  const auto first = static_cast<unsigned char>(rest[0]);
  const auto second = static_cast<unsigned char>(rest[1]);
  if ((first & 0x70) != 0) return fail(1002);   // no extension gives these bits a meaning
  if ((second & 0x80) == 0) return fail(1002);  // a client masks
  h.final = (first & 0x80) != 0;
  h.opcode = first & 0x0f;
  h.length = second & 0x7f;
  const std::size_t more = h.length == 126 ? 2 : h.length == 127 ? 8 : 0;
  h.size = 2 + more + 4;
  if (rest.size() < 2 + more) return h.opcode >= kClose && more > 0 ? fail(1002) : false;
  if (more > 0) {
    h.length = big_endian(rest.substr(2, more));
    const bool shortest = more == 2 ? h.length >= 126 : h.length > 0xffff;
    if (!shortest || h.length >> 63 != 0) return fail(1002);
  }
  return check(h) && rest.size() >= h.size;
}

bool WsReader::check(const Header& h) {
  const bool control = h.opcode >= kClose;
  if (control) {
    const bool known = h.opcode == kClose || h.opcode == kPing || h.opcode == kPong;
    return known && h.final && h.length <= 125 ? true : fail(1002);
  }
  if (h.opcode > kBinary) return fail(1002);
  if ((h.opcode == kContinuation) != (parts_opcode_ != 0)) return fail(1002);
  if (h.length > most_ || parts_.size() > most_ - h.length) return fail(1009);
  return true;
}

bool WsReader::take_close(std::string payload, WsMessage& message) {
  if (payload.size() == 1) return fail(1002);
  message.code = 0;
  if (payload.size() >= 2) {
    message.code = static_cast<std::uint16_t>(big_endian(std::string_view(payload).substr(0, 2)));
    if (!may_travel(message.code)) return fail(1002);
    payload.erase(0, 2);
    if (!valid_utf8(payload)) return fail(1007);
  }
  message.kind = WsKind::close;
  message.payload = std::move(payload);
  return true;
}

// Text that can no longer become UTF-8 is refused before its end has come.
bool WsReader::check_text(bool final) {
  const auto rest = std::string_view(parts_).substr(checked_);
  const auto wrong = utf8_error(rest);
  if (wrong == std::string_view::npos) {
    checked_ = parts_.size();
    return true;
  }
  checked_ += wrong;
  return !final && begins_character(rest.substr(wrong));
}

bool WsReader::next(WsMessage& message) {
  Header h;
  while (error_ == 0 && read_header(h)) {
    const auto available = in_.size() - at_ - h.size;
    if (available < h.length) return false;
    const auto length = static_cast<std::size_t>(h.length);
    std::string payload = in_.substr(at_ + h.size, length);
    const std::string_view mask = std::string_view(in_).substr(at_ + h.size - 4, 4);
    for (std::size_t i = 0; i < payload.size(); ++i)
      payload[i] = static_cast<char>(payload[i] ^ mask[i & 3]);
    at_ += h.size + length;
    if (h.opcode == kClose) return take_close(std::move(payload), message);
    if (h.opcode == kPing || h.opcode == kPong) {
      message = {h.opcode == kPing ? WsKind::ping : WsKind::pong, std::move(payload), 0};
      return true;
    }
    if (h.opcode != kContinuation) parts_opcode_ = h.opcode;
    parts_ += payload;
    if (parts_opcode_ == kText && !check_text(h.final)) return fail(1007);
    if (!h.final) continue;
    const bool text = std::exchange(parts_opcode_, 0) == kText;
    checked_ = 0;
    message = {text ? WsKind::text : WsKind::binary, std::exchange(parts_, {}), 0};
    return true;
  }
  return false;
}

}  // namespace pawl::server
