#pragma once
// What tests of this app share: a folder that goes with its test, a batch read from a text, and a
// sensor made of numbers.

#include <pawl/status.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "manufacturing/batch.h"
#include "manufacturing/columns.h"

namespace manufacturing {

class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  std::string at(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Gives `piece` bytes at a time.
ByteSource slow_source(std::string text, std::size_t piece);

struct ReadBatch {
  pawl::Status status;
  BatchFacts facts;
  std::unique_ptr<ColumnFile> file;
  const Sensor* sensor(std::string_view name) const;
  // "1 2.5 _ 4": values by position, `_` where one is missing.
  std::string values(std::string_view name) const;
  std::string times(std::string_view name) const;
  std::string names() const;
};
ReadBatch read_batch(const TestFolder& folder, const std::string& json, BatchLimits limits = {},
                     std::size_t piece = 1u << 20);

// A file with one sensor, "s", and its times where there are any.
std::unique_ptr<ColumnFile> file_of(const TestFolder& folder,
                                    const std::vector<std::optional<double>>& values,
                                    const std::vector<std::optional<double>>& times = {});

}  // namespace manufacturing
