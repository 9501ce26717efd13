#pragma once
// Columns: the readings of a batch in a file of doubles, sensor by sensor. The JSON is read once,
// into this; tasks go over it as often as they like, with a few KiB of memory.
//
//   "PWLMFG01" | block | block | ... | index | offset, size, hash of the index | "PWLMFG01"
//
// A block is some doubles of one column, the index lists each column's blocks with their hashes. A
// sensor has two columns, values and times; the batch has one of times that sensors without their
// own share. Readings have positions: 0, 1, 2 ... A NaN in a column is a gap, and the low bits of
// its payload say how many positions are missing there, so that sparse tables stay small. Numbers
// are in the machine's own byte order: the file never leaves it.

#include <pawl/status.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "manufacturing/files.h"

namespace manufacturing {

struct Block {
  std::uint64_t offset = 0, doubles = 0, hash = 0;
};

struct Column {
  std::uint64_t positions = 0;  // gaps included
  std::uint64_t present = 0;    // without gaps
  std::vector<Block> blocks;
};

// What a file of columns says of a sensor.
struct Sensor {
  std::string name;
  Column values, times;
};

// Positions that are missing, as a NaN; and back. nan_gap(gap_nan(n)) is n.
double gap_nan(std::uint64_t positions);
std::uint64_t nan_gap(double gap);

// Finds bytes that a disk has changed, and tells one content from another; nobody's attack.
std::uint64_t mix(std::uint64_t hash, const void* data, std::size_t bytes);

// Writes the file. What was given goes to the disk once some MiB of it wait.
class ColumnWriter {
 public:
  // No sensor: times that belong to the whole batch.
  static constexpr std::size_t kShared = static_cast<std::size_t>(-1);

  static pawl::Result<std::unique_ptr<ColumnWriter>> create(const std::string& path);

  // A new sensor, its name to be given later.
  std::size_t add();
  // False: another one has that name.
  bool name(std::size_t sensor, std::string_view name);
  // The sensor of that name, or kShared.
  std::size_t find(std::string_view name) const;
  const std::string& name_of(std::size_t sensor) const { return sensors_[sensor].name; }
  std::size_t size() const { return sensors_.size(); }
  // Forgets all sensors so far.
  void drop_all();

  // The next reading, or the time of position `at`, behind all that was given before.
  void value(std::size_t sensor, double v) { put(sensors_[sensor].values, v); }
  void missing(std::size_t sensor, std::uint64_t positions) {
    gap(sensors_[sensor].values, positions);
  }
  void time(std::size_t sensor, std::uint64_t at, double t);
  std::uint64_t positions(std::size_t sensor) const { return sensors_[sensor].values.positions; }
  std::uint64_t shared_positions() const { return shared_.positions; }
  std::uint64_t time_positions(std::size_t sensor) const {
    return sensors_[sensor].times.positions;
  }

  // The file is whole and on disk. Counts: of all sensors.
  struct Totals {
    std::uint64_t sensors = 0, positions = 0, present = 0;
    std::uint64_t hash = 0;  // of all there is in the file
  };
  pawl::Result<Totals> finish();
  // A write that failed so far.
  const pawl::Status& status() const { return status_; }

 private:
  struct Pending : Column {
    std::vector<double> waiting;
    std::uint64_t gap = 0;  // behind what waits
  };
  struct Entry {
    std::string name;
    Pending values, times;
  };
  ColumnWriter(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  void put(Pending& column, double v);
  void gap(Pending& column, std::uint64_t positions);
  void spill();
  void close_gap(Pending& column);
  void write_block(Pending& column);
  void write(std::string_view bytes);
  std::uint64_t write_index();

  Fd fd_;
  std::string path_;
  std::vector<Entry> sensors_;
  std::unordered_map<std::string, std::size_t> by_name_;
  Pending shared_;
  std::size_t waiting_ = 0;  // doubles, in all columns
  std::uint64_t offset_ = 0;
  std::string out_;
  pawl::Status status_;
};

class ColumnCursor;

// Reads it. Thread-safe.
class ColumnFile {
 public:
  // Errors: not_found, corrupt, io.
  static pawl::Result<std::unique_ptr<ColumnFile>> open(const std::string& path);
  const std::vector<Sensor>& sensors() const { return sensors_; }
  ColumnCursor values(const Sensor& sensor) const;
  // Its own times or the batch's; a cursor over nothing where there are none.
  ColumnCursor times(const Sensor& sensor) const;
  bool has_times(const Sensor& sensor) const {
    return sensor.times.present > 0 || shared_.present > 0;
  }

 private:
  friend class ColumnCursor;
  pawl::Status read(std::uint64_t offset, void* into, std::size_t bytes) const;
  pawl::Status read_index();
  Fd fd_;
  std::string path_;
  std::vector<Sensor> sensors_;
  Column shared_;
};

// Goes over what is present in one column.
class ColumnCursor {
 public:
  ColumnCursor(const ColumnFile& file, const Column& column);
  // The next reading and its position. False: there is none, or status() says why not.
  bool next() {
    while (true) {
      if (at_ == end_ && !fill()) return false;
      double v = buffer_[at_++];
      if (v != v) {
        ahead_ += nan_gap(v);
        continue;
      }
      value_ = v;
      position_ = ahead_++;
      return true;
    }
  }
  double value() const { return value_; }
  std::uint64_t position() const { return position_; }
  const pawl::Status& status() const { return status_; }

 private:
  bool fill();
  const ColumnFile* file_;
  const Column* column_;
  std::vector<double> buffer_;
  std::size_t at_ = 0, end_ = 0;
  std::size_t block_ = 0;    // which one is read
  std::uint64_t done_ = 0;   // doubles of it
  std::uint64_t hash_ = 0;   // of those
  std::uint64_t ahead_ = 0;  // the position of what comes next
  std::uint64_t position_ = 0;
  double value_ = 0;
  pawl::Status status_;
};

}  // namespace manufacturing
