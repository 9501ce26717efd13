#include "dataset/json_places.h"

#include <algorithm>

namespace dataset {

JsonPlaces::JsonPlaces(std::string_view text) : text_(text) { value(""); }

Place JsonPlaces::of(std::string path) const {
  while (true) {
    auto found = places_.find(path);
    if (found != places_.end()) return found->second;
    auto cut = path.find_last_of(".[");
    if (cut == std::string::npos) return places_.at("");
    path.resize(cut);
  }
}

void JsonPlaces::note(const std::string& path) {
  places_[path] = {line_, static_cast<int>(at_ - line_start_) + 1};
}

void JsonPlaces::space() {
  for (; at_ < text_.size(); ++at_) {
    char c = text_[at_];
    if (c == '\n') ++line_, line_start_ = at_ + 1;
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
  }
}

// Escapes in a key make its place unknown, nothing worse.
std::string JsonPlaces::string() {
  std::size_t first = ++at_;
  while (at_ < text_.size() && text_[at_] != '"')
    at_ += text_[at_] == '\\' ? 2 : 1;
  auto inner = text_.substr(first, at_ - first);
  ++at_;
  return std::string(inner);
}

void JsonPlaces::value(const std::string& path) {
  space();
  note(path);
  if (at_ >= text_.size()) return;
  char open = text_[at_];
  if (open == '"') {
    string();
  } else if (open == '{' || open == '[') {
    ++at_;
    for (int i = 0; at_ < text_.size(); ++i) {
      space();
      if (at_ >= text_.size() || text_[at_] == '}' || text_[at_] == ']') break;
      std::string inner = path + "[" + std::to_string(i) + "]";
      if (open == '{') {
        inner = path.empty() ? string() : path + "." + string();
        space();
        ++at_;  // the colon
      }
      value(inner);
      space();
      if (at_ < text_.size() && text_[at_] == ',') ++at_;
    }
    ++at_;
  } else {
    at_ = std::min(text_.size(), text_.find_first_of(",}] \t\r\n", at_));
  }
}

}  // namespace dataset
