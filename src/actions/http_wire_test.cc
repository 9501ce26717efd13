#include "actions/http_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace pawl::actions {
namespace {

using ::testing::HasSubstr;

TEST(HttpUrl, Parts) {
  auto url = *parse_url("HTTPS://Example.com:8443/a/b?c=d#e");
  EXPECT_TRUE(url.tls);
  EXPECT_EQ(url.host, "example.com");
  EXPECT_EQ(url.port, 8443);
  EXPECT_EQ(url.target, "/a/b?c=d");
  EXPECT_EQ(url.origin(), "https://example.com:8443");
  EXPECT_EQ(parse_url("http://h?x")->target, "/?x");
  EXPECT_EQ(parse_url("http://[::1]:80/")->host, "::1");
  EXPECT_EQ(parse_url("http://[::1]/")->authority(), "[::1]");
}

TEST(HttpUrl, Refused) {
  for (auto text : {"", "example.com", "ftp://x/", "http://", "http://a b/", "http://a/\r\nX: y",
                    "http://user:pw@host/", "http://h:0/", "http://h:99999/", "http://h:x/",
                    "http://[::1/", "http://[g]/", "http://h\x80/", "http://ex%61mple/"}) {
    EXPECT_FALSE(parse_url(text).ok()) << text;
  }
  EXPECT_EQ(parse_url("http://u:hunter2@h/").error().message.find("hunter2"), std::string::npos);
}

TEST(HttpUrl, Redirects) {
  const auto base = *parse_url("http://h:8080/a/b?q");
  EXPECT_EQ(resolve_url(base, "/c")->target, "/c");
  EXPECT_EQ(resolve_url(base, "c")->target, "/a/c");
  EXPECT_EQ(resolve_url(base, "?x")->target, "/a/b?x");
  EXPECT_EQ(resolve_url(base, "//other/x")->host, "other");
  EXPECT_EQ(resolve_url(base, "https://o/")->tls, true);
}

struct Read {
  Status status;
  HttpResponseReader reader;
};

// Whole, and then byte by byte: the two must agree.
Read read(std::string_view text, bool then_close = false, bool head_only = false) {
  HttpResponseReader whole(head_only), slow(head_only);
  Status first = whole.feed(text), second = Ok{};
  for (std::size_t i = 0; i < text.size() && second.ok(); ++i)
    second = slow.feed(text.substr(i, 1));
  if (first.ok() && then_close) first = whole.close();
  if (second.ok() && then_close) second = slow.close();
  EXPECT_EQ(first.ok(), second.ok()) << text;
  EXPECT_EQ(whole.done(), slow.done()) << text;
  if (first.ok()) {
    EXPECT_EQ(whole.body, slow.body);
  }
  return {std::move(first), std::move(whole)};
}

TEST(HttpResponse, Framings) {
  auto by_length = read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello");
  EXPECT_TRUE(by_length.reader.done());
  EXPECT_EQ(by_length.reader.body, "hello");
  EXPECT_EQ(by_length.reader.header("x-a"), "1, 2");
  auto chunked = read(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n");
  EXPECT_TRUE(chunked.reader.done());
  EXPECT_EQ(chunked.reader.body, "hello!");
  auto by_close = read("HTTP/1.0 200 OK\n\nall of it", true);
  EXPECT_TRUE(by_close.status.ok());
  EXPECT_EQ(by_close.reader.body, "all of it");
  EXPECT_TRUE(read("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n").reader.done());
  EXPECT_TRUE(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, true).reader.done());
  auto later = read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(later.reader.status, 201);
}

TEST(HttpResponse, HostileOnesAreRefused) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const auto& text :
       {std::string("SSH-2.0-OpenSSH\r\n\r\n"), std::string("HTTP/1.1 2000 OK\r\n\r\n"),
        std::string("HTTP/1.1 abc\r\n\r\n"), ok + "no colon\r\n\r\n", ok + " folded: x\r\n\r\n",
        ok + "Content-Length: -1\r\n\r\n", ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", ok + "Content-Length: 99999999999\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        ok + "X: " + std::string(70'000, 'a')}) {
    EXPECT_FALSE(read(text).status.ok()) << text.substr(0, 80);
  }
  EXPECT_FALSE(read(ok + "Content-Length: 5\r\n\r\nhel", true).status.ok());
  EXPECT_FALSE(read("", true).status.ok());
}

TEST(HttpRequest, Rendered) {
  HttpRequest request;
  request.method = "POST";
  request.url = *parse_url("http://h:81/x?y");
  request.headers = {{"a", "b"}};
  request.body = "{}";
  request.has_body = true;
  EXPECT_EQ(render_request(request),
            "POST /x?y HTTP/1.1\r\nhost: h:81\r\nconnection: close\r\n"
            "a: b\r\ncontent-length: 2\r\n\r\n{}");
}

}  // namespace
}  // namespace pawl::actions
