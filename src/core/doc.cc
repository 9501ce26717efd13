#include "core/doc.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "base/text.h"

namespace pawl::core {

const char* describe(DocType type) {
  switch (type) {
    case DocType::null:
      return "nothing";
    case DocType::boolean:
      return "a boolean";
    case DocType::integer:
      return "an integer";
    case DocType::number:
      return "a number";
    case DocType::string:
      return "a string";
    case DocType::array:
      return "a list";
    case DocType::object:
      return "a map";
  }
  return "something";
}

std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed) {
  constexpr std::uint64_t k = 0x9fb21c651e98df25u;
  std::uint64_t h = (seed ^ bytes.size()) * k;
  const char* p = bytes.data();
  std::size_t n = bytes.size();
  for (; n >= 8; p += 8, n -= 8) {
    std::uint64_t v;
    std::memcpy(&v, p, 8);
    h = (h ^ v) * k;
    h ^= h >> 32;
  }
  if (n != 0) {
    std::uint64_t v = 0;
    std::memcpy(&v, p, n);
    h = (h ^ v) * k;
  }
  h ^= h >> 29;
  h *= k;
  return h ^ (h >> 32);
}

Doc Doc::read(std::string_view text, const DocLimits& limits) {
  std::size_t at = text.substr(0, 3) == "\xEF\xBB\xBF" ? 3 : 0;
  while (at < text.size() && std::strchr(" \t\r\n", text[at]) != nullptr && text[at] != '\0')
    ++at;
  if (at < text.size() && text[at] == '{') return read_json(text, limits);
  return read_yaml(text, limits);
}

DocRef Doc::root() const { return DocRef(*this, 0); }

std::uint32_t Doc::add(DocType type, std::string_view text, std::uint32_t line,
                       std::uint32_t column) {
  if ((count_ & kMask) == 0 && (count_ >> kShift) == blocks_.size())
    blocks_.push_back(std::make_unique_for_overwrite<DocNode[]>(kMask + 1));
  DocNode& n = blocks_[count_ >> kShift][count_ & kMask];
  n.text = nullptr;
  if (type >= DocType::array) {
    n.end = count_ + 1;
    n.size = 0;
  } else {
    n.text = text.data();
    n.size = static_cast<std::uint32_t>(text.size());
  }
  n.line = line;
  n.column = column;
  n.type = type;
  n.lead = kNoLead;
  return count_++;
}

std::string_view Doc::keep(std::string_view text) {
  if (text.empty()) return std::string_view("");
  constexpr std::size_t kBlock = 64u << 10;
  if (text_size_ - text_used_ < text.size()) {
    // A long text gets a block of its own length, so that nothing of it is wasted.
    text_size_ = text.size() > kBlock / 4 ? text.size() : kBlock;
    text_blocks_.push_back(std::make_unique_for_overwrite<char[]>(text_size_));
    text_total_ += text_size_;
    text_used_ = 0;
  }
  char* to = text_blocks_.back().get() + text_used_;
  std::memcpy(to, text.data(), text.size());
  text_used_ += text.size();
  return {to, text.size()};
}

void Doc::problem(DocProblem p, const DocLimits& limits) {
  if (problems_.size() < limits.max_problems)
    problems_.push_back(std::move(p));
  else
    ++left_out_;
}

namespace {

bool same_key(const DocNode& a, const DocNode& b) {
  return a.size == b.size && std::memcmp(a.text, b.text, a.size) == 0;
}

}  // namespace

void Doc::check_keys(std::uint32_t index, const DocLimits& limits) {
  const DocNode& object = at(index);
  auto report = [&](std::uint32_t key, std::uint32_t first) {
    const DocNode& k = at(key);
    problem({k.line, k.column, key, "duplicate_key",
             str("\"", std::string_view(k.text, k.size), "\" stands twice in this map"),
             str("the first one is on line ", at(first).line), false},
            limits);
  };
  if (object.size <= 16) {
    std::uint32_t keys[16];
    std::uint32_t n = 0;
    for (std::uint32_t i = index + 1; i < object.end; i = end(i + 1)) {
      for (std::uint32_t j = 0; j < n; ++j)
        if (same_key(at(keys[j]), at(i))) {
          report(i, keys[j]);
          break;
        }
      keys[n++] = i;
    }
    return;
  }
  std::size_t slots = 32;
  while (slots < object.size * std::size_t{2})
    slots *= 2;
  std::vector<std::uint64_t> table(slots, 0);  // hash in the upper half, node + 1 in the lower
  for (std::uint32_t i = index + 1; i < object.end; i = end(i + 1)) {
    const DocNode& k = at(i);
    std::uint64_t h = hash_bytes({k.text, k.size});
    std::size_t slot = h & (slots - 1);
    std::uint64_t tag = h & 0xffffffff00000000u;
    bool twice = false;
    for (; table[slot] != 0; slot = (slot + 1) & (slots - 1)) {
      if ((table[slot] & 0xffffffff00000000u) != tag) continue;
      auto first = static_cast<std::uint32_t>(table[slot]) - 1;
      if (same_key(at(first), k)) {
        report(i, first);
        twice = true;
        break;
      }
    }
    if (!twice) table[slot] = tag | (i + 1);
  }
}

std::size_t Doc::footprint() const {
  return blocks_.size() * (kMask + std::size_t{1}) * sizeof(DocNode) + text_total_;
}

namespace {

void append_token(std::string& out, std::string_view token) {
  out.push_back('/');
  for (char c : token) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out.push_back(c);
  }
}

