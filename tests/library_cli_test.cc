// The command line beside a program that embeds the library: it reads what that one wrote, and
// leaves its steps alone.
#include <gtest/gtest.h>

#include "library/inside.h"
#include "tests/pawl_testing.h"

namespace pawl::e2e {
namespace {

std::unique_ptr<v1::Orchestrator> open(const Place& place) {
  v1::Options options;
  options.directory = place.file(".pawl");
  options.process_name = "embedder";
  auto opened = v1::Orchestrator::open(options);
  if (!opened.ok()) return nullptr;
  return *std::move(opened);
}

TEST(CliBesideTheLibrary, ShowsItsRuns) {
  Place place;
  {
    auto pawl = open(place);
    ASSERT_TRUE(pawl);
    v1::Workflow w("embedded");
    w.step("double", [](const int& n) { return 2 * n; });
    ASSERT_TRUE(pawl->define(w).ok());
    ASSERT_TRUE(pawl->execute("embedded", 21).ok());
    auto beside = place.pawl({"show", "1", "--json"});
    EXPECT_EQ(beside.code, 0) << beside.err;
    auto refused = place.pawl({"cancel", "1"});
    EXPECT_EQ(refused.code, 9) << refused.err;
    EXPECT_NE(refused.err.find("it belongs to embedder, pid "), std::string::npos) << refused.err;
  }
  auto shown = place.pawl({"show", "1", "--json"});
  ASSERT_EQ(shown.code, 0) << shown.err;
  auto json = shown.json();
  EXPECT_EQ(json["state"].as_string(), "completed");
  EXPECT_EQ(json["tasks"][std::size_t{0}]["outputs"]["value"].as_integer(), 42);
  EXPECT_EQ(place.pawl({"history", "1"}).code, 0);
}

}  // namespace
}  // namespace pawl::e2e
