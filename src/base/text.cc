#include "base/text.h"

#include <algorithm>

namespace pawl {

namespace text_detail {

void put(std::string& out, double v) {
  char buffer[32];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr);
}

}  // namespace text_detail

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); i++) {
    if (i) out += separator;
    out += parts[i];
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

namespace {

// Characters as numbers; a byte that is not UTF-8 counts as one character of its own.
std::u32string characters(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    auto b = static_cast<unsigned char>(text[at]);
    std::size_t length = b < 0x80 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
    char32_t c = b;
    if (length > 1 && utf8_error(text.substr(at, length)) == std::string_view::npos) {
      c = b & (0x7fu >> length);
      for (std::size_t i = 1; i < length && at + i < text.size(); i++) {
        c = (c << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3fu);
      }
    } else if (length > 1) {
      c = 0x110000u + b;
      length = 1;
    }
    out.push_back(c);
    at += length;
  }
  return out;
}

// The distance, or anything above `limit` once it is known to be above.
std::size_t distance(const std::u32string& a, const std::u32string& b, std::size_t limit) {
  auto gap = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (gap > limit) return gap;
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); j++)
    last[j] = j;
  for (std::size_t i = 1; i <= a.size(); i++) {
    row[0] = i;
    auto least = row[0];
    for (std::size_t j = 1; j <= b.size(); j++) {
      auto best = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        best = std::min(best, before[j - 2] + 1);
      }
      row[j] = best;
      least = std::min(least, best);
    }
    if (least > limit + 1) return least;  // a swap may still save one
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  return distance(characters(a), characters(b), std::max(a.size(), b.size()));
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  auto wanted = characters(word);
  auto folded = lower(word);
  auto limit = std::max<std::size_t>(wanted.size() <= 3 ? 1 : 2, wanted.size() / 3);
  // One letter is not a likeness: something of the word must be left.
  if (wanted.size() <= limit) limit = wanted.size() ? wanted.size() - 1 : 0;
  const std::string* best = nullptr;
  for (const auto& candidate : candidates) {
    if (lower(candidate) == folded) return candidate;
    if (candidate.size() > (wanted.size() + limit) * 4) continue;
    auto found = distance(wanted, characters(candidate), limit);
    if (found > limit || (best && found == limit)) continue;
    best = &candidate;
    limit = found;
    if (limit == 0) break;
  }
  return best ? *best : std::string();
}

}  // namespace pawl