std::string read_token(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size())
      out.push_back(token[++i] == '1' ? '/' : '~');
    else
      out.push_back(token[i]);
  }
  return out;
}

}  // namespace

std::string Doc::pointer(std::uint32_t index, std::uint32_t from) const {
  std::string out;
  std::uint32_t here = from;
  while (here < count_ && here != index) {
    const DocNode& n = at(here);
    if (n.type < DocType::array || index >= n.end) return out;
    if (n.type == DocType::object) {
      std::uint32_t key = here + 1;
      while (end(key + 1) <= index)
        key = end(key + 1);
      append_token(out, {at(key).text, at(key).size});
      if (key == index) return out;
      here = key + 1;
    } else {
      std::uint32_t element = here + 1, i = 0;
      for (; end(element) <= index; ++i)
        element = end(element);
      append_token(out, std::to_string(i));
      here = element;
    }
  }
  return out;
}

DocRef DocRef::find(std::string_view key) const {
  if (!doc_ || !is_object()) return {};
  for (auto [k, v] : members())
    if (k.text() == key) return v;
  return {};
}

DocRef DocRef::locate(std::string_view pointer) const {
  DocRef here = *this;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    auto slash = pointer.find('/');
    std::string token = read_token(pointer.substr(0, slash));
    pointer = slash == std::string_view::npos ? std::string_view{} : pointer.substr(slash);
    DocRef next;
    if (here.is_object()) {
      next = here.find(token);
    } else if (here.is_array()) {
      std::size_t want = std::strtoul(token.c_str(), nullptr, 10), i = 0;
      for (DocRef e : here.elements())
        if (i++ == want) {
          next = e;
          break;
        }
    }
    if (!next) return here;
    here = next;
  }
  return here;
}

Json DocRef::to_json() const {
  const DocNode& n = node();
  switch (n.type) {
    case DocType::null:
      return Json();
    case DocType::boolean:
      return Json(n.text[0] == 't' || n.text[0] == 'T');
    case DocType::integer: {
      std::int64_t v = 0;
      parse_integer(text(), v);
      return Json(v);
    }
    case DocType::number: {
      double v = 0;
      parse_double(text(), v);
      return Json(v);
    }
    case DocType::string:
      return Json(std::string(text()));
    case DocType::array: {
      Json::Array items;
      items.reserve(n.size);
      for (DocRef e : elements())
        items.push_back(e.to_json());
      return Json::array(std::move(items));
    }
    case DocType::object: {
      Json::Object out;
      out.reserve(n.size);
      for (auto [k, v] : members())
        out.emplace_back(std::string(k.text()), v.to_json());
      return Json::object(std::move(out));
    }
  }
  return Json();
}

bool parse_integer(std::string_view text, std::int64_t& out) {
  if (text.empty()) return false;
  bool negative = text[0] == '-';
  if (text[0] == '-' || text[0] == '+') text.remove_prefix(1);
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'o')) {
    base = text[1] == 'x' ? 16 : 8;
    text.remove_prefix(2);
  }
  std::uint64_t v = 0;
  auto [p, error] = std::from_chars(text.data(), text.data() + text.size(), v, base);
  if (error != std::errc{} || p != text.data() + text.size()) return false;
  std::uint64_t bound = std::uint64_t{1} << 63;
  if (negative ? v > bound : v >= bound) return false;
  out = static_cast<std::int64_t>(negative ? 0 - v : v);
  return true;
}

bool parse_double(std::string_view text, double& out) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  auto [p, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && p == text.data() + text.size() && std::isfinite(out);
}

namespace {

// Length of the UTF-8 sequence that begins at p, 0 where there is none.
int utf8_length(const unsigned char* p, const unsigned char* end) {
  auto tail = [&](int i) { return p + i < end && (p[i] & 0xC0) == 0x80; };
  if (p[0] < 0xC2) return 0;
  if (p[0] < 0xE0) return tail(1) ? 2 : 0;
  if (p[0] < 0xF0) {
    if (!tail(1) || !tail(2)) return 0;
    if (p[0] == 0xE0 && p[1] < 0xA0) return 0;
    if (p[0] == 0xED && p[1] >= 0xA0) return 0;
    return 3;
  }
  if (p[0] > 0xF4 || !tail(1) || !tail(2) || !tail(3)) return 0;
  if (p[0] == 0xF0 && p[1] < 0x90) return 0;
  if (p[0] == 0xF4 && p[1] >= 0x90) return 0;
  return 4;
}

}  // namespace

bool check_text(std::string_view text, std::uint32_t& line, std::uint32_t& column,
                std::string& what) {
  auto p = reinterpret_cast<const unsigned char*>(text.data());
  auto end = p + text.size();
  line = column = 1;
  while (p < end) {
    if (*p >= 0x20 && *p < 0x7F) {
      ++p;
      ++column;
      continue;
    }
    if (*p == '\n') {
      ++p;
      ++line;
      column = 1;
      continue;
    }
    if (*p == '\t' || *p == '\r') {
      ++p;
      ++column;
      continue;
    }
    if (*p < 0x20 || *p == 0x7F) {
      what = *p == 0 ? std::string("a NUL byte")
                     : str("the control byte 0x", "0123456789abcdef"[*p >> 4],
                           "0123456789abcdef"[*p & 15]);
      return false;
    }
    int n = utf8_length(p, end);
    if (n == 0) {
      what = str("the byte 0x", "0123456789abcdef"[*p >> 4], "0123456789abcdef"[*p & 15],
                 ", which is not UTF-8");
      return false;
    }
    p += n;
    ++column;
  }
  return true;
}

}  // namespace pawl::core
