#include "base/log.h"

#include <atomic>

#include "base/fs.h"
#include "base/text.h"

namespace pawl {

namespace {

// Each option on its own: a line that races with set_log() may mix old and new, and that is all.
std::atomic<LogLevel> g_level{LogLevel::info};
std::atomic<bool> g_json{false};
std::atomic<int> g_fd{2};
std::atomic<const Clock*> g_clock{nullptr};

// A word stays as it is; anything with blanks, quotes or control characters becomes a JSON string.
void append_word(std::string& out, std::string_view text) {
  bool plain = !text.empty() && valid_utf8(text);
  for (auto c : text) {
    auto b = static_cast<unsigned char>(c);
    plain = plain && b > 0x20 && b != 0x7f && c != '"' && c != '\\' && c != '=';
  }
  if (plain) {
    out += text;
  } else {
    append_json_string(out, text);
  }
}

// The message as it is, but for what could begin a new line or move the cursor.
void append_message(std::string& out, std::string_view text) {
  auto at = out.size();
  append_json_string(out, text);
  // Without the quotes around it; quotes within need no escape here.
  std::string inner = out.substr(at + 1, out.size() - at - 2);
  out.resize(at);
  for (std::size_t i = 0; i < inner.size(); i++) {
    if (inner[i] == '\\' && (inner[i + 1] == '"' || inner[i + 1] == '\\')) i++;
    out += inner[i];
  }
}

std::string text_line(Time now, LogLevel level, std::string_view message, LogFields fields) {
  auto out = str(format_time(now), ' ', to_string(level), ' ');
  append_message(out, message);
  for (const auto& [key, value] : fields) {
    out += ' ';
    append_word(out, key);
    out += '=';
    if (value.is_string()) {
      append_word(out, value.as_string());
    } else {
      value.dump_to(out);
    }
  }
  out += '\n';
  return out;
}

std::string json_line(Time now, LogLevel level, std::string_view message, LogFields fields) {
  Json line;
  line.set("time", format_time(now)).set("level", to_string(level)).set("message", message);
  for (const auto& [key, value] : fields) {
    // A field never replaces what every line has.
    bool taken = key == "time" || key == "level" || key == "message";
    line.set(taken ? str(key, '_') : std::string(key), value);
  }
  return line.dump() + '\n';
}

}  // namespace

void set_log(const LogOptions& options) {
  g_level = options.level;
  g_json = options.json;
  g_fd = options.fd;
  g_clock = options.clock;
}

bool log_enabled(LogLevel level) { return level >= g_level.load(std::memory_order_relaxed); }

void log_line(LogLevel level, std::string_view message, LogFields fields) {
  if (!log_enabled(level) || level == LogLevel::off) return;
  auto* given = g_clock.load();
  auto now = (given ? *given : system_clock()).now();
  auto line =
      g_json ? json_line(now, level, message, fields) : text_line(now, level, message, fields);
  // Where stderr is gone there is nobody left to tell.
  (void)write_all(g_fd, line, "the log").ok();
}

const char* to_string(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
    case LogLevel::off:
      return "off";
  }
  return "off";
}

Result<LogLevel> parse_log_level(std::string_view text) {
  std::vector<std::string> names;
  for (auto level :
       {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error, LogLevel::off}) {
    if (text == to_string(level)) return level;
    names.emplace_back(to_string(level));
  }
  return Error{Errc::usage,
               str('\'', text, "' is not a log level: expected one of ", join(names, ", "))};
}

}  // namespace pawl
