#include "dataset/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "dataset/arguments.h"
#include "dataset/label.h"

namespace dataset {
namespace {

using testing::HasSubstr;

const std::vector<std::string> kLabelers = {"colour", "folder", "size"};

pawl::Result<Config> parse(const std::string& text) {
  return parse_config(text, "d.json", "/data", kLabelers);
}

std::string error(const std::string& text) {
  auto config = parse(text);
  return config.ok() ? "" : config.status().message();
}

constexpr const char* kLeast = R"({"name": "x", "sources": [{"folder": "photos"}]})";

TEST(Config, TheLeastIsANameAndASource) {
  auto config = parse(kLeast);
  ASSERT_TRUE(config.ok()) << config.status().text();
  EXPECT_EQ(config->sources[0].path, "/data/photos");
  EXPECT_EQ(config->sources[0].name, "photos");
  EXPECT_EQ(config->batch, 200);
  EXPECT_EQ(config->split.size(), 3u);
}

TEST(Config, EverythingThatIsWrongIsToldWithItsPlace) {
  std::string text = R"({
  "name": "a name",
  "sorces": [],
  "sources": [{"folder": "a", "http": "b"},
              {"folder": "/x/p"}, {"files": "p.txt"}],
  "validate": {"max_pixels": "many", "min_width": 0},
  "label": [{"by": "face"}, {}],
  "split": {"parts": {"train": 0.5, "te st": 0.2}},
  "batch": 1.5
})";
  std::string all = error(text);
  EXPECT_THAT(all, HasSubstr("d.json:2:11: name: it is no name"));
  EXPECT_THAT(all, HasSubstr("d.json:3:13: sorces: there is no such member (did you mean "
                             "sources?)"));
  EXPECT_THAT(all, HasSubstr("d.json:4:15: sources[0]: a source has one of folder, files and"));
  EXPECT_THAT(all, HasSubstr("d.json:5:35: sources[2]: another source is called 'p' too"));
  EXPECT_THAT(all, HasSubstr("d.json:6:30: validate.max_pixels: expected an integer, found a "
                             "string"));
  EXPECT_THAT(all, HasSubstr("d.json:6:51: validate.min_width: 0 is out of range (1 to 65535)"));
  EXPECT_THAT(all, HasSubstr("d.json:7:20: label[0].by: there is no labeler 'face' (there are "
                             "colour, folder and size)"));
  EXPECT_THAT(all, HasSubstr("label[1]: it does not say by what"));
  EXPECT_THAT(all, HasSubstr("split.parts.te st: it is no name"));
  EXPECT_THAT(all, HasSubstr("split.parts: the shares do not add up to 1"));
  EXPECT_THAT(all, HasSubstr("d.json:9:12: batch: expected an integer, found a number"));
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 10);
}

TEST(Config, WhatIsNoJsonSaysWhere) {
  EXPECT_THAT(error("{\n  \"name\": \"x\",\n}"), HasSubstr("d.json"));
  EXPECT_THAT(error("{\n  \"name\": \"x\",\n}"), HasSubstr("3"));
  EXPECT_THAT(error("[]"), HasSubstr("expected an object, found an array"));
  EXPECT_THAT(error(R"({"name": "x"})"), HasSubstr("sources: it is missing"));
  EXPECT_THAT(error(R"({"name": "x", "sources": []})"), HasSubstr("it names no source"));
}

TEST(Config, TheJobFollowsFromWhatItSays) {
  auto a = parse(kLeast), b = parse(R"({ "sources": [{"folder": "photos"}],
     "name": "x", "batch": 200, "output": "elsewhere" })"),
       c = parse(R"({"name": "x", "sources": [{"folder": "photos"}], "batch": 100})");
  ASSERT_TRUE(a.ok() && b.ok() && c.ok());
  EXPECT_EQ(a->job(), b->job());
  EXPECT_NE(a->job(), c->job());
  EXPECT_EQ(a->job().substr(0, 2), "x-");
}

TEST(Config, IsReadBackFromARunsInput) {
  auto config = parse(R"({"name": "x", "sources": [{"folder": "p"}, {"http": "u.txt"}],
    "download": {"tries": 7}, "validate": {"max_bytes": 1000}, "deduplicate": {"distance": 9},
    "label": [{"by": "size", "small": 5}], "split": {"parts": {"b": 0.25, "a": 0.75}, "salt": "z"},
    "batch": 3})");
  ASSERT_TRUE(config.ok()) << config.status().text();
  auto again = config_of(config->to_value());
  ASSERT_TRUE(again.ok()) << again.status().text();
  EXPECT_EQ(again->to_value().json(), config->to_value().json());
  EXPECT_EQ(again->download.tries, 7);
  EXPECT_EQ(again->label[0].options.get("small").as_integer(), 5);
}

