#include "actions/mask.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace pawl::actions {
namespace {

constexpr std::size_t kShortest = 4;
constexpr std::string_view kMask = "***";

// Every byte but the unreserved ones as %XX; `path` leaves '/' alone, as many encoders do.
std::string url_encoded(std::string_view text, bool path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (unsigned char c : text) {
    if (std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~' || (path && c == '/')) {
      out.push_back(static_cast<char>(c));
    } else {
      out.push_back('%');
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
    }
  }
  return out;
}

// What base64 of any text that holds `secret` at this offset modulo 3 must contain: the characters
// that depend on the secret alone.
std::string base64_core(std::string_view secret, std::size_t offset) {
  auto text = base64(std::string(offset, 'x') + std::string(secret));
  while (!text.empty() && text.back() == '=')
    text.pop_back();
  const std::size_t skip = offset == 0 ? 0 : offset + 1;
  const std::size_t spill = (offset + secret.size()) % 3 == 0 ? 0 : 1;
  if (text.size() <= skip + spill) return {};
  return text.substr(skip, text.size() - skip - spill);
}

}  // namespace

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    unsigned v = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      v = v << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out.push_back(k <= n ? kDigits[v >> (18 - 6 * k) & 63] : '=');
    }
  }
  return out;
}

void Masker::add(std::string pattern) {
  if (pattern.size() < kShortest) return;
  if (std::find(patterns_.begin(), patterns_.end(), pattern) != patterns_.end()) return;
  longest_ = std::max(longest_, pattern.size());
  patterns_.push_back(std::move(pattern));
}

Masker::Masker(const std::vector<std::pair<std::string, std::string>>& secrets) {
  for (const auto& [name, value] : secrets) {
    if (value.size() < kShortest) continue;
    std::vector<std::string_view> forms{value};
    if (value.find('\n') != std::string::npos) {
      for (auto line : split(value, '\n')) {
        if (trim(line).size() >= 8) forms.push_back(trim(line));
      }
    }
    for (auto form : forms) {
      add(std::string(form));
      add(url_encoded(form, false));
      add(url_encoded(form, true));
      std::string json;
      append_json_string(json, form);
      add(json.substr(1, json.size() - 2));
      for (std::size_t offset = 0; offset < 3; ++offset) {
        auto core = base64_core(form, offset);
        std::string url_form = core;
        std::replace(url_form.begin(), url_form.end(), '+', '-');
        std::replace(url_form.begin(), url_form.end(), '/', '_');
        add(std::move(core));
        add(std::move(url_form));
      }
    }
  }
  std::stable_sort(patterns_.begin(), patterns_.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

bool Masker::mask(std::string& text) const {
  bool found = false;
  for (const auto& pattern : patterns_) {
    for (auto at = text.find(pattern); at != std::string::npos;
         at = text.find(pattern, at + kMask.size())) {
      text.replace(at, pattern.size(), kMask);
      found = true;
    }
  }
  return found;
}

std::string Masker::masked(std::string_view text) const {
  std::string out(text);
  mask(out);
  return out;
}

std::size_t Masker::safe_cut(std::string_view text, std::size_t cut) const {
  std::size_t best = cut;
  for (const auto& pattern : patterns_) {
    const std::size_t from = cut >= pattern.size() ? cut - pattern.size() + 1 : 0;
    auto window = text.substr(from, std::min(text.size() - from, 2 * pattern.size()));
    auto at = window.find(pattern);
    if (at != std::string_view::npos && from + at < best) best = from + at;
  }
  return best == 0 ? cut : best;
}

}  // namespace pawl::actions
