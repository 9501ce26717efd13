#include "manufacturing/batch.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "manufacturing/timestamp.h"

namespace manufacturing {

using pawl::Code;
using pawl::Result;
using pawl::Status;
using pawl::Value;
using Kind = JsonReader::Kind;

namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kNone = ColumnWriter::kShared;
constexpr std::size_t kMostAbout = 64, kMostAboutBytes = 1000;

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_data(std::string_view key) {
  return one_of(key, {"sensors", "sensor_data", "readings", "records", "measurements", "data"});
}
bool is_times(std::string_view key) { return one_of(key, {"timestamps", "timestamp", "times"}); }
bool is_time(std::string_view key) { return one_of(key, {"timestamp", "time", "ts"}); }
bool is_values(std::string_view key) { return one_of(key, {"values", "readings", "data"}); }

// What exporters write for nothing.
bool is_missing_word(const std::string& text) {
  std::string lower;
  for (char c : text)
    lower.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  return one_of(lower, {"", "nan", "na", "n/a", "null", "none"});
}

std::string quoted(const std::string& text) {
  return Value(text.size() <= 60 ? text : text.substr(0, 57) + "...").json();
}

}  // namespace

Result<BatchFacts> BatchReader::read() {
  facts_.about = Value::object();
  if (!document() || !json_.end()) {
    return json_.ok() ? columns_.status() : json_.error();
  }
  if (!columns_.status().ok()) return columns_.status();
  facts_.sensors = columns_.size();
  facts_.text_times = times_ == Times::texts;
  return facts_;
}

bool BatchReader::document() {
  if (!json_.value()) return false;
  if (json_.kind() == Kind::array) return records() && check_lengths();
  if (json_.kind() != Kind::object) {
    return json_.refuse(std::string("a batch is an object or an array, this is ") +
                        to_string(json_.kind()));
  }
  const Place began = json_.place();
  while (json_.next_member())
    if (!member()) return false;
  if (!json_.ok()) return false;
  if (data_key_.empty() && !bare_) {
    return json_.refuse(
        "the batch has no readings: no member \"sensors\", \"readings\" or "
        "\"records\", and no arrays of numbers",
        began);
  }
  return check_lengths();
}

bool BatchReader::member() {
  const std::string key = json_.key();
  const Place at = json_.key_place();
  if (!json_.value()) return false;
  const bool array = json_.kind() == Kind::array, object = json_.kind() == Kind::object;
  if (is_times(key) && array) {
    if (columns_.shared_positions() > 0) return json_.refuse("the batch has timestamps twice", at);
    return times_array(kNone);
  }
  if (is_data(key) && (array || object)) {
    if (!begin_data(key, at)) return false;
    return array ? records() : columns();
  }
  if (one_of(key, {"batch_id", "batch"}) && !array && !object) {
    if (json_.kind() == Kind::string || (json_.kind() == Kind::number && json_.integer())) {
      facts_.id = json_.text();
    } else if (json_.kind() != Kind::null) {
      return json_.refuse(key + " must be a string or a whole number");
    }
    return facts_.id.size() <= limits_.name_bytes || json_.refuse(key + " is too long");
  }
  if (array && data_key_.empty()) return bare_column(key, at);
  return array || object ? json_.skip() : about(key);
}

bool BatchReader::about(const std::string& key) {
  Value v;
  switch (json_.kind()) {
    case Kind::boolean:
      v = json_.boolean();
      break;
    case Kind::number:
      v = json_.number();
      break;
    case Kind::string:
      v = json_.text();
      break;
    default:
      return true;
  }
  if (facts_.about.size() < kMostAbout && key.size() + v.json().size() <= kMostAboutBytes)
    facts_.about.set(key, std::move(v));
  return true;
}

// The readings' own member goes before arrays of numbers that were taken for sensors.
bool BatchReader::begin_data(const std::string& key, Place at) {
  if (!data_key_.empty()) {
    return json_.refuse("readings came in \"" + data_key_ + "\" already, now in \"" + key + "\"",
                        at);
  }
  data_key_ = key;
  if (std::exchange(bare_, false)) {
    columns_.drop_all();
    facts_.readings = 0;
  }
  return true;
}

// -- Columns
// ---------------------------------------------------------------------------------------

std::size_t BatchReader::new_sensor(const std::string& name, Place at) {
  if (name.empty() || name.size() > limits_.name_bytes) {
    json_.refuse(name.empty() ? "a sensor has no name" : "the name of a sensor is too long", at);
    return kNone;
  }
  if (columns_.size() >= limits_.sensors) {
    json_.refuse("more than " + std::to_string(limits_.sensors) + " sensors", at);
    return kNone;
  }
  const auto sensor = columns_.add();
  if (columns_.name(sensor, name)) return sensor;
  json_.refuse("the sensor " + quoted(name) + " is there twice", at);
  return kNone;
}

