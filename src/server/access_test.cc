#include "server/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/fs_testing.h"
#include "base/text.h"

namespace pawl::server {
namespace {

using testing::HasSubstr;
using testing::Not;

HttpRequest with_token(const std::string& token) {
  HttpRequest r;
  r.method = "GET";
  r.host = "localhost:7070";
  if (!token.empty()) r.headers.emplace_back("authorization", str("Bearer ", token));
  return r;
}

class AccessTest : public testing::Test {
 protected:
  std::string create(const std::string& name, Role role, Time expires = kNever) {
    Token t;
    t.name = name;
    t.role = role;
    t.expires = expires;
    return create_token(dir.path(), t, clock.now()).value();
  }
  Access access(const std::string& address = "127.0.0.1", std::vector<std::string> hosts = {}) {
    return Access({dir.path(), address, std::move(hosts), false, &clock});
  }
  TempDir dir;
  ManualClock clock;
};

TEST_F(AccessTest, ALoopbackServerWithoutTokensIsOpenAndOneWithTokensIsNot) {
  auto door = access();
  EXPECT_EQ(door.identify(with_token("")).role, Role::admin);
  auto text = create("ci", Role::operator_);
  EXPECT_EQ(door.identify(with_token("")).role, Role::anyone);
  EXPECT_EQ(door.identify(with_token(text)).role, Role::operator_);
  EXPECT_EQ(door.identify(with_token(text)).name, "ci");
  EXPECT_EQ(door.identify(with_token("pawl_garbage")).role, Role::anyone);
  EXPECT_EQ(door.identify(with_token(text + "0")).role, Role::anyone);
  EXPECT_TRUE(remove_token(dir.path(), "ci").ok());
  create("other", Role::viewer);
  EXPECT_EQ(door.identify(with_token(text)).role, Role::anyone);
}

TEST_F(AccessTest, AServerOnTheNetworkIsNeverOpen) {
  for (const char* address : {"0.0.0.0", "192.168.1.7", "::"})
    EXPECT_EQ(access(address).identify(with_token("")).role, Role::anyone) << address;
}

TEST_F(AccessTest, ATokenCanBeRequiredOnALoopbackAddressToo) {
  Access door({dir.path(), "127.0.0.1", {}, true, &clock});
  EXPECT_EQ(door.identify(with_token("")).role, Role::anyone);
}

TEST_F(AccessTest, AFileThatCannotBeReadLetsNobodyIn) {
  auto door = access();
  EXPECT_EQ(door.identify(with_token("")).role, Role::admin);
  ASSERT_TRUE(write_file_atomic(dir.path() + "/tokens.json", "{", 0600).ok());
  EXPECT_EQ(door.identify(with_token("")).role, Role::anyone);
  ASSERT_TRUE(write_file_atomic(dir.path() + "/tokens.json",
                                R"({"tokens": [{"name": "a", "role": "root"}]})", 0600)
                  .ok());
  EXPECT_EQ(door.identify(with_token("")).role, Role::anyone);
}

TEST_F(AccessTest, TokensExpire) {
  auto text = create("short", Role::viewer, clock.now() + std::chrono::hours(1));
  auto door = access();
  EXPECT_EQ(door.identify(with_token(text)).role, Role::viewer);
  clock.advance(std::chrono::hours(1));
  EXPECT_EQ(door.identify(with_token(text)).role, Role::anyone);
  EXPECT_EQ(door.identify(with_token("")).role, Role::anyone);
}

TEST_F(AccessTest, TheFileHoldsNoTokenAndIsPrivate) {
  auto text = create("ci", Role::admin);
  EXPECT_EQ(text.size(), 5u + 64u);
  EXPECT_NE(text, create("cj", Role::admin));
  auto file = read_file(dir.path() + "/tokens.json").value();
  EXPECT_THAT(file, Not(HasSubstr(text.substr(5))));
  struct stat s {};
  ASSERT_EQ(::stat((dir.path() + "/tokens.json").c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777u, 0600u);
}

TEST_F(AccessTest, NamesAreChecked) {
  create("ci", Role::admin);
  auto problem = [&](const std::string& name, Role role, std::vector<std::string> queues = {}) {
    auto made =
        create_token(dir.path(), {name, role, std::move(queues), "", kNoTime, kNever}, clock.now());
    return made.ok() ? std::optional<Errc>() : made.error().code;
  };
  EXPECT_EQ(problem("ci", Role::admin), Errc::conflict);
  EXPECT_EQ(problem("a b", Role::admin), Errc::usage);
  EXPECT_EQ(problem("", Role::admin), Errc::usage);
  EXPECT_EQ(problem("x", Role::viewer, {"gpu"}), Errc::usage);
  EXPECT_EQ(problem("w", Role::worker, {"gpu"}), std::nullopt);
  auto tokens = read_tokens(dir.path()).value();
  EXPECT_EQ(tokens.back().queues, std::vector<std::string>{"gpu"});
  EXPECT_EQ(remove_token(dir.path(), "nobody").error().code, Errc::not_found);
}

TEST_F(AccessTest, OnlyOurNamesAreAnsweredTo) {
  auto ok = [](Access& door, const std::string& host, const std::string& origin = {},
               const std::string& site = {}) {
    HttpRequest r;
    r.method = "POST";
    r.host = host;
    if (!origin.empty()) r.headers.emplace_back("origin", origin);
    if (!site.empty()) r.headers.emplace_back("sec-fetch-site", site);
    return door.check_source(r).ok();
  };
  auto local = access("127.0.0.1", {"Pawl.example.org"});
  for (const char* host : {"localhost", "localhost:7070", "LOCALHOST:1", "127.0.0.1:80", "[::1]:80",
                           "pawl.example.org", "PAWL.example.org:443"}) {
    EXPECT_TRUE(ok(local, host)) << host;
  }
  for (const char* host : {"", "evil.org", "localhost.evil.org", "localhost:80x", "127.0.0.1:80:90",
                           "[::1", "10.0.0.1", "evil.org:7070", "localhost:7070@evil"}) {
    EXPECT_FALSE(ok(local, host)) << host;
  }
  EXPECT_TRUE(ok(local, "localhost:7070", "http://localhost:7070"));
  for (const char* origin : {"null", "http://evil.org", "http://localhost", "http://localhost:7071",
                             "http://localhost:7070.evil.org", "ftp://localhost:7070",
                             ""
                             "http://127.0.0.1:7070"}) {
    EXPECT_FALSE(ok(local, "localhost:7070", origin)) << origin;
  }
  EXPECT_FALSE(ok(local, "localhost:7070", "", "cross-site"));
  EXPECT_TRUE(ok(local, "localhost:7070", "", "same-origin"));
  auto wide = access("0.0.0.0");
  EXPECT_TRUE(ok(wide, "10.0.0.1:7070"));
  EXPECT_FALSE(ok(wide, "evil.org:7070"));
}

}  // namespace
}  // namespace pawl::server
