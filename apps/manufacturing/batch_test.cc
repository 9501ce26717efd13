// Batches: the shapes they come in, what is missing, and what is refused and where.
#include "manufacturing/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manufacturing/batch_testing.h"
#include "manufacturing/timestamp.h"

namespace manufacturing {
namespace {

class BatchTest : public testing::Test {
 protected:
  ReadBatch read(const std::string& json, BatchLimits limits = {}) {
    auto b = read_batch(folder_, json, limits);
    EXPECT_TRUE(b.status.ok()) << b.status.text();
    return b;
  }
  std::string refusal(const std::string& json, BatchLimits limits = {}) {
    auto whole = read_batch(folder_, json, limits), pieces = read_batch(folder_, json, limits, 1);
    EXPECT_EQ(whole.status.text(), pieces.status.text());
    EXPECT_EQ(whole.status.ok() ? pawl::Code::ok : pawl::Code::invalid, whole.status.code());
    return whole.status.text();
  }
  TestFolder folder_;
};

TEST_F(BatchTest, TheSameReadingsInEveryShape) {
  const char* shapes[] = {
      R"({"sensors": {"a": [1, null, 3], "b": [4, 5, 6]}, "timestamps": [10, 20, 30]})",
      R"({"timestamps": [10, 20, 30], "sensor_data": {"b": [4, 5, 6], "a": [1, NaN, 3]}})",
      R"({"sensors": {"a": {"unit": "C", "values": [1, "NaN", 3], "timestamps": [10, 20, 30]},
                      "b": {"times": [10, 20, 30], "values": [4, 5, 6]}}})",
      R"({"sensors": [{"sensor": "a", "values": [1, null, 3], "timestamps": [10, 20, 30]},
                      {"times": [10, 20, 30], "readings": [4, 5, 6], "sensor_id": "b"}]})",
      R"({"sensors": {"a": [{"value": 1, "timestamp": 10}, {"timestamp": 20, "value": null},
                            {"value": 3, "time": 30}],
                      "b": [{"value": 4, "ts": 10}, {"value": 5, "ts": 20},
                            {"value": 6, "ts": 30}]}})",
      R"({"readings": [{"sensor": "a", "value": 1, "timestamp": 10},
                       {"sensor": "b", "value": 4, "timestamp": 10, "unit": {"x": [1]}},
                       {"timestamp": 20, "sensor": "a", "value": null},
                       {"sensor": "b", "value": 5, "timestamp": 20},
                       {"sensor": "b", "value": 6, "timestamp": 30},
                       {"sensor": "a", "value": 3, "timestamp": 30}]})",
      R"({"records": [{"timestamp": 10, "a": 1, "b": 4}, {"timestamp": 20, "b": 5},
                      {"b": 6, "a": 3, "timestamp": 30}]})",
      R"([{"a": 1, "b": 4, "time": 10}, {"a": "", "b": 5, "time": 20},
          {"a": 3, "b": 6, "time": 30}])",
      R"({"a": [1, null, 3], "b": [4, 5, 6], "timestamps": [10, 20, 30], "tags": ["x", "y"]})",
  };
  for (const char* json : shapes) {
    SCOPED_TRACE(json);
    auto b = read(json);
    if (!b.file) continue;
    EXPECT_EQ(b.file->sensors().size(), 2u);
    EXPECT_EQ(b.values("a"), "1 _ 3");
    EXPECT_EQ(b.values("b"), "4 5 6");
    auto times = b.times("a");
    EXPECT_TRUE(times == "10 20 30" || times == "10 _ 30") << times;
    EXPECT_EQ(b.times("b"), "10 20 30");
    EXPECT_EQ(b.facts.readings, 5u);
    EXPECT_EQ(b.facts.positions, 6u);
    EXPECT_FALSE(b.facts.text_times);
  }
}