TEST(Arguments, AreReadOrSayWhatIsWrong) {
  auto a = read_arguments({"build", "c.json", "--dir", "out", "--threads", "4", "--json"});
  EXPECT_EQ(a.error, "");
  EXPECT_EQ(a.config, "c.json");
  EXPECT_EQ(a.dir, "out");
  EXPECT_EQ(a.threads, 4u);
  EXPECT_TRUE(a.json);
  EXPECT_EQ(read_arguments({"build"}).error, "build needs a config file");
  EXPECT_EQ(read_arguments({"build", "a", "b"}).error, "too many arguments: b");
  EXPECT_EQ(read_arguments({"biuld"}).error, "there is no command biuld");
  EXPECT_EQ(read_arguments({"status", "--dri"}).error, "there is no option --dri");
  EXPECT_EQ(read_arguments({"status", "--dir"}).error, "--dir needs a value");
  EXPECT_EQ(read_arguments({"resume", "--threads", "0"}).error,
            "--threads takes a number from 1 to 256");
  EXPECT_EQ(read_arguments({}).command, "help");
  EXPECT_EQ(read_arguments({"build", "--help"}).command, "help");
}

Labels labels_of(const std::string& by, const Image& image, const std::string& options = "{}") {
  Labels labels;
  auto labeler = builtin_labelers().make(by, *pawl::Value::parse(options));
  EXPECT_TRUE(labeler.ok()) << labeler.status().text();
  EXPECT_TRUE((*labeler)->label(image, labels).ok());
  return labels;
}

TEST(Labelers, ByFolder) {
  Image image{.name = "photos/birds/owls/1.jpg"};
  EXPECT_EQ(labels_of("folder", image)["class"].as_string(), "owls");
  EXPECT_EQ(labels_of("folder", image, R"({"level": 1})")["class"].as_string(), "birds");
  EXPECT_TRUE(labels_of("folder", image, R"({"level": 3})")["class"].is_null());
  EXPECT_TRUE(labels_of("folder", {.name = "photos/1.jpg"})["class"].is_null());
  EXPECT_FALSE(builtin_labelers().make("folder", *pawl::Value::parse(R"({"level": -1})")).ok());
}

TEST(Labelers, BySize) {
  EXPECT_EQ(labels_of("size", {.width = 100, .height = 100})["size"].as_string(), "small");
  EXPECT_EQ(labels_of("size", {.width = 2000, .height = 900})["size"].as_string(), "large");
  EXPECT_EQ(labels_of("size", {.width = 100, .height = 105})["aspect"].as_string(), "square");
  EXPECT_EQ(labels_of("size", {.width = 300, .height = 200})["aspect"].as_string(), "landscape");
  EXPECT_EQ(labels_of("size", {.width = 200, .height = 300})["aspect"].as_string(), "portrait");
  EXPECT_EQ(labels_of("size", {.width = 900, .height = 300})["aspect"].as_string(), "panorama");
}

TEST(Labelers, ByColour) {
  auto colour = [](int r, int g, int b) {
    Image image;
    image.features.red = r, image.features.green = g, image.features.blue = b;
    image.features.saturation = std::max({r, g, b}) - std::min({r, g, b});
    image.features.brightness = (r + g + b) / 3;
    return labels_of("colour", image);
  };
  EXPECT_EQ(colour(200, 20, 20)["colour"].as_string(), "red");
  EXPECT_EQ(colour(200, 190, 20)["colour"].as_string(), "yellow");
  EXPECT_EQ(colour(20, 200, 30)["colour"].as_string(), "green");
  EXPECT_EQ(colour(20, 200, 190)["colour"].as_string(), "cyan");
  EXPECT_EQ(colour(20, 20, 200)["colour"].as_string(), "blue");
  EXPECT_EQ(colour(200, 20, 200)["colour"].as_string(), "magenta");
  EXPECT_EQ(colour(90, 92, 94)["colour"].as_string(), "grey");
  EXPECT_EQ(colour(20, 20, 20)["tone"].as_string(), "dark");
  EXPECT_EQ(colour(240, 240, 240)["tone"].as_string(), "bright");
}

TEST(Labelers, AnotherOneIsARowInTheRegistry) {
  struct Length : Labeler {
    pawl::Status label(const Image& image, Labels& labels) const override {
      labels["length"] = image.name.size();
      return {};
    }
  };
  Labelers all = builtin_labelers();
  all.add("length", [](const pawl::Value&) -> pawl::Result<std::unique_ptr<Labeler>> {
    return std::unique_ptr<Labeler>(std::make_unique<Length>());
  });
  EXPECT_EQ(all.names(), (std::vector<std::string>{"colour", "folder", "length", "size"}));
  Labels labels;
  ASSERT_TRUE((*all.make("length", {}))->label({.name = "abc"}, labels).ok());
  EXPECT_EQ(labels["length"].as_integer(), 3);
  EXPECT_EQ(all.make("face", {}).status().message(), "there is no labeler 'face'");
}

}  // namespace
}  // namespace dataset
