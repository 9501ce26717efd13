// Durations, sizes and times as people write them.
#include <cstdio>
#include <limits>

#include "base/text.h"

namespace pawl {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr Unit kDurations[] = {
    {"d", 86'400'000'000}, {"h", 3'600'000'000}, {"m", 60'000'000},
    {"s", 1'000'000},      {"ms", 1'000},        {"us", 1},
};

constexpr Unit kSizes[] = {
    {"B", 1},
    {"kB", 1'000},
    {"KB", 1'000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
    {"PB", 1'000'000'000'000'000},
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
    {"PiB", 1ull << 50},
};

bool digit(char c) { return c >= '0' && c <= '9'; }

// What was written, short enough for a message.
std::string quoted(std::string_view text) {
  return str('\'', to_valid_utf8(text.substr(0, 60)), text.size() > 60 ? "..." : "", '\'');
}

// "12" or "1.5" at the front of `text`, taken off it. The fraction is kept as a fraction of
// 10^scale.
struct Amount {
  std::uint64_t whole = 0;
  std::uint64_t fraction = 0;
  std::uint64_t scale = 1;
  bool overflow = false;
  bool found = false;
};

Amount take_amount(std::string_view& text) {
  Amount a;
  while (!text.empty() && digit(text[0])) {
    a.found = true;
    a.overflow |= __builtin_mul_overflow(a.whole, 10u, &a.whole);
    a.overflow |= __builtin_add_overflow(a.whole, static_cast<unsigned>(text[0] - '0'), &a.whole);
    text.remove_prefix(1);
  }
  if (!a.found || text.size() < 2 || text[0] != '.' || !digit(text[1])) return a;
  text.remove_prefix(1);
  while (!text.empty() && digit(text[0])) {
    if (a.scale < 1'000'000'000'000) {  // what is finer than that cannot matter
      a.fraction = a.fraction * 10 + static_cast<unsigned>(text[0] - '0');
      a.scale *= 10;
    }
    text.remove_prefix(1);
  }
  return a;
}

std::string_view take_unit(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && !digit(text[n]))
    n++;
  auto unit = text.substr(0, n);
  text.remove_prefix(n);
  return unit;
}

// amount * factor; false where 64 bits cannot hold it.
bool scaled(const Amount& a, std::uint64_t factor, std::uint64_t& out) {
  if (a.overflow || __builtin_mul_overflow(a.whole, factor, &out)) return false;
  auto part = static_cast<unsigned __int128>(a.fraction) * factor / a.scale;
  return !__builtin_add_overflow(out, static_cast<std::uint64_t>(part), &out);
}

std::string two(std::uint64_t v) { return v < 10 ? str('0', v) : str(v); }

// "1.5" of 1536/1024, one digit, cut and never rounded up to the next unit.
std::string tenths(std::uint64_t value, std::uint64_t unit) {
  return str(value / unit, '.', value % unit * 10 / unit);
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  auto whole = trim(text);
  auto rest = whole;
  auto refuse = [&](std::string_view why) {
    return Error{Errc::usage, str(quoted(whole), " is not a duration: ", why)};
  };
  if (rest.empty()) return refuse("expected a number with a unit, such as 30s, 10m or 1h30m");
  if (rest[0] == '-') return refuse("it cannot be negative");
  std::uint64_t total = 0;
  std::uint64_t last_factor = std::numeric_limits<std::uint64_t>::max();
  while (!rest.empty()) {
    auto amount_text = rest;
    auto amount = take_amount(rest);
    if (!amount.found) return refuse("expected a number with a unit, such as 30s, 10m or 1h30m");
    auto digits = amount_text.substr(0, amount_text.size() - rest.size());
    auto unit = take_unit(rest);
    if (unit.empty()) {
      return refuse(str("the number ", digits, " needs a unit: write ", digits,
                        "s for seconds (units: "
                        "us ms s m h d)"));
    }
    std::uint64_t factor = 0;
    for (const auto& known : kDurations) {
      if (known.name == unit) factor = known.factor;
    }
    if (factor == 0) return refuse(str("the unit ", quoted(unit), " is none of us ms s m h d"));
    if (factor >= last_factor) return refuse("larger units come first and each once, as in 1h30m");
    last_factor = factor;
    std::uint64_t part = 0;
    if (!scaled(amount, factor, part) || __builtin_add_overflow(total, part, &total) ||
        total > static_cast<std::uint64_t>(std::numeric_limits<Duration::rep>::max())) {
      return refuse("it is longer than 292,000 years, more than Pawl can count");
    }
  }
  return Duration{static_cast<Duration::rep>(total)};
}

std::string print_duration(Duration d) {
  if (d.count() == 0) return "0s";
  std::string out;
  auto left = static_cast<std::uint64_t>(d.count());
  if (d.count() < 0) {
    out += '-';
    left = 0 - left;
  }
  for (const auto& unit : kDurations) {
    auto n = left / unit.factor;
    // Below a second one unit says it all: 1500us, not 1ms500us.
    if (n == 0 || (unit.name == "ms" && left % unit.factor != 0)) continue;
    out += str(n, unit.name);
    left -= n * unit.factor;
  }
  return out;
}

std::string format_duration(Duration d) {
  if (d.count() < 0)
    return str('-', format_duration(Duration{-std::max(d.count(), -Duration::max().count())}));
  auto us = static_cast<std::uint64_t>(d.count());
  if (us == 0) return "0s";
  if (us < 1'000) return str(us, "us");
  if (us < 1'000'000) return str(us / 1'000, "ms");
  auto s = us / 1'000'000;
  if (s < 60) return str(tenths(us, 1'000'000), 's');
  if (s < 3'600) return str(s / 60, 'm', two(s % 60), 's');
  if (s < 86'400) return str(s / 3'600, 'h', two(s % 3'600 / 60), 'm');
  return str(s / 86'400, 'd', two(s % 86'400 / 3'600), 'h');
}

Result<std::uint64_t> parse_size(std::string_view text) {
  auto whole = trim(text);
  auto rest = whole;
  auto refuse = [&](std::string_view why) {
    return Error{Errc::usage, str(quoted(whole), " is not a size: ", why)};
  };
  auto amount = take_amount(rest);
  if (!amount.found) return refuse("expected a number with a unit, such as 10MB or 100MiB");
  auto digits = whole.substr(0, whole.size() - rest.size());
  auto unit = trim(rest);
  if (unit.empty()) {
    return refuse(str("it needs a unit: write ", digits, "MB (a million bytes), ", digits,
                      "MiB (2^20) or ", digits, "B"));
  }
  for (const auto& known : kSizes) {
    if (known.name != unit) continue;
    std::uint64_t bytes = 0;
    if (!scaled(amount, known.factor, bytes)) return refuse("it is more than 64 bits can hold");
    return bytes;
  }
  for (const auto& known : kSizes) {
    if (lower(known.name) == lower(unit) || lower(known.name.substr(0, 1)) == lower(unit)) {
      return refuse(
          str("the unit ", quoted(unit), " is not known: did you mean ", digits, known.name, "?"));
    }
  }
  return refuse(str("the unit ", quoted(unit), " is none of B kB MB GB TB PB KiB MiB GiB TiB PiB"));
}

std::string format_size(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1'000) return str(bytes, 'B');
  std::uint64_t unit = 1'000;
  std::size_t at = 0;
  while (at < 5 && bytes / unit >= 1'000) {
    unit *= 1'000;
    at++;
  }
  return str(tenths(bytes, unit), kUnits[at]);
}

std::string format_time(Time t) {
  if (t == kNoTime) return "";
  // RFC 3339 has four digits for the year.
  constexpr Time kLast{Duration{253'402'300'799'999'999}};
  constexpr Time kFirst{Duration{-62'167'219'200'000'000}};
  t = std::min(std::max(t, kFirst), kLast);
  auto day = std::chrono::floor<std::chrono::days>(t);
  std::chrono::year_month_day date(day);
  auto ms = (t - day).count() / 1'000;
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(ms / 3'600'000),
                static_cast<int>(ms / 60'000 % 60), static_cast<int>(ms / 1'000 % 60),
                static_cast<int>(ms % 1'000));
  return buffer;
}

namespace {

// Reads exactly `n` digits at the front of text.
bool take_digits(std::string_view& text, std::size_t n, int& out) {
  if (text.size() < n) return false;
  out = 0;
  for (std::size_t i = 0; i < n; i++) {
    if (!digit(text[i])) return false;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(n);
  return true;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

Result<Time> parse_time(std::string_view text) {
  auto whole = trim(text);
  auto rest = whole;
  auto refuse = [&](std::string_view why) {
    return Error{Errc::usage, str(quoted(whole), " is not a time: ", why)};
  };
  constexpr auto kExpected = "expected RFC 3339, such as 2026-01-31T12:00:00Z";
  int year, month, day, hour, minute, second;
  if (!take_digits(rest, 4, year) || !take(rest, "-") || !take_digits(rest, 2, month) ||
      !take(rest, "-") || !take_digits(rest, 2, day) || !take(rest, "Tt ") ||
      !take_digits(rest, 2, hour) || !take(rest, ":") || !take_digits(rest, 2, minute) ||
      !take(rest, ":") || !take_digits(rest, 2, second)) {
    return refuse(kExpected);
  }
  std::chrono::year_month_day date{std::chrono::year(year),
                                   std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return refuse("there is no such day");
  if (hour > 23 || minute > 59 || second > 60) return refuse("there is no such time of day");
  std::int64_t us = 0;
  if (take(rest, ".")) {
    if (rest.empty() || !digit(rest[0])) return refuse(kExpected);
    for (std::int64_t place = 100'000; !rest.empty() && digit(rest[0]); place /= 10) {
      us += (rest[0] - '0') * place;
      rest.remove_prefix(1);
    }
  }
  std::int64_t offset = 0;
  if (!take(rest, "Zz")) {
    bool west = !rest.empty() && rest[0] == '-';
    int hours, minutes;
    if (rest.empty()) return refuse("the time zone is missing: add Z for UTC, or +08:00");
    if (!take(rest, "+-") || !take_digits(rest, 2, hours) || !take(rest, ":") ||
        !take_digits(rest, 2, minutes) || hours > 23 || minutes > 59) {
      return refuse(kExpected);
    }
    offset = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
  }
  if (!rest.empty()) return refuse(kExpected);
  auto seconds = (hour * 60 + minute) * 60 + second - offset;
  return Time{std::chrono::sys_days(date)} + Duration{seconds * 1'000'000 + us};
}

}  // namespace pawl