TEST_F(BatchTest, WhatIsMissingKeepsItsPosition) {
  auto b = read(R"({"sensors": {"a": [null, NaN, "NaN", "n/a", "", "None", -Infinity, 7, null]}})");
  EXPECT_EQ(b.values("a"), "_ _ _ _ _ _ _ 7 _");
  b = read(R"([{"x": 1}, {}, {"y": 2}, {"x": 3}, {"y": null, "z": 1}])");
  EXPECT_EQ(b.values("x"), "1 _ _ 3 _");
  EXPECT_EQ(b.values("y"), "_ _ 2 _ _");
  EXPECT_EQ(b.values("z"), "_ _ _ _ 1");
  b = read(R"({"sensors": {"none": [], "nulls": [null, null], "one": [5]}})");
  EXPECT_EQ(b.values("none"), "");
  EXPECT_EQ(b.values("nulls"), "_ _");
  EXPECT_EQ(b.values("one"), "5");
}

TEST_F(BatchTest, ATableThatIsMostlyEmptyTakesLittleRoom) {
  std::string json = "[";
  for (int row = 0; row < 20'000; ++row)
    json += (row ? "," : "") + std::string("{\"s") + std::to_string(row % 500) + "\": 1}";
  auto b = read(json + "]");
  EXPECT_EQ(b.facts.positions, 500u * 20'000);
  EXPECT_EQ(b.facts.readings, 20'000u);
  EXPECT_EQ(b.sensor("s7")->values.positions, 20'000u);
  auto size = read_file(folder_.at("columns.bin")).value().size();
  EXPECT_LT(size, 20'000u * 2 * sizeof(double) + 500 * 200);
}

TEST_F(BatchTest, TextBesideNumbersIsLeftOut) {
  auto b = read(R"([{"id": "u1", "ok": true, "a": 1}, {"id": "u2", "ok": false, "a": 2},
                    {"id": null, "a": 3}])");
  EXPECT_EQ(b.names(), "a");
  EXPECT_THAT(b.facts.ignored, testing::ElementsAre("id", "ok"));
  EXPECT_EQ(refusal(R"([{"id": "u1", "a": 1}, {"id": 2, "a": 1}])"),
            "b.json:1:31: \"id\" was text before, now it is a number");
  EXPECT_EQ(refusal(R"([{"a": 1}, {"a": "broken"}])"),
            "b.json:1:18: a reading must be a number, this is the string \"broken\"");
}

TEST_F(BatchTest, FactsBesideTheReadings) {
  auto b = read(R"({"batch_id": "B-1", "line": 3, "shift": "night", "hot": true, "x": null,
                    "parts": [1, 2], "recipe": {"a": [1]}, "sensors": {"a": [1]}})");
  EXPECT_EQ(b.facts.id, "B-1");
  EXPECT_EQ(b.facts.about.json(), R"({"line":3.0,"shift":"night","hot":true})");
  EXPECT_EQ(b.names(), "a") << "readings have a member of their own, so parts is no sensor";
  EXPECT_EQ(b.facts.readings, 1u);
  EXPECT_EQ(read(R"({"batch": 17, "sensors": {"a": [1]}})").facts.id, "17");
}

TEST_F(BatchTest, TimestampsAsText) {
  auto b = read(R"({"sensors": {"a": {"values": [1, 2, 3],
      "timestamps": ["2026-01-01T00:00:00Z", null, "2026-01-01 01:00:30.5+01:00"]}}})");
  EXPECT_TRUE(b.facts.text_times);
  EXPECT_EQ(b.times("a"), "1767225600 _ 1767225630");  // to ten digits
  for (const auto& [text, seconds] :
       std::vector<std::pair<const char*, double>>{{"1970-01-01", 0},
                                                   {"1970-01-02T00:00", 86400},
                                                   {"1969-12-31T23:59:59.5", -0.5},
                                                   {"2000-02-29T12:30:15.25Z", 951827415.25},
                                                   {"2000-02-29T12:30:15-0330", 951840015},
                                                   {"2026-11-21T08:00:00+02", 1795240800}}) {
    ASSERT_TRUE(parse_timestamp(text)) << text;
    EXPECT_DOUBLE_EQ(*parse_timestamp(text), seconds) << text;
  }
  for (const char* text : {"", "now", "2026-13-01", "2026-02-30", "2026-1-1", "2026-01-01T25:00",
                           "2026-01-01T10:00:00X", "2026-01-01T10:00:00.", "2026-01-01T10",
                           "2026-01-01T10:00:00+99", "20260101"})
    EXPECT_FALSE(parse_timestamp(text)) << text;
  EXPECT_EQ(timestamp_text(951827415.25), "2000-02-29T12:30:15.250Z");
  EXPECT_EQ(timestamp_text(-0.5), "1969-12-31T23:59:59.500Z");
}