bool BatchReader::columns() {
  while (json_.next_member()) {
    const std::string name = json_.key();
    const auto sensor = new_sensor(name, json_.key_place());
    if (sensor == kNone || !json_.value() || !column(sensor)) return false;
  }
  return json_.ok();
}

// An array at the top of the document: a sensor if its first item is a number, else no matter.
bool BatchReader::bare_column(const std::string& name, Place at) {
  if (!json_.next_item()) return json_.ok();
  if (!json_.value()) return false;
  if (json_.kind() != Kind::number && json_.kind() != Kind::not_a_number &&
      json_.kind() != Kind::null) {
    if (!json_.skip()) return false;
    while (json_.next_item())
      if (!json_.value() || !json_.skip()) return false;
    return json_.ok();
  }
  bare_ = true;
  const auto sensor = new_sensor(name, at);
  if (sensor == kNone || !column_item(sensor)) return false;
  return column_items(sensor);
}

bool BatchReader::column(std::size_t sensor) {
  if (json_.kind() == Kind::array) return column_items(sensor);
  if (json_.kind() == Kind::object) return column_members(sensor);
  return json_.refuse("a sensor's readings are an array, this is " +
                      std::string(to_string(json_.kind())));
}

bool BatchReader::column_members(std::size_t sensor) {
  const Place began = json_.place();
  bool values = false, times = false;
  while (json_.next_member()) {
    const std::string key = json_.key();
    const Place at = json_.key_place();
    if (!json_.value()) return false;
    const bool array = json_.kind() == Kind::array;
    if (is_values(key) || (is_times(key) && array)) {
      bool& seen = is_values(key) ? values : times;
      if (std::exchange(seen, true)) return json_.refuse("\"" + key + "\" comes a second time", at);
      if (!array) return json_.refuse("\"" + key + "\" must be an array");
      if (!(is_values(key) ? column_items(sensor) : times_array(sensor))) return false;
    } else if (!json_.skip()) {
      return false;
    }
  }
  if (!json_.ok()) return false;
  return values || json_.refuse("a sensor has no \"values\"", began);
}

bool BatchReader::column_items(std::size_t sensor) {
  while (json_.next_item())
    if (!json_.value() || !column_item(sensor)) return false;
  return json_.ok() && columns_.status().ok();
}

// A number, or an object with value and timestamp.
bool BatchReader::column_item(std::size_t sensor) {
  double v = kMissing;
  if (json_.kind() != Kind::object) {
    if (!as_reading(json_.kind(), json_.number(), json_.text(), json_.place(), v)) return false;
    put(sensor, v);
    return true;
  }
  const Place began = json_.place();
  const auto position = columns_.positions(sensor);
  bool has_value = false, has_time = false;
  while (json_.next_member()) {
    const std::string key = json_.key();
    const Place at = json_.key_place();
    if (!json_.value()) return false;
    const bool value = key == "value", time = is_time(key);
    if (value || time) {
      if (std::exchange(value ? has_value : has_time, true))
        return json_.refuse("\"" + key + "\" comes a second time", at);
      double x = kMissing;
      if (!(value ? as_reading(json_.kind(), json_.number(), json_.text(), json_.place(), x)
                  : as_time(json_.kind(), json_.number(), json_.text(), json_.place(), x)))
        return false;
      if (value) v = x;
      if (time) columns_.time(sensor, position, x);
    } else if (!json_.skip()) {
      return false;
    }
  }
  if (!json_.ok()) return false;
  if (!has_value) return json_.refuse("a reading has no \"value\"", began);
  put(sensor, v);
  return true;
}

bool BatchReader::times_array(std::size_t sensor) {
  std::uint64_t at = 0;
  while (json_.next_item()) {
    double t = kMissing;
    if (!json_.value() || !as_time(json_.kind(), json_.number(), json_.text(), json_.place(), t))
      return false;
    columns_.time(sensor, at++, t);
  }
  return json_.ok() && columns_.status().ok();
}

bool BatchReader::check_lengths() {
  if (columns_.size() == 0) return json_.refuse("the batch has no sensors", {1, 1});
  const auto shared = columns_.shared_positions();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto own = columns_.time_positions(i);
    const auto n = columns_.positions(i), times = own > 0 ? own : shared;
    const bool table = shape_ == Shape::table, readings = shape_ == Shape::readings;
    if (times > 0 && times != n && !table && !readings) {
      json_.refuse("the sensor " + quoted(columns_.name_of(i)) + " has " + std::to_string(n) +
                       " readings and " + std::to_string(times) + " timestamps",
                   {1, 1});
      return false;
    }
    facts_.positions += n;
  }
  return true;
}

