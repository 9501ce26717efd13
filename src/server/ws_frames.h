#pragma once
// WebSocket (RFC 6455) as bytes: the server's side of the handshake, frames in, frames out. No I/O,
// no extensions. Control frames are handed out as they come, between the parts of a message; a
// message is handed out whole. What breaks the protocol ends it, with the close code that says so.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pawl::server {

// The Sec-WebSocket-Accept for a client's key; "" where the key is none.
std::string ws_accept(std::string_view key);

enum class WsKind : std::uint8_t { text, binary, ping, pong, close };

// One frame, as a server sends it: not masked, not fragmented.
std::string ws_frame(WsKind kind, std::string_view payload);
// A close frame. `code` 0: without a code.
std::string ws_close(std::uint16_t code, std::string_view why);

struct WsMessage {
  WsKind kind = WsKind::text;
  std::string payload;     // of close: the reason
  std::uint16_t code = 0;  // of close: its code; 0 where it brought none
};

class WsReader {
 public:
  explicit WsReader(std::size_t most) : most_(most) {}
  void feed(std::string_view bytes);
  // The next message. False: more bytes are needed, or error() is set.
  bool next(WsMessage& message);
  // The code to close with: 1002 the protocol was broken, 1007 text is no UTF-8, 1009 too large.
  // 0 while all is well.
  std::uint16_t error() const { return error_; }

 private:
  struct Header {
    std::uint8_t opcode = 0;
    bool final = false;
    std::uint64_t length = 0;
    std::size_t size = 0;  // of the header itself, with the mask
  };
  bool fail(std::uint16_t code);
  bool read_header(Header& header);
  bool check(const Header& header);
  bool check_text(bool final);
  bool take_close(std::string payload, WsMessage& message);

  const std::size_t most_;
  std::string in_;
  std::size_t at_ = 0;
  std::string parts_;              // of a message that has not ended
  std::uint8_t parts_opcode_ = 0;  // 0: none has begun
  std::size_t checked_ = 0;        // UTF-8 up to here
  std::uint16_t error_ = 0;
};

}  // namespace pawl::server