TEST_F(BatchTest, RefusesWithThePlace) {
  EXPECT_EQ(refusal("17"), "b.json:1:1: a batch is an object or an array, this is a number");
  EXPECT_EQ(refusal("{}"),
            "b.json:1:1: the batch has no readings: no member \"sensors\", \"readings\" or "
            "\"records\", and no arrays of numbers");
  EXPECT_EQ(refusal("[]"), "b.json:1:1: there are no records");
  EXPECT_EQ(refusal("[1]"), "b.json:1:2: a record is an object, this is a number");
  EXPECT_EQ(refusal(R"({"sensors": {}})"), "b.json:1:1: the batch has no sensors");
  EXPECT_EQ(refusal("{\"sensors\":\n {\"a\": [1, \"12,5\"]}}"),
            "b.json:2:12: a reading must be a number, this is the string \"12,5\"");
  EXPECT_EQ(refusal(R"({"sensors": {"a": [true]}})"),
            "b.json:1:20: a reading must be a number, this is a boolean");
  EXPECT_EQ(refusal(R"({"sensors": {"a": [[1]]}})"),
            "b.json:1:20: a reading must be a number, this is an array");
  EXPECT_EQ(refusal(R"({"sensors": {"a": [1e101]}})"),
            "b.json:1:20: a reading is larger than any measurement");
  EXPECT_EQ(refusal(R"({"sensors": {"a": 5}})"),
            "b.json:1:19: a sensor's readings are an array, this is a number");
  EXPECT_EQ(refusal(R"({"sensors": {"a": [1], "a": [2]}})"),
            "b.json:1:24: the sensor \"a\" is there twice");
  EXPECT_EQ(refusal(R"({"sensors": {"": [1]}})"), "b.json:1:14: a sensor has no name");
  EXPECT_EQ(refusal(R"({"sensors": {"a": {"unit": "C"}}})"),
            "b.json:1:19: a sensor has no \"values\"");
  EXPECT_EQ(refusal(R"({"sensors": {"a": [1]}, "readings": [{"a": 1}]})"),
            "b.json:1:25: readings came in \"sensors\" already, now in \"readings\"");
  EXPECT_EQ(refusal(R"({"sensors": {"a": [1, 2]}, "timestamps": [1]})"),
            "b.json:1:1: the sensor \"a\" has 2 readings and 1 timestamps");
  EXPECT_EQ(refusal(R"({"sensors": {"a": {"values": [1], "timestamps": ["soon"]}}})"),
            "b.json:1:50: \"soon\" is no timestamp (ISO 8601)");
  EXPECT_EQ(refusal(R"([{"time": 1, "a": 1}, {"time": "2026-01-01", "a": 2}])"),
            "b.json:1:32: timestamps are numbers in one place and strings in another");
}

