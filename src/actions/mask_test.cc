#include "actions/mask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pawl::actions {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Secrets = std::vector<std::pair<std::string, std::string>>;

TEST(Mask, EveryFormOfASecret) {
  const std::string secret = "p\"ss/w+rd é!";
  const Masker masker(Secrets{{"x", secret}});
  EXPECT_EQ(masker.masked("a " + secret + " b"), "a *** b");
  EXPECT_EQ(masker.masked("p\\\"ss/w+rd é!"), "***");
  EXPECT_EQ(masker.masked("u=p%22ss%2Fw%2Brd%20%C3%A9%21&"), "u=***&");
  for (std::size_t before = 0; before < 6; ++before) {
    for (std::size_t after = 0; after < 4; ++after) {
      const auto text = base64(std::string(before, 'q') + secret + std::string(after, 'z'));
      EXPECT_THAT(masker.masked(text), HasSubstr("***")) << before << ' ' << after;
    }
  }
}

TEST(Mask, LinesOfALongSecret) {
  const Masker masker(Secrets{{"key", "-----BEGIN KEY-----\nMIIEabcdefgh\n-----END KEY-----\n"}});
  EXPECT_EQ(masker.masked("MIIEabcdefgh"), "***");
}

TEST(Mask, ShortValuesStay) { EXPECT_TRUE(Masker(Secrets{{"a", "abc"}, {"b", ""}}).empty()); }

TEST(Mask, CutsBetweenSecrets) {
  const Masker masker(Secrets{{"x", "secret-value"}});
  EXPECT_EQ(masker.safe_cut("aaaa secret-value bbbb", 10), 5u);
  EXPECT_EQ(masker.safe_cut("aaaa secret-value bbbb", 5), 5u);
  EXPECT_EQ(masker.safe_cut("aaaa secret-value bbbb", 17), 17u);
}

TEST(Base64, KnownAnswers) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace pawl::actions
