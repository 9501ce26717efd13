#include "server/http_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "base/text.h"

namespace pawl::server {
namespace {

using State = HttpReader::State;

HttpLimits small() {
  HttpLimits limits;
  limits.head_bytes = 1024;
  limits.target_bytes = 64;
  limits.fields = 8;
  limits.body_bytes = 100;
  return limits;
}

const HttpLimits kSmall = small();

// The status that these bytes are refused with; 0 where they are not.
int refusal(std::string_view bytes) {
  HttpReader reader(kSmall);
  return reader.feed(bytes) == State::refused ? reader.refusal().status : 0;
}

std::string get(std::string_view rest) {
  return str("GET / HTTP/1.1\r\nHost: example.com\r\n", rest);
}

TEST(HttpReader, ReadsAHead) {
  HttpReader reader(kSmall);
  ASSERT_EQ(reader.feed("POST /a/b%2Fc?x=1&y HTTP/1.1\r\nHost: example.com:80\r\nX-One:  a\t\r\n"
                        "x-one: b\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nab"),
            State::body);
  const auto& r = reader.request();
  EXPECT_EQ(r.method, "POST");
  EXPECT_EQ(r.path, "/a/b%2Fc");
  EXPECT_EQ(r.query, "x=1&y");
  EXPECT_EQ(r.host, "example.com:80");
  EXPECT_EQ(*r.header("x-one"), "a, b");
  EXPECT_EQ(r.header("x-two"), nullptr);
  EXPECT_TRUE(r.keep_alive);
  EXPECT_TRUE(r.expects_continue);
  EXPECT_TRUE(reader.amid());
  EXPECT_EQ(reader.feed("c"), State::complete);
  EXPECT_EQ(reader.request().body, "abc");
  EXPECT_EQ(reader.next(), State::head);
  EXPECT_FALSE(reader.amid());
}

TEST(HttpReader, OneRequestBehindAnother) {
  HttpReader reader(kSmall);
  const auto first = str("POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n",
                         "3;name=value\r\nabc\r\n0A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n");
  ASSERT_EQ(reader.feed(str(first, "GET /2 HTTP/1.0\r\n\r\n", get("\r\n"))), State::complete);
  EXPECT_EQ(reader.request().body, "abc0123456789");
  ASSERT_EQ(reader.next(), State::complete);
  EXPECT_EQ(reader.request().path, "/2");
  EXPECT_TRUE(reader.request().body.empty());
  EXPECT_FALSE(reader.request().keep_alive);
  ASSERT_EQ(reader.next(), State::complete);
  EXPECT_EQ(reader.request().host, "example.com");
  EXPECT_EQ(reader.next(), State::head);
}

TEST(HttpReader, ReadsTheSameHoweverItIsCut) {
  const auto text =
      str("\r\nPUT /x?q HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n",
          "\r\n5\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n");
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    HttpReader reader(kSmall);
    std::string_view rest = text;
    while (!rest.empty()) {
      const auto n = std::min<std::size_t>(rest.size(), 1 + random.below(round < 50 ? 1 : 9));
      reader.feed(rest.substr(0, n));
      rest.remove_prefix(n);
    }
    ASSERT_EQ(reader.state(), State::complete);
    EXPECT_EQ(reader.request().body, "hello!");
    EXPECT_EQ(reader.request().query, "q");
    EXPECT_FALSE(reader.request().keep_alive);
  }
}

TEST(HttpReader, TheProxysFormOfATarget) {
  HttpReader reader(kSmall);
  ASSERT_EQ(reader.feed("GET http://example.com/a?b HTTP/1.1\r\nHost: example.com\r\n\r\n"),
            State::complete);
  EXPECT_EQ(reader.request().path, "/a");
  EXPECT_EQ(reader.request().host, "example.com");
  EXPECT_EQ(refusal("GET http://example.com/ HTTP/1.1\r\nHost: example.org\r\n\r\n"), 400);
}

struct Refused {
  const char* what;
  std::string bytes;
  int status;
};

TEST(HttpReader, RefusesWhatCouldBeReadInTwoWays) {
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  const Refused cases[] = {
      {"length and coding", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"two lengths", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
      {"a list of lengths", post + "Content-Length: 3, 3\r\n\r\n", 400},
      {"a signed length", post + "Content-Length: +3\r\n\r\n", 400},
      {"a negative length", post + "Content-Length: -1\r\n\r\n", 400},
      {"a hex length", post + "Content-Length: 0x3\r\n\r\n", 400},
      {"a fraction", post + "Content-Length: 3.0\r\n\r\n", 400},
      {"an empty length", post + "Content-Length:\r\n\r\n", 400},
      {"an endless length", post + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {"white space before the colon", post + "Content-Length : 3\r\n\r\n", 400},
      {"a tab before the colon", post + "Transfer-Encoding\t: chunked\r\n\r\n", 400},
      {"a folded line", post + "X: a\r\n b\r\n\r\n", 400},
      {"a bare LF", "GET / HTTP/1.1\nHost: h\n\n", 400},
      {"a bare LF in the head", post + "X: a\nContent-Length: 3\r\n\r\n", 400},
      {"a bare CR in a value", post + "X: a\rTransfer-Encoding: chunked\r\n\r\n", 400},
      {"NUL in a value", post + std::string("X: a\0b\r\n\r\n", 10), 400},
      {"NUL in a name", post + std::string("X\0: a\r\n\r\n", 9), 400},
      {"a line without colon", post + "Content-Length\r\n\r\n", 400},
      {"an empty name", post + ": x\r\n\r\n", 400},
      {"two codings", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"a coding before", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"a coding behind", post + "Transfer-Encoding: chunked, identity\r\n\r\n", 501},
      {"a coding with a strange blank", post + "Transfer-Encoding: \vchunked\r\n\r\n", 400},
      {"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", get("Host: example.com\r\n\r\n"), 400},
      {"a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"a host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
      {"two origins", get("Origin: a\r\nOrigin: b\r\n\r\n"), 400},
      {"no version", "GET /\r\nHost: h\r\n\r\n", 400},
      {"another version", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
      {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"version 1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505},
      {"lower case version", "GET / http/1.1\r\nHost: h\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a space in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a tab for a space", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a fragment", "GET /#a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"no slash", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"bytes beyond ASCII", "GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"an asterisk", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a tunnel", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"a method of no meaning", "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"lower case method", "get / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"TLS", "\x16\x03\x01\x02", 400},
      {"another expectation", post + "Expect: tea\r\n\r\n", 417},
  };
  for (const auto& c : cases)
    EXPECT_EQ(refusal(c.bytes), c.status) << c.what;
}

TEST(HttpReader, RefusesBrokenChunks) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const Refused cases[] = {
      {"no size", head + "\r\n", 400},
      {"a blank before the size", head + " 3\r\nabc\r\n", 400},
      {"a blank behind it", head + "3 \r\nabc\r\n", 400},
      {"a sign", head + "+3\r\nabc\r\n", 400},
      {"hex notation", head + "0x3\r\nabc\r\n", 400},
      {"a size that overflows", head + "ffffffffffffffff1\r\n", 400},
      {"a chunk longer than it says", head + "3\r\nabcd\r\n", 400},
      {"a bare LF behind a size", head + "3\nabc\r\n", 400},
      {"a bare LF behind a chunk", head + "3\r\nabc\n0\r\n", 400},
      {"a control character", head + "3;a=\x01\r\nabc\r\n", 400},
      {"a size line without end", head + "3;" + std::string(300, 'x'), 400},
      {"a broken trailer", head + "0\r\nbroken\r\n\r\n", 400},
      {"a body beyond the bound", head + "40\r\n" + std::string(64, 'x') + "\r\n40\r\n", 413},
      {"one chunk beyond the bound", head + "fffffffffffff\r\n", 413},
  };
  for (const auto& c : cases)
    EXPECT_EQ(refusal(c.bytes), c.status) << c.what;
}

TEST(HttpReader, BoundsEverything) {
  EXPECT_EQ(refusal(str("GET /", std::string(80, 'a'), " HTTP/1.1\r\nHost: h\r\n\r\n")), 414);
  EXPECT_EQ(refusal(str("GET /", std::string(2000, 'a'))), 414);
  EXPECT_EQ(refusal(get(str("X: ", std::string(2000, 'a')))), 431);
  std::string many;
  for (int i = 0; i < 9; ++i)
    many += str("X-", i, ": y\r\n");
  EXPECT_EQ(refusal(get(many + "\r\n")), 431);
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n"), 413);
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n"), 0);
}

TEST(HttpReader, ABodyMayBeBoundedOnceTheHeadIsKnown) {
  HttpReader reader(kSmall);
  ASSERT_EQ(reader.feed("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\nab"), State::body);
  EXPECT_EQ(reader.bound_body(19), State::refused);
  EXPECT_EQ(reader.refusal().status, 413);

  HttpReader chunked(kSmall);
  ASSERT_EQ(chunked.feed("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"),
            State::body);
  EXPECT_EQ(chunked.bound_body(4), State::body);
  EXPECT_EQ(chunked.feed("5\r\nhello\r\n"), State::refused);
}

TEST(HttpReader, SmallChunksCostNoMoreThanTheyBring) {
  HttpLimits limits;
  HttpReader reader(limits);
  reader.feed("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = str("1;", std::string(200, 'x'), "\r\na\r\n");
  int chunks = 0;
  while (reader.feed(chunk) == State::body && chunks < 100'000)
    ++chunks;
  EXPECT_EQ(reader.state(), State::refused);
  EXPECT_LT(chunks, 10'000);
}

TEST(PercentDecode, Decodes) {
  std::string out;
  EXPECT_TRUE(percent_decode("a%2Fb%c3%A9+", false, out));
  EXPECT_EQ(out, "a/b\xc3\xa9+");
  EXPECT_TRUE(percent_decode("a+b", true, out));
  EXPECT_EQ(out, "a b");
  for (const char* bad : {"%", "%4", "%4g", "%00", "a%zz"})
    EXPECT_FALSE(percent_decode(bad, false, out)) << bad;
}

}  // namespace
}  // namespace pawl::server
