#include "manufacturing/batch_testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <limits>

namespace manufacturing {

TestFolder::TestFolder() { path_ = make_unique_folder("/tmp/pawl-manu-test-").value(); }
TestFolder::~TestFolder() { remove_folder(path_); }

ByteSource slow_source(std::string text, std::size_t piece) {
  return [text = std::move(text), piece, at = std::size_t{0}](
             char* into, std::size_t most) mutable -> pawl::Result<std::size_t> {
    auto n = std::min({most, piece, text.size() - at});
    std::copy_n(text.data() + at, n, into);
    at += n;
    return n;
  };
}

const Sensor* ReadBatch::sensor(std::string_view name) const {
  for (const Sensor& s : file->sensors())
    if (s.name == name) return &s;
  return nullptr;
}

namespace {

std::string shown(ColumnCursor cursor, std::uint64_t positions) {
  std::string text;
  std::uint64_t at = 0;
  auto gap = [&](std::uint64_t until) {
    for (; at < until; ++at)
      text += text.empty() ? "_" : " _";
  };
  while (cursor.next()) {
    gap(cursor.position());
    char number[32];
    std::snprintf(number, sizeof number, "%.10g", cursor.value());
    text += (text.empty() ? "" : " ") + std::string(number);
    ++at;
  }
  EXPECT_TRUE(cursor.status().ok()) << cursor.status().text();
  gap(positions);
  return text;
}

}  // namespace

std::string ReadBatch::values(std::string_view name) const {
  const Sensor* s = sensor(name);
  return s ? shown(file->values(*s), s->values.positions) : "no such sensor";
}

std::string ReadBatch::times(std::string_view name) const {
  const Sensor* s = sensor(name);
  return s ? shown(file->times(*s), 0) : "no such sensor";
}

std::string ReadBatch::names() const {
  std::string all;
  for (const Sensor& s : file->sensors())
    all += (all.empty() ? "" : " ") + s.name;
  return all;
}

ReadBatch read_batch(const TestFolder& folder, const std::string& json, BatchLimits limits,
                     std::size_t piece) {
  ReadBatch read;
  const std::string path = folder.at("columns.bin");
  auto columns = ColumnWriter::create(path).value();
  JsonReader reader("b.json", slow_source(json, piece));
  auto facts = BatchReader(reader, *columns, limits).read();
  read.status = facts.status();
  if (!facts.ok()) return read;
  read.facts = *facts;
  auto totals = columns->finish();
  EXPECT_TRUE(totals.ok()) << totals.status().text();
  EXPECT_EQ(totals->present, facts->readings);
  EXPECT_EQ(totals->positions, facts->positions);
  read.file = ColumnFile::open(path).value();
  return read;
}

std::unique_ptr<ColumnFile> file_of(const TestFolder& folder,
                                    const std::vector<std::optional<double>>& values,
                                    const std::vector<std::optional<double>>& times) {
  const std::string path = folder.at("one.bin");
  auto columns = ColumnWriter::create(path).value();
  auto s = columns->add();
  columns->name(s, "s");
  for (std::size_t i = 0; i < times.size(); ++i)
    columns->time(s, i, times[i] ? *times[i] : std::numeric_limits<double>::quiet_NaN());
  for (const auto& v : values)
    v ? columns->value(s, *v) : columns->missing(s, 1);
  EXPECT_TRUE(columns->finish().ok());
  return ColumnFile::open(path).value();
}

}  // namespace manufacturing