void BatchReader::put(std::size_t sensor, double v) {
  if (v != v) {
    columns_.missing(sensor, 1);
  } else {
    ++facts_.readings;
    columns_.value(sensor, v);
  }
}

// -- Values
// ----------------------------------------------------------------------------------------

bool BatchReader::as_reading(Kind kind, double number, const std::string& text, Place at,
                             double& v) {
  v = kMissing;
  if (kind == Kind::null || kind == Kind::not_a_number) return true;
  if (kind == Kind::string && is_missing_word(text)) return true;
  if (kind == Kind::string) {
    return json_.refuse("a reading must be a number, this is the string " + quoted(text), at);
  }
  if (kind != Kind::number) {
    return json_.refuse(std::string("a reading must be a number, this is ") + to_string(kind), at);
  }
  if (!(std::fabs(number) <= limits_.largest))
    return json_.refuse("a reading is larger than any measurement", at);
  v = number;
  return true;
}

bool BatchReader::as_time(Kind kind, double number, const std::string& text, Place at, double& t) {
  t = kMissing;
  if (kind == Kind::null || (kind == Kind::string && text.empty())) return true;
  if (kind != Kind::number && kind != Kind::string) {
    return json_.refuse(
        std::string("a timestamp must be a number or a string, this is ") + to_string(kind), at);
  }
  const Times form = kind == Kind::number ? Times::numbers : Times::texts;
  if (times_ == Times::unknown) times_ = form;
  if (times_ != form) {
    return json_.refuse("timestamps are numbers in one place and strings in another", at);
  }
  if (form == Times::numbers) {
    if (!(std::fabs(number) <= limits_.largest))
      return json_.refuse("a timestamp is too large", at);
    t = number;
    return true;
  }
  auto seconds = parse_timestamp(text);
  if (!seconds) return json_.refuse(quoted(text) + " is no timestamp (ISO 8601)", at);
  t = *seconds;
  return true;
}

// -- Records
// ---------------------------------------------------------------------------------------

bool BatchReader::records() {
  const Place began = json_.place();
  while (json_.next_item()) {
    if (!json_.value()) return false;
    if (json_.kind() != Kind::object) {
      return json_.refuse(std::string("a record is an object, this is ") + to_string(json_.kind()));
    }
    if (!record(rows_)) return false;
    ++rows_;
  }
  if (!json_.ok()) return false;
  if (rows_ == 0) return json_.refuse("there are no records", began);
  if (shape_ == Shape::table) {
    for (std::size_t i = 0; i < columns_.size(); ++i)
      columns_.missing(i, rows_ - columns_.positions(i));
    for (const auto& [name, place] : labels_)
      facts_.ignored.push_back(name);
  }
  return columns_.status().ok();
}

BatchReader::Field& BatchReader::next_field() {
  if (used_ == fields_.size()) fields_.emplace_back();
  return fields_[used_++];
}

void BatchReader::take_field(Field& f) {
  f.kind = json_.kind();
  f.number = json_.number();
  f.integer = json_.kind() == Kind::number && json_.integer();
  f.place = json_.place();
  f.text.clear();
  if (f.kind == Kind::string || f.integer) f.text = json_.text();
}

bool BatchReader::record(std::uint64_t number) {
  const Place began = json_.place();
  std::size_t sensor = kNone;
  bool times = false;
  used_ = 0;
  while (json_.next_member()) {
    if (used_ > limits_.sensors + kMostAbout) return json_.refuse("a record has too many members");
    Field& f = next_field();
    f.key = json_.key();
    f.key_place = json_.key_place();
    if (!json_.value()) return false;
    take_field(f);
    const bool values = f.kind == Kind::array && is_values(f.key);
    const bool stamps = f.kind == Kind::array && is_times(f.key);
    if (values || stamps) {
      if (columns_.size() >= limits_.sensors)
        return json_.refuse("more than " + std::to_string(limits_.sensors) + " sensors");
      if (sensor == kNone) sensor = columns_.add();
      if ((values && columns_.positions(sensor) > 0) || (stamps && std::exchange(times, true)))
        return json_.refuse("\"" + f.key + "\" comes a second time", f.key_place);
      if (!(values ? column_items(sensor) : times_array(sensor))) return false;
    } else if (!json_.skip()) {
      return false;
    }
  }
  if (!json_.ok() || !choose_shape(began, sensor != kNone)) return false;
  switch (shape_) {
    case Shape::series:
      return series(sensor, began);
    case Shape::readings:
      return reading(began);
    default:
      return table_row(number);
  }
}