TEST_F(BatchTest, RefusesRecordsThatDoNotFit) {
  EXPECT_EQ(refusal(R"([{"sensor": "a", "value": 1},
 {"sensor": "b", "valeu": 2}])"),
            "b.json:2:2: a reading has no \"value\"");
  EXPECT_EQ(refusal(R"([{"sensor": "a", "value": 1, "value": 2}])"),
            "b.json:1:30: \"value\" comes a second time");
  EXPECT_EQ(refusal(R"([{"sensor": true, "value": 1}])"),
            "b.json:1:13: a sensor's name is a string or a whole number");
  EXPECT_EQ(refusal(R"([{"a": 1, "a": 2}])"), "b.json:1:11: \"a\" is there twice in a record");
  EXPECT_EQ(refusal(R"([{"time": 1, "ts": 2, "a": 2}])"),
            "b.json:1:14: a record has two timestamps");
  EXPECT_EQ(refusal(R"([{"sensor": "a", "values": [1]}, {"sensor": "b", "value": 1}])"),
            "b.json:1:34: this record has no array of readings, others have");
  EXPECT_EQ(refusal(R"([{"values": [1]}])"),
            "b.json:1:2: a series needs a \"sensor\", a string or a whole number");
  EXPECT_EQ(refusal(R"([{"sensor": "a", "values": [1]}, {"sensor": "a", "values": [1]}])"),
            "b.json:1:45: the sensor \"a\" is there twice");
  BatchLimits few{.sensors = 2};
  EXPECT_EQ(refusal(R"([{"a": 1, "b": 2, "c": 3}])", few), "b.json:1:19: more than 2 sensors");
  EXPECT_EQ(refusal(R"({"sensors": {"a": [], "b": [], "c": []}})", few),
            "b.json:1:32: more than 2 sensors");
}

TEST_F(BatchTest, AFileThatIsDamagedIsNotRead) {
  std::string json = R"({"sensors": {"a": [)";
  for (int i = 0; i < 1000; ++i)
    json += std::to_string(i) + ",";
  ASSERT_TRUE(read(json + "1]}}").file);
  const auto bytes = read_file(folder_.at("columns.bin")).value();
  int refused = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 97, ++refused) {
    auto damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    ASSERT_TRUE(write_file(folder_.at("d.bin"), damaged).ok());
    auto file = ColumnFile::open(folder_.at("d.bin"));
    if (!file.ok()) {
      EXPECT_EQ(file.status().code(), pawl::Code::corrupt);
      continue;
    }
    ASSERT_EQ((*file)->sensors().size(), 1u);
    auto cursor = (*file)->values((*file)->sensors()[0]);
    while (cursor.next()) {
    }
    EXPECT_TRUE(at < 8 || cursor.status().code() == pawl::Code::corrupt) << at;
  }
  EXPECT_GT(refused, 50);
  for (std::size_t size : {std::size_t{0}, std::size_t{8}, bytes.size() / 2, bytes.size() - 1}) {
    ASSERT_TRUE(write_file(folder_.at("d.bin"), bytes.substr(0, size)).ok());
    EXPECT_EQ(ColumnFile::open(folder_.at("d.bin")).status().code(), pawl::Code::corrupt) << size;
  }
}

TEST_F(BatchTest, MoreThanFitsInMemoryAtOnce) {
  auto columns = ColumnWriter::create(folder_.at("large.bin")).value();
  constexpr std::uint64_t kSensors = 7, kReadings = 700'000;  // the writer spills twice
  for (std::uint64_t s = 0; s < kSensors; ++s)
    columns->name(columns->add(), "s" + std::to_string(s));
  for (std::uint64_t i = 0; i < kReadings; ++i)
    for (std::uint64_t s = 0; s < kSensors; ++s)
      i % 10 == s ? columns->missing(s, 1) : columns->value(s, static_cast<double>(i * 10 + s));
  ASSERT_TRUE(columns->finish().ok());
  auto file = ColumnFile::open(folder_.at("large.bin")).value();
  for (std::uint64_t s = 0; s < kSensors; ++s) {
    const Sensor& sensor = file->sensors()[s];
    EXPECT_GT(sensor.values.blocks.size(), 1u);
    auto cursor = file->values(sensor);
    std::uint64_t seen = 0, wrong = 0;
    while (cursor.next()) {
      ++seen;
      wrong += cursor.value() != static_cast<double>(cursor.position() * 10 + s);
    }
    EXPECT_EQ(seen, kReadings * 9 / 10);
    EXPECT_EQ(wrong, 0u);
  }
}

}  // namespace
}  // namespace manufacturing
