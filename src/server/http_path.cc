#include "server/http_path.h"

#include <algorithm>

#include "base/text.h"
#include "server/http_reader.h"

namespace pawl::server {
namespace {

constexpr std::size_t kMaxQueryItems = 100;

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

}  // namespace

bool decode_path(std::string_view raw, std::vector<std::string>& segments, const char*& why) {
  segments.clear();
  if (!raw.starts_with('/')) {
    why = "the path does not begin with a slash";
    return false;
  }
  raw.remove_prefix(1);
  if (raw.empty()) return true;
  const auto parts = split(raw, '/');
  std::string decoded;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    if (!percent_decode(parts[i], false, decoded)) {
      why = "the path has a broken escape, or a NUL";
    } else if (decoded.empty() && !last) {
      why = "the path has an empty segment";
    } else if (decoded == "." || decoded == "..") {
      why = "the path has a segment \".\" or \"..\"";
    } else if (decoded.find('/') != std::string::npos || decoded.find('\\') != std::string::npos) {
      why = "the path has an escaped slash or a backslash";
    } else if (has_control(decoded)) {
      why = "the path has a control character";
    } else if (!valid_utf8(decoded)) {
      why = "the path is not UTF-8";
    } else {
      segments.push_back(std::move(decoded));
      continue;
    }
    return false;
  }
  return true;
}

bool decode_query(std::string_view raw, QueryItems& items, const char*& why) {
  items.clear();
  if (raw.empty()) return true;
  for (auto part : split(raw, '&')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    std::string name, value;
    const bool whole =
        percent_decode(part.substr(0, equals), true, name) &&
        (equals == std::string_view::npos || percent_decode(part.substr(equals + 1), true, value));
    if (!whole || part.find('\0') != std::string_view::npos) {
      why = "the query has a broken escape, or a NUL";
    } else if (!valid_utf8(name) || !valid_utf8(value)) {
      why = "the query is not UTF-8";
    } else if (items.size() == kMaxQueryItems) {
      why = "the query has too many parameters";
    } else {
      items.emplace_back(std::move(name), std::move(value));
      continue;
    }
    return false;
  }
  return true;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(kDigits[byte >> 4]);
      out.push_back(kDigits[byte & 15]);
    }
  }
  return out;
}

}  // namespace pawl::server