bool BatchReader::choose_shape(Place at, bool series) {
  if (shape_ == Shape::unknown) {
    const bool one = field({"sensor", "sensor_id"}) && field({"value"});
    shape_ = series ? Shape::series : one ? Shape::readings : Shape::table;
  }
  if (series == (shape_ == Shape::series)) return true;
  return json_.refuse(series ? "this record has an array of readings, others have not"
                             : "this record has no array of readings, others have",
                      at);
}

const BatchReader::Field* BatchReader::field(std::initializer_list<const char*> keys) const {
  for (const char* key : keys)
    for (std::size_t i = 0; i < used_; ++i)
      if (fields_[i].key == key) return &fields_[i];
  return nullptr;
}

bool BatchReader::series(std::size_t sensor, Place at) {
  const Field* name = field({"sensor", "sensor_id", "name", "id"});
  if (!name || name->text.empty() || name->text.size() > limits_.name_bytes) {
    return json_.refuse("a series needs a \"sensor\", a string or a whole number", at);
  }
  if (columns_.name(sensor, name->text)) return true;
  return json_.refuse("the sensor " + quoted(name->text) + " is there twice", name->place);
}

bool BatchReader::reading(Place at) {
  const Field* name = field({"sensor", "sensor_id"});
  const Field* value = field({"value"});
  const Field* time = field({"timestamp", "time", "ts"});
  if (!name || !value) {
    return json_.refuse(std::string("a reading has no \"") + (name ? "value" : "sensor") + "\"",
                        at);
  }
  for (const Field* f : {name, value, time}) {
    for (std::size_t i = 0; f && i < used_; ++i) {
      if (fields_[i].key == f->key && &fields_[i] != f)
        return json_.refuse("\"" + f->key + "\" comes a second time", fields_[i].key_place);
    }
  }
  if (name->kind != Kind::string && !name->integer)
    return json_.refuse("a sensor's name is a string or a whole number", name->place);
  auto sensor = columns_.find(name->text);
  if (sensor == kNone) sensor = new_sensor(name->text, name->place);
  double v = kMissing, t = kMissing;
  if (sensor == kNone || !as_reading(value->kind, value->number, value->text, value->place, v))
    return false;
  if (time && !as_time(time->kind, time->number, time->text, time->place, t)) return false;
  if (time && t == t) columns_.time(sensor, columns_.positions(sensor), t);
  put(sensor, v);
  return columns_.status().ok();
}

bool BatchReader::table_row(std::uint64_t number) {
  for (std::size_t i = 0, column = 0; i < used_; ++i) {
    const Field& f = fields_[i];
    if (is_time(f.key)) {
      double t = kMissing;
      if (!as_time(f.kind, f.number, f.text, f.place, t)) return false;
      if (columns_.shared_positions() > number)
        return json_.refuse("a record has two timestamps", f.key_place);
      columns_.time(kNone, number, t);
    } else if (!cell(f, number, column++)) {
      return false;
    }
  }
  return columns_.status().ok();
}

// Rows mostly have the same members in the same order: what stood here in the last row is tried
// before the name is looked up.
bool BatchReader::cell(const Field& f, std::uint64_t row, std::size_t i) {
  std::size_t sensor = i < order_.size() && order_[i].first == f.key ? order_[i].second : kNone;
  if (sensor == kNone) {
    sensor = columns_.find(f.key);
    if (label(f, sensor)) return json_.ok();
    if (f.kind == Kind::array || f.kind == Kind::object) return true;
    if (sensor == kNone) sensor = new_sensor(f.key, f.key_place);
    if (sensor == kNone) return false;
    if (i >= order_.size()) order_.resize(i + 1, {"", kNone});
    order_[i] = {f.key, sensor};
  }
  double v = kMissing;
  if (!as_reading(f.kind, f.number, f.text, f.place, v)) return false;
  const auto before = columns_.positions(sensor);
  if (before > row) return json_.refuse(quoted(f.key) + " is there twice in a record", f.key_place);
  if (before < row) columns_.missing(sensor, row - before);
  put(sensor, v);
  return true;
}

// Whether a cell belongs to a column of text: one that began with text. Then it is left out.
bool BatchReader::label(const Field& f, std::size_t sensor) {
  if (labels_.contains(f.key)) {
    const bool text = f.kind == Kind::string || f.kind == Kind::null || f.kind == Kind::boolean;
    if (!text) json_.refuse(quoted(f.key) + " was text before, now it is a number", f.place);
    return true;
  }
  const bool text = (f.kind == Kind::string && !is_missing_word(f.text)) || f.kind == Kind::boolean;
  if (sensor != kNone || !text) return false;
  if (labels_.size() >= limits_.sensors) return json_.refuse("too many columns of text", f.place);
  labels_.emplace(f.key, f.place);
  return true;
}

}  // namespace manufacturing
