#include "dataset/http_fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

#include "dataset/sha256.h"
#include "dataset/source_list.h"
#include "dataset/unruly_server_testing.h"

namespace dataset {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class HttpFetchTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/pawl-dataset-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    for (int i = 0; i < 100'000; ++i)
      body_ += static_cast<char>('a' + i * i % 26);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  HttpWant want(const std::string& path, bool with_sha = true) {
    HttpWant w{.url = server_.base() + path, .part = part(), .name = path};
    w.options.tries = 4;
    if (with_sha) w.sha256 = sha256_hex(body_);
    return w;
  }
  HttpGot fetch(const HttpWant& w) {
    waits_ = 0;
    Patience patience{.stopped = [this] { return stop_; },
                      .wait =
                          [this](int) {
                            ++waits_;
                            return !stop_;
                          }};
    return fetch_.fetch(w, patience);
  }
  std::string part() const { return folder_ + "/x.part"; }
  std::string on_disk() const { return read_file(part()).value_or("nothing"); }

  std::string folder_, body_;
  UnrulyServer server_;
  HttpFetch fetch_;
  bool stop_ = false;
  int waits_ = 0;
};

TEST_F(HttpFetchTest, AWholeFile) {
  server_.serve("/f", {.body = body_});
  auto got = fetch(want("/f"));
  EXPECT_TRUE(got.status.ok()) << got.status.text();
  EXPECT_EQ(got.digest.sha256, sha256_hex(body_));
  EXPECT_EQ(got.digest.bytes, body_.size());
  EXPECT_EQ(on_disk(), body_);
  EXPECT_FALSE(file_exists(part() + ".etag"));
}

TEST_F(HttpFetchTest, AnEmptyFile) {
  server_.serve("/f", {});
  auto w = want("/f");
  w.sha256 = sha256_hex("");
  auto got = fetch(w);
  EXPECT_TRUE(got.status.ok()) << got.status.text();
  EXPECT_EQ(got.digest.bytes, 0u);
}

// Every connection breaks after 30,000 bytes; what came is not asked for again.
TEST_F(HttpFetchTest, GoesOnWhereTheConnectionBroke) {
  for (bool with_sha : {true, false}) {
    std::filesystem::remove(part());
    server_.serve("/f", {.body = body_, .break_after = 30'000});
    auto got = fetch(want("/f", with_sha));
    EXPECT_TRUE(got.status.ok()) << got.status.text();
    EXPECT_EQ(on_disk(), body_);
    EXPECT_EQ(server_.of("/f").sent, body_.size());
    EXPECT_THAT(server_.of("/f").asked,
                ElementsAre("", "bytes=30000-", "bytes=60000-", "bytes=90000-"));
  }
}

// As after a kill: another process, with nothing but the part and its ETag.
TEST_F(HttpFetchTest, GoesOnWithAPartThatAnotherProcessLeft) {
  server_.serve("/f", {.body = body_, .break_after = 40'000});
  auto w = want("/f");
  {
    HttpFetch killed;
    auto got =
        killed.fetch(w, {.stopped = [] { return false; }, .wait = [](int) { return false; }});
    EXPECT_EQ(got.status.code(), pawl::Code::unavailable);
  }
  EXPECT_EQ(on_disk(), body_.substr(0, 40'000));
  HttpFetch another;
  server_.serve("/f", {.body = body_});
  auto got = another.fetch(w, {.stopped = [] { return false; }, .wait = [](int) { return true; }});
  EXPECT_TRUE(got.status.ok()) << got.status.text();
  EXPECT_EQ(server_.of("/f").sent, body_.size() - 40'000);
  EXPECT_EQ(on_disk(), body_);
}

TEST_F(HttpFetchTest, AWholePartNeedsNoRequest) {
  ASSERT_TRUE(write_file(part(), body_).ok());
  server_.serve("/f", {.body = body_});
  EXPECT_TRUE(fetch(want("/f")).status.ok());
  EXPECT_EQ(server_.of("/f").requests, 0);
}

TEST_F(HttpFetchTest, AServerThatIgnoresRangeSendsItAllAgain) {
  server_.serve("/f", {.body = body_, .break_after = 30'000, .breaks = 1, .ranges = false});
  auto got = fetch(want("/f"));
  EXPECT_TRUE(got.status.ok()) << got.status.text();
  EXPECT_EQ(on_disk(), body_);
}

TEST_F(HttpFetchTest, AFileThatChangedMeanwhileIsFetchedAnew) {
  std::string other = body_;
  std::reverse(other.begin(), other.end());
  server_.serve(
      "/f",
      {.body = other, .break_after = 30'000, .breaks = 1, .change_after = 1, .changed = body_});
  auto got = fetch(want("/f", false));
  EXPECT_TRUE(got.status.ok()) << got.status.text();
  EXPECT_EQ(on_disk(), body_) << "never half of one and half of the other";
}

// Without If-Range only the checksum can tell.
TEST_F(HttpFetchTest, AFileThatChangedBehindItsETagIsNoticedByItsChecksum) {
  std::string other = body_;
  std::reverse(other.begin(), other.end());
  server_.serve("/f", {.body = other,
                       .break_after = 30'000,
                       .breaks = 1,
                       .if_range = false,
                       .change_after = 1,
                       .changed = body_});
  auto got = fetch(want("/f"));
  EXPECT_TRUE(got.status.ok()) << got.status.text();
  EXPECT_EQ(on_disk(), body_);
}

TEST_F(HttpFetchTest, WithoutETagAndChecksumItBeginsAnew) {
  server_.serve("/f", {.body = body_, .etag = "", .break_after = 30'000, .breaks = 1});
  EXPECT_TRUE(fetch(want("/f", false)).status.ok());
  EXPECT_THAT(server_.of("/f").asked, ElementsAre("", ""));
  EXPECT_EQ(on_disk(), body_);
}

TEST_F(HttpFetchTest, AWeakETagIsNone) {
  server_.serve("/f", {.body = body_, .etag = "W/\"1\"", .break_after = 30'000, .breaks = 1});
  EXPECT_TRUE(fetch(want("/f", false)).status.ok());
  EXPECT_THAT(server_.of("/f").asked, ElementsAre("", ""));
}

TEST_F(HttpFetchTest, AnotherContentIsRejectedAfterASecondLook) {
  server_.serve("/f", {.body = "something else"});
  auto got = fetch(want("/f"));
  EXPECT_TRUE(got.status.ok());
  EXPECT_EQ(got.rejection.reason, Reason::checksum_mismatch);
  EXPECT_EQ(got.requests, 2);
  EXPECT_FALSE(file_exists(part()));
}

TEST_F(HttpFetchTest, LiesAboutTheLength) {
  server_.serve("/long", {.body = body_, .length_off = 10});
  auto got = fetch(want("/long"));
  EXPECT_TRUE(got.status.ok()) << "all that there is came, and the checksum says so";
  EXPECT_EQ(server_.of("/long").requests, 1);
  std::filesystem::remove(part());
  server_.serve("/short", {.body = body_, .length_off = -10});
  got = fetch(want("/short"));
  EXPECT_EQ(got.rejection.reason, Reason::checksum_mismatch) << got.rejection.detail;
}

TEST_F(HttpFetchTest, TroubleThatPassesIsWaitedFor) {
  server_.serve("/f", {.body = body_, .statuses = {503, 429, 500}});
  EXPECT_TRUE(fetch(want("/f")).status.ok());
  EXPECT_EQ(waits_, 3);
  server_.serve("/g", {.body = body_, .statuses = {500, 500, 500, 500}});
  std::filesystem::remove(part());
  auto got = fetch(want("/g"));
  EXPECT_EQ(got.status.code(), pawl::Code::failed);
  EXPECT_THAT(got.status.message(), HasSubstr("/g: the server answered 500, 4 times"));
}

TEST_F(HttpFetchTest, WhatWillNeverComeIsRejected) {
  EXPECT_EQ(fetch(want("/nothing")).rejection.reason, Reason::not_found);
  server_.serve("/f", {.body = body_, .statuses = {403, 403, 403, 403}});
  EXPECT_EQ(fetch(want("/f")).rejection.reason, Reason::refused);
  EXPECT_EQ(waits_, 0);
  for (const char* url : {"file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/",
                          "http://", "no address at all"}) {
    auto w = want("/f");
    w.url = url;
    EXPECT_EQ(fetch(w).rejection.reason, Reason::bad_url) << url;
  }
}

TEST_F(HttpFetchTest, RedirectsAreFollowedAndCounted) {
  server_.serve("/f", {.body = body_});
  server_.serve("/a", {.location = "/f"});
  EXPECT_TRUE(fetch(want("/a")).status.ok());
  EXPECT_EQ(on_disk(), body_);
  server_.serve("/circle", {.location = "/circle"});
  EXPECT_EQ(fetch(want("/circle", false)).rejection.reason, Reason::bad_url);
  EXPECT_EQ(server_.of("/circle").requests, 6) << "the first, and five redirects";
  server_.serve("/out", {.location = "file:///etc/passwd"});
  EXPECT_EQ(fetch(want("/out", false)).rejection.reason, Reason::bad_url);
}

TEST_F(HttpFetchTest, TooManyBytesStopTheTransfer) {
  server_.serve("/f", {.body = body_});
  auto w = want("/f");
  w.most = 50'000;
  auto got = fetch(w);
  EXPECT_EQ(got.rejection.reason, Reason::too_many_bytes);
  EXPECT_FALSE(file_exists(part()));
}

TEST_F(HttpFetchTest, StopsWhenAsked) {
  server_.serve("/f", {.body = body_});
  stop_ = true;
  auto got = fetch(want("/f"));
  EXPECT_EQ(got.status.code(), pawl::Code::unavailable);
}

TEST_F(HttpFetchTest, ADiskThatCannotBeWrittenIsNoFaultOfTheFile) {
  server_.serve("/f", {.body = body_});
  auto w = want("/f");
  w.part = folder_ + "/no/such/folder/x.part";
  auto got = fetch(w);
  EXPECT_FALSE(got.status.ok());
  EXPECT_FALSE(got.rejection.rejected());
}

class SourceListTest : public HttpFetchTest {
 protected:
  void put(const std::string& name, const std::string& text) {
    std::string path = folder_ + "/" + name;
    ASSERT_TRUE(make_folders(folder_of(path)).ok());
    ASSERT_TRUE(write_file(path, text).ok());
  }
  pawl::Result<std::vector<Item>> list(Source::Kind kind, const std::string& path) {
    return list_items({{.kind = kind, .path = folder_ + "/" + path, .name = "s"}});
  }
};

TEST_F(SourceListTest, AFolderWithAllBeneath) {
  put("p/b/2.jpg", "");
  put("p/a.jpg", "");
  put("p/.hidden", "");
  put("p/.git/x", "");
  put("p/\xff.jpg", "");
  std::filesystem::create_directory_symlink(folder_ + "/p", folder_ + "/p/again");
  auto items = list(Source::Kind::folder, "p");
  ASSERT_TRUE(items.ok()) << items.status().text();
  ASSERT_EQ(items->size(), 3u);
  EXPECT_THAT((*items)[0].name, HasSubstr("s/?.jpg~"));
  EXPECT_EQ((*items)[0].reason, "bad_name");
  EXPECT_EQ((*items)[1].name, "s/a.jpg");
  EXPECT_EQ((*items)[2].name, "s/b/2.jpg");
}

TEST_F(SourceListTest, AListOfFiles) {
  std::string sha = sha256_hex("x");
  put("l.txt", "# a comment\n\nb.jpg " + sha + "\n./c/d.jpg\r\n");
  auto items = list(Source::Kind::files, "l.txt");
  ASSERT_TRUE(items.ok()) << items.status().text();
  ASSERT_EQ(items->size(), 2u);
  EXPECT_EQ((*items)[0].sha256, sha);
  EXPECT_EQ((*items)[0].from, folder_ + "/b.jpg");
  EXPECT_EQ((*items)[1].name, "s/c/d.jpg");
}

TEST_F(SourceListTest, AListOfAddresses) {
  put("u.txt", "http://h/a%20b.jpg?x=1 -\nhttp://h/2 " + sha256_hex("") + " cats/2.jpg\n");
  auto items = list(Source::Kind::http, "u.txt");
  ASSERT_TRUE(items.ok()) << items.status().text();
  EXPECT_THAT((*items)[0].name, testing::MatchesRegex("s/[0-9a-f]+-a_20b.jpg"));
  EXPECT_EQ((*items)[0].sha256, "");
  EXPECT_EQ((*items)[1].name, "s/cats/2.jpg");
}

TEST_F(SourceListTest, WhatIsWrongIsToldWithItsLine) {
  auto error = [&](const std::string& text, Source::Kind kind = Source::Kind::http) {
    put("l", text);
    auto items = list(kind, "l");
    return items.ok() ? "" : items.status().text();
  };
  EXPECT_THAT(error("http://a\nhttp://b 123\n"), HasSubstr("l:2: '123' is no SHA-256"));
  EXPECT_THAT(error("http://a - ../../etc/passwd\n"), HasSubstr("is no name for a file"));
  EXPECT_THAT(error("../x.jpg\n", Source::Kind::files), HasSubstr("is no name for a file"));
  EXPECT_THAT(error("a b c d\n"), HasSubstr("l:1: too many columns (URL [SHA256 [NAME]])"));
  EXPECT_THAT(error("http://a - x\nhttp://b - x\n"), HasSubstr("two files are called s/x"));
  EXPECT_THAT(error("http://a - x\nhttp://b - x/y\nhttp://c - x.z\n"),
              HasSubstr("s/x is a file, and a folder of s/x/y"));
}

}  // namespace
}  // namespace dataset
