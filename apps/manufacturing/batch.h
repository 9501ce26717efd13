#pragma once
// Batch: what is read out of the JSON of a batch, in one pass, into columns. Readings may come as
//
//   {"sensors": {"temp": [20.1, null], "press": {"values": [..], "timestamps": [..]}}}   columns
//   {"readings": [{"sensor": "temp", "value": 20.1, "timestamp": ".."}, ..]}             a reading
//   a
//   {"records": [{"timestamp": "..", "temp": 20.1, "press": 3}, ..]}                     a table
//   {"sensors": [{"sensor": "temp", "values": [..]}, ..]}                                series
//
// or as such an array, or an object of arrays of numbers, alone. README.md has the rules: what is
// missing, what is a timestamp, what is refused. A missing reading keeps its position.

#include <pawl/status.h>
#include <pawl/value.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "manufacturing/columns.h"
#include "manufacturing/json_reader.h"

namespace manufacturing {

struct BatchLimits {
  std::size_t sensors = 100'000;
  std::size_t name_bytes = 200;
  double largest = 1e100;  // of a reading or a time, either sign
};

// What a batch says beside its readings.
struct BatchFacts {
  std::string id;                    // "batch_id", or ""
  pawl::Value about;                 // other members that are no arrays or objects
  std::vector<std::string> ignored;  // columns of a table that hold text
  bool text_times = false;           // timestamps are ISO 8601, so in seconds since 1970
  std::uint64_t sensors = 0, positions = 0, readings = 0;
};

// Reads it to its end. Errors: invalid, with line and column; io of either side.
class BatchReader {
 public:
  BatchReader(JsonReader& json, ColumnWriter& columns, BatchLimits limits = {})
      : json_(json), columns_(columns), limits_(limits) {}
  pawl::Result<BatchFacts> read();

 private:
  enum class Shape : unsigned char { unknown, readings, table, series };
  enum class Times : unsigned char { unknown, numbers, texts };
  struct Field {
    std::string key, text;
    JsonReader::Kind kind = JsonReader::Kind::null;
    double number = 0;
    bool integer = false;
    Place key_place, place;
  };

  bool document();
  bool member();
  bool about(const std::string& key);
  bool begin_data(const std::string& key, Place at);
  bool columns();
  bool bare_column(const std::string& name, Place at);
  bool column(std::size_t sensor);
  bool column_members(std::size_t sensor);
  bool column_items(std::size_t sensor);
  bool column_item(std::size_t sensor);
  bool times_array(std::size_t sensor);
  bool records();
  bool record(std::uint64_t number);
  bool choose_shape(Place at, bool series);
  bool reading(Place at);
  bool table_row(std::uint64_t number);
  bool series(std::size_t sensor, Place at);
  bool cell(const Field& f, std::uint64_t row, std::size_t i);
  bool label(const Field& f, std::size_t sensor);
  Field& next_field();
  void take_field(Field& f);
  const Field* field(std::initializer_list<const char*> keys) const;

  // The value just read, as a reading or a time; NaN where it is missing.
  bool as_reading(JsonReader::Kind kind, double number, const std::string& text, Place at,
                  double& v);
  bool as_time(JsonReader::Kind kind, double number, const std::string& text, Place at, double& t);
  void put(std::size_t sensor, double v);
  std::size_t new_sensor(const std::string& name, Place at);  // kShared: refused
  bool check_lengths();

  JsonReader& json_;
  ColumnWriter& columns_;
  BatchLimits limits_;
  BatchFacts facts_;
  std::string data_key_;  // which member the readings came in
  bool bare_ = false;     // members of the document are sensors
  Shape shape_ = Shape::unknown;
  Times times_ = Times::unknown;
  std::vector<Field> fields_;  // of the record at hand, the first `used_` of them
  std::size_t used_ = 0;
  std::vector<std::pair<std::string, std::size_t>> order_;  // of the last row: names and sensors
  std::map<std::string, Place> labels_;                     // columns of text
  std::uint64_t rows_ = 0;
};

}  // namespace manufacturing
