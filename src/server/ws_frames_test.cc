#include "server/ws_frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "base/text.h"

namespace pawl::server {
namespace {

// A frame as a client sends it: masked.
std::string client_frame(int first, std::string_view payload, int length_form = 0) {
  std::string out(1, static_cast<char>(first));
  const auto n = payload.size();
  if (length_form == 0) length_form = n < 126 ? 1 : n <= 0xffff ? 2 : 8;
  if (length_form == 1) {
    out.push_back(static_cast<char>(0x80 | n));
  } else {
    out.push_back(static_cast<char>(length_form == 2 ? 0xfe : 0xff));
    for (int i = length_form - 1; i >= 0; --i)
      out.push_back(static_cast<char>((n >> (8 * i)) & 0xff));
  }
  const std::string_view mask = "\x37\xfa\x21\x3d";
  out += mask;
  for (std::size_t i = 0; i < n; ++i)
    out.push_back(static_cast<char>(payload[i] ^ mask[i & 3]));
  return out;
}

constexpr int kFinal = 0x80, kText = 1, kBinary = 2, kMore = 0, kClose = 8, kPing = 9, kPong = 10;

// What comes out of these bytes: "text:abc", "close:1000:bye", and "error:1002" at the end.
std::vector<std::string> read(std::string_view bytes, std::size_t step = 0) {
  WsReader reader(1000);
  std::vector<std::string> out;
  WsMessage m;
  const char* names[] = {"text", "binary", "ping", "pong", "close"};
  while (!bytes.empty()) {
    const auto n = step == 0 ? bytes.size() : std::min(step, bytes.size());
    reader.feed(bytes.substr(0, n));
    bytes.remove_prefix(n);
    while (reader.next(m)) {
      auto text = str(names[static_cast<int>(m.kind)], ":");
      if (m.kind == WsKind::close) text += str(m.code, ":");
      out.push_back(text + m.payload);
    }
  }
  if (reader.error() != 0) out.push_back(str("error:", reader.error()));
  return out;
}

using Seen = std::vector<std::string>;

TEST(WsFrames, TheHandshakeOfTheStandard) {
  EXPECT_EQ(ws_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  for (const char* bad : {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZ!==",
                          "dGhlIHNhbXBsZSBub25jZQ==dGhl", "dGhlIHNhbXBsZSBub25j===="})
    EXPECT_EQ(ws_accept(bad), "") << bad;
}

TEST(WsFrames, MessagesInPartsWithControlFramesBetween) {
  const auto bytes =
      str(client_frame(kText, "hel"), client_frame(kFinal | kPing, "are you there"),
          client_frame(kMore, ""), client_frame(kFinal | kMore, "lo"),
          client_frame(kFinal | kBinary, std::string(3, '\xff')),
          client_frame(kFinal | kText, std::string(200, 'x')), client_frame(kFinal | kPong, ""),
          client_frame(kFinal | kClose,
                       "\x03\xe8"
                       "bye"));
  const Seen want = {"ping:are you there",
                     "text:hello",
                     "binary:\xff\xff\xff",
                     "text:" + std::string(200, 'x'),
                     "pong:",
                     "close:1000:bye"};
  EXPECT_EQ(read(bytes), want);
  for (std::size_t step = 1; step < 40; ++step)
    EXPECT_EQ(read(bytes, step), want) << step;
}

TEST(WsFrames, WhatBreaksTheProtocolEndsIt) {
  struct Case {
    const char* what;
    std::string bytes;
    const char* error;
  };
  const Case cases[] = {
      {"not masked", std::string("\x81\x01x"), "error:1002"},
      {"a reserved bit", client_frame(0xc1, "x"), "error:1002"},
      {"a reserved code", client_frame(kFinal | 3, ""), "error:1002"},
      {"a reserved control code", client_frame(kFinal | 11, ""), "error:1002"},
      {"a ping in parts", client_frame(kPing, ""), "error:1002"},
      {"a long ping", client_frame(kFinal | kPing, std::string(126, 'x')), "error:1002"},
      {"a part of nothing", client_frame(kFinal | kMore, "x"), "error:1002"},
      {"a message in a message", client_frame(kText, "x") + client_frame(kFinal | kText, "y"),
       "error:1002"},
      {"a length that could be shorter", client_frame(kFinal | kText, "x", 2), "error:1002"},
      {"a long length that could be shorter", client_frame(kFinal | kText, "x", 8), "error:1002"},
      {"a negative length", std::string("\x81\xff\x80\0\0\0\0\0\0\0", 10), "error:1002"},
      {"an endless message", std::string("\x81\xff\x7f\0\0\0\0\0\0\0", 10), "error:1009"},
      {"a message too large", client_frame(kFinal | kText, std::string(1001, 'x')), "error:1009"},
      {"parts too large",
       client_frame(kText, std::string(600, 'x')) +
           client_frame(kFinal | kMore, std::string(401, 'x')),
       "error:1009"},
      {"no UTF-8", client_frame(kFinal | kText, "\xc3\x28"), "error:1007"},
      {"UTF-8 cut short", client_frame(kFinal | kText, "\xc3"), "error:1007"},
      {"a surrogate, before its end", client_frame(kText, "\xed\xa0"), "error:1007"},
      {"an overlong form, before its end", client_frame(kText, "\xe0\x80"), "error:1007"},
      {"beyond Unicode, before its end", client_frame(kText, "\xf4\x90"), "error:1007"},
      {"half a close code", client_frame(kFinal | kClose, "\x03"), "error:1002"},
      {"a code that never travels", client_frame(kFinal | kClose, "\x03\xed"), "error:1002"},
      {"a code of nobody", client_frame(kFinal | kClose, "\x07\xd0"), "error:1002"},
      {"a reason that is no UTF-8", client_frame(kFinal | kClose, "\x03\xe8\xff"), "error:1007"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(read(c.bytes), Seen{c.error}) << c.what;
}

TEST(WsFrames, CharactersMayBeCutBetweenParts) {
  const std::string text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf\xf4\x8f\xbf\xbfz";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const auto bytes = client_frame(kText, std::string_view(text).substr(0, cut)) +
                       client_frame(kFinal | kMore, std::string_view(text).substr(cut));
    EXPECT_EQ(read(bytes), Seen{"text:" + text}) << cut;
  }
}

TEST(WsFrames, SendsTheShortestForm) {
  EXPECT_EQ(ws_frame(WsKind::text, "hi"), "\x81\x02hi");
  EXPECT_EQ(ws_frame(WsKind::binary, std::string(126, 'x')).substr(0, 4),
            std::string("\x82\x7e\x00\x7e", 4));
  EXPECT_EQ(ws_frame(WsKind::binary, std::string(65536, 'x')).substr(0, 10),
            std::string("\x82\x7f\0\0\0\0\0\x01\0\0", 10));
  EXPECT_EQ(ws_close(1001, "x"), std::string("\x88\x03\x03\xe9x", 5));
  EXPECT_EQ(ws_close(0, ""), std::string("\x88\0", 2));
  EXPECT_EQ(ws_close(1000, std::string(500, 'x')).size(), 127u);
}

}  // namespace
}  // namespace pawl::server
