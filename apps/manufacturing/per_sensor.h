#pragma once
// per_sensor: a task that makes one line of each sensor, and resumes. Lines go to NAME.part; every
// so many readings they are synced, and where they end is the step's checkpoint, with the totals so
// far. The last line of the finished file holds the totals: an attempt that was killed between the
// rename and its own end does nothing again.

#include <pawl/step.h>

#include <functional>
#include <string>

#include "manufacturing/columns.h"

namespace manufacturing {

struct PerSensor {
  std::string path;
  std::uint64_t checkpoint_readings = 0;
  // The line of a sensor.
  std::function<pawl::Result<pawl::Value>(const Sensor&)> line;
  // Adds a line to the totals.
  std::function<void(const pawl::Value& line, pawl::Value& totals)> add;
};

// Returns the totals. Errors: unavailable when the step should stop; disk_full, io.
pawl::Result<pawl::Value> per_sensor(pawl::Step& step, const ColumnFile& file,
                                     const PerSensor& what);

// totals[key] += line_value.
void add_to(pawl::Value& totals, const char* key, std::int64_t n);

}  // namespace manufacturing
