#pragma once
// Small text tools: concatenation, durations and sizes as people write them, UTF-8, nearest names.
// Where people write something wrong the error quotes it and says what to write instead.

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace pawl {

namespace text_detail {
inline void put(std::string& out, std::string_view v) { out.append(v); }
inline void put(std::string& out, const char* v) { out.append(v); }
inline void put(std::string& out, const std::string& v) { out.append(v); }
inline void put(std::string& out, char v) { out.push_back(v); }
template <typename I>
requires(std::is_integral_v<I> && !std::is_same_v<I, char> &&
         !std::is_same_v<I, bool>) inline void put(std::string& out, I v) {
  char buffer[24];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, v).ptr;
  out.append(buffer, end);
}
void put(std::string& out, double v);
inline void put(std::string& out, bool v) { out.append(v ? "true" : "false"); }
}  // namespace text_detail

// str("run ", 41, ": ", name): the pieces in a row.
template <typename... Pieces>
std::string str(const Pieces&... pieces) {
  std::string out;
  (text_detail::put(out, pieces), ...);
  return out;
}

// "250ms", "5s", "10m", "1h30m", "2d". A number without a unit is refused, and says so.
Result<Duration> parse_duration(std::string_view text);
std::string format_duration(
    Duration d);  // for people: "12.3s", "4m10s", "2h05m"; round trip not promised
std::string print_duration(Duration d);  // exact, reads back: "1h30m", "250ms", "1500us"
// "10MB" (10^6), "100MiB" (2^20); a unit is needed.
Result<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);
// RFC 3339 UTC with milliseconds: "2026-01-31T12:00:00.000Z". kNoTime gives "".
std::string format_time(Time t);
Result<Time> parse_time(std::string_view text);

bool valid_utf8(std::string_view text);
// Where the first invalid byte stands, or npos.
std::size_t utf8_error(std::string_view text);
// Invalid sequences become U+FFFD.
std::string to_valid_utf8(std::string_view text);

// Insertions, deletions, substitutions and swaps of neighbours (each costs 1), in characters.
std::size_t edit_distance(std::string_view a, std::string_view b);
// The candidate nearest to `word` within edit distance 2 (1 for words of up to three letters), or a
// third of its length; else "". Of equally near ones the first; one that differs in case only wins.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string lower(std::string_view text);  // ASCII

}  // namespace pawl
