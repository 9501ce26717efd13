#include "manufacturing/timestamp.h"

#include <chrono>
#include <cmath>
#include <cstdio>

namespace manufacturing {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes exactly `n` digits off the front.
bool take_digits(std::string_view& text, std::size_t n, int& number) {
  if (text.size() < n) return false;
  number = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!is_digit(text[i])) return false;
    number = number * 10 + (text[i] - '0');
  }
  text.remove_prefix(n);
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

bool take_zone(std::string_view& text, int& minutes_east) {
  minutes_east = 0;
  if (text.empty() || take(text, 'Z') || take(text, 'z')) return true;
  const bool west = text[0] == '-';
  if (!west && text[0] != '+') return false;
  text.remove_prefix(1);
  int hours = 0, minutes = 0;
  if (!take_digits(text, 2, hours)) return false;
  if (!text.empty()) {
    take(text, ':');
    if (!take_digits(text, 2, minutes)) return false;
  }
  if (hours > 18 || minutes > 59) return false;
  minutes_east = (hours * 60 + minutes) * (west ? -1 : 1);
  return true;
}

}  // namespace

std::optional<double> parse_timestamp(std::string_view text) {
  int year = 0, month = 0, day = 0;
  bool date = take_digits(text, 4, year) && take(text, '-') && take_digits(text, 2, month) &&
              take(text, '-') && take_digits(text, 2, day);
  const std::chrono::year_month_day ymd{std::chrono::year(year),
                                        std::chrono::month(static_cast<unsigned>(month)),
                                        std::chrono::day(static_cast<unsigned>(day))};
  if (!date || !ymd.ok()) return std::nullopt;
  auto days = std::chrono::sys_days(ymd).time_since_epoch().count();
  double seconds = static_cast<double>(days) * 86400.0;
  if (text.empty()) return seconds;
  int hour = 0, minute = 0, second = 0, east = 0;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  if (!take_digits(text, 2, hour) || !take(text, ':') || !take_digits(text, 2, minute))
    return std::nullopt;
  double fraction = 0;
  if (take(text, ':')) {
    if (!take_digits(text, 2, second)) return std::nullopt;
    if (take(text, '.') || take(text, ',')) {
      double unit = 0.1;
      if (text.empty() || !is_digit(text[0])) return std::nullopt;
      for (; !text.empty() && is_digit(text[0]); text.remove_prefix(1), unit /= 10)
        fraction += (text[0] - '0') * unit;
    }
  }
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  if (!take_zone(text, east) || !text.empty()) return std::nullopt;
  seconds += hour * 3600.0 + (minute - east) * 60.0 + second;
  return seconds + fraction;
}

std::string timestamp_text(double seconds) {
  auto ms = static_cast<std::int64_t>(std::llround(seconds * 1000));
  auto day = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(ms)));
  const std::chrono::year_month_day ymd(day);
  auto of_day = ms - day.time_since_epoch().count() * 86'400'000;
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(ymd.year()), static_cast<unsigned>(ymd.month()),
                static_cast<unsigned>(ymd.day()), static_cast<int>(of_day / 3'600'000),
                static_cast<int>(of_day / 60'000 % 60), static_cast<int>(of_day / 1000 % 60),
                static_cast<int>(of_day % 1000));
  return text;
}

}  // namespace manufacturing
