#pragma once
// What the process itself has to say, for whoever runs it: one line an event on stderr, a message
// and fields, as text or as JSON. (What tasks print is data and goes to the store.)
//
//   log_info("run completed", {{"run", 41}, {"workflow", "nightly-ctr"}});
//
// A line is one write(2), so lines of threads and processes do not mix. Text from outside cannot
// forge a line or move a terminal's cursor: control characters are escaped. Thread-safe. A line
// below the level costs the making of its fields: ask log_enabled() first where that matters.

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"

namespace pawl {

enum class LogLevel : std::uint8_t { debug, info, warning, error, off };

struct LogField {
  std::string_view key;
  Json value;
};
using LogFields = std::initializer_list<LogField>;

struct LogOptions {
  LogLevel level = LogLevel::info;
  bool json = false;
  int fd = 2;                    // not owned
  const Clock* clock = nullptr;  // the machine's where none is given
};

// Holds from the next line on.
void set_log(const LogOptions& options);
bool log_enabled(LogLevel level);
void log_line(LogLevel level, std::string_view message, LogFields fields = {});

inline void log_debug(std::string_view message, LogFields fields = {}) {
  if (log_enabled(LogLevel::debug)) log_line(LogLevel::debug, message, fields);
}
inline void log_info(std::string_view message, LogFields fields = {}) {
  log_line(LogLevel::info, message, fields);
}
inline void log_warning(std::string_view message, LogFields fields = {}) {
  log_line(LogLevel::warning, message, fields);
}
inline void log_error(std::string_view message, LogFields fields = {}) {
  log_line(LogLevel::error, message, fields);
}

const char* to_string(LogLevel level);
// "debug", "info", "warning", "error", "off".
Result<LogLevel> parse_log_level(std::string_view text);

}  // namespace pawl
