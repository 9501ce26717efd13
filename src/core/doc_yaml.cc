// Reads YAML into a Doc from libyaml's events.
//
// Scalars follow the 1.2 core schema, not libyaml's 1.1 habits: `yes`, `on` and `12:30` are
// strings, 012 is twelve. What makes YAML files mean something else than they look like is refused
// with its position: tags, several documents, keys that are not strings, keys that stand twice,
// merge keys. Aliases are expanded by copying nodes, within a budget, so that a bomb costs its own
// size.

#include <yaml.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/text.h"
#include "core/doc.h"

namespace pawl::core {
namespace {

bool all(std::string_view s, bool (*test)(char)) {
  if (s.empty()) return false;
  for (char c : s)
    if (!test(c)) return false;
  return true;
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t characters(std::string_view s) {
  return static_cast<std::size_t>(std::count_if(
      s.begin(), s.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::size_t count_digits(std::string_view s, std::size_t from) {
  std::size_t n = from;
  while (n < s.size() && is_digit(s[n]))
    ++n;
  return n - from;
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool looks_like_float(std::string_view s) {
  std::size_t i = !s.empty() && (s[0] == '-' || s[0] == '+') ? 1 : 0;
  std::size_t whole = count_digits(s, i), fraction = 0;
  i += whole;
  if (i < s.size() && s[i] == '.') {
    fraction = count_digits(s, ++i);
    i += fraction;
  }
  if (whole + fraction == 0) return false;
  if (i < s.size() && (s[i] == 'e' || s[i] == 'E')) {
    ++i;
    if (i < s.size() && (s[i] == '-' || s[i] == '+')) ++i;
    std::size_t exponent = count_digits(s, i);
    if (exponent == 0) return false;
    i += exponent;
  }
  return i == s.size();
}

DocType resolve_plain(std::string_view s) {
  if (s.empty() || s == "~" || s == "null" || s == "Null" || s == "NULL") return DocType::null;
  if (s == "true" || s == "True" || s == "TRUE" || s == "false" || s == "False" || s == "FALSE")
    return DocType::boolean;
  char c = s[0];
  if (!is_digit(c) && c != '-' && c != '+' && c != '.') return DocType::string;
  std::string_view digits = s.substr(c == '-' || c == '+' ? 1 : 0);
  if (all(digits, is_digit)) return DocType::integer;
  if (s.substr(0, 2) == "0o" && all(s.substr(2), [](char d) { return d >= '0' && d <= '7'; }))
    return DocType::integer;
  if (s.substr(0, 2) == "0x" && all(s.substr(2), [](char d) {
        return is_digit(d) || ((d | 0x20) >= 'a' && (d | 0x20) <= 'f');
      }))
    return DocType::integer;
  return looks_like_float(s) ? DocType::number : DocType::string;
}

bool is_infinity_or_nan(std::string_view s) {
  if (s == ".nan" || s == ".NaN" || s == ".NAN") return true;
  if (!s.empty() && (s[0] == '-' || s[0] == '+')) s.remove_prefix(1);
  return s == ".inf" || s == ".Inf" || s == ".INF";
}

class YamlReader {
 public:
  YamlReader(std::string_view text, const DocLimits& limits, Doc& doc)
      : text_(text), limits_(limits), doc_(doc) {
    ready_ = yaml_parser_initialize(&parser_) != 0;
    if (!ready_) return;
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~YamlReader() {
    if (ready_) yaml_parser_delete(&parser_);
  }
  YamlReader(const YamlReader&) = delete;

  void read() {
    PAWL_ASSERT(ready_);
    yaml_event_t event;
    for (bool more = true; more;) {
      if (yaml_parser_parse(&parser_, &event) == 0) {
        syntax_error();
        return doc_.set_broken();
      }
      more = event.type != YAML_STREAM_END_EVENT;
      bool good = take(event);
      yaml_event_delete(&event);
      if (!good) return doc_.set_broken();
    }
    if (doc_.node_count() == 0) {
      report({1, 1}, "syntax", "the file is empty", "");
      doc_.set_broken();
    }
  }

 private:
  struct Mark {
    std::uint32_t line, column;
  };
  struct Open {
    std::uint32_t node;
    std::uint32_t count;
    bool map;
    bool want_key;
  };

  static Mark mark(const yaml_mark_t& m) {
    return {static_cast<std::uint32_t>(m.line) + 1, static_cast<std::uint32_t>(m.column) + 1};
  }

  bool report(Mark at, std::string code, std::string message, std::string hint,
              bool warning = false, std::uint32_t node = DocProblem::kNoNode) {
    doc_.problem(
        {at.line, at.column, node, std::move(code), std::move(message), std::move(hint), warning},
        limits_);
    return false;
  }

  void syntax_error();

  bool take(const yaml_event_t& e) {
    Mark at = mark(e.start_mark);
    switch (e.type) {
      case YAML_DOCUMENT_START_EVENT:
        if (++documents_ > 1)
          return report(at, "several_documents", "a second document begins here",
                        "one workflow a file; split it at the `---`");
        return true;
      case YAML_SCALAR_EVENT:
        return scalar(e, at);
      case YAML_SEQUENCE_START_EVENT:
        check_tag(e.data.sequence_start.tag, at);
        return open(at, false, e.data.sequence_start.anchor);
      case YAML_MAPPING_START_EVENT:
        check_tag(e.data.mapping_start.tag, at);
        return open(at, true, e.data.mapping_start.anchor);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        return close();
      case YAML_ALIAS_EVENT:
        return alias(e, at);
      default:
        return true;
    }
  }

  void check_tag(const yaml_char_t* tag, Mark at) {
    if (tag == nullptr) return;
    std::string name(view(tag));
    if (name.starts_with("tag:yaml.org,2002:")) name = str("!!", name.substr(18));
    report(at, "tag", str("the tag ", name, " is not allowed"),
           "write the value without it; quotes make a string");
  }

  static std::string_view view(const yaml_char_t* s) {
    return s == nullptr ? std::string_view{} : std::string_view(reinterpret_cast<const char*>(s));
  }

  // A container or alias where a key belongs.
  bool key_expected() const {
    return !stack_.empty() && stack_.back().map && stack_.back().want_key;
  }

  // A value is complete: what stands around it goes on.
  void count_value() {
    if (stack_.empty()) return;
    Open& o = stack_.back();
    if (o.map) o.want_key = true;
    ++o.count;
  }

  bool scalar(const yaml_event_t& e, Mark at);
  bool key(const yaml_event_t& e, Mark at, std::string_view text);
  bool open(Mark at, bool map, const yaml_char_t* anchor);
  bool close();
  bool alias(const yaml_event_t& e, Mark at);
  std::uint32_t depth_of(std::uint32_t from, std::uint32_t to) const;

  std::string_view text_;
  const DocLimits& limits_;
  Doc& doc_;
  yaml_parser_t parser_;
  bool ready_ = false;
  std::uint32_t documents_ = 0, copied_ = 0;
  std::vector<Open> stack_;
  std::unordered_map<std::string, std::uint32_t> anchors_;
};

void YamlReader::syntax_error() {
  Mark at = mark(parser_.problem_mark);
  std::string problem = parser_.problem != nullptr ? parser_.problem : "cannot be read";
  if (parser_.context != nullptr) problem = str(problem, " ", parser_.context);
  std::string hint;
  std::string_view rest;
  {
    std::size_t start = 0;
    for (std::uint32_t l = 1; l < at.line && start != text_.npos; ++l) {
      start = text_.find('\n', start);
      if (start != text_.npos) ++start;
    }
    if (start != text_.npos) rest = text_.substr(start, text_.find('\n', start) - start);
  }
  std::size_t indent = rest.find_first_not_of(' ');
  if (indent != rest.npos && rest[indent] == '\t') {
    report({at.line, static_cast<std::uint32_t>(indent) + 1}, "tab", "a tab indents this line",
           "YAML indents with blanks only");
    return;
  }
  if (problem.find("mapping values are not allowed") != problem.npos)
    hint = rest.find("run:") != rest.npos
               ? "text that holds `: ` stands in a block: `run: |` and the text below it, indented"
               : "a value that holds `: ` needs quotes, or the indentation is off";
  else if (problem.find("cannot start any token") != problem.npos)
    hint = "a value that begins with @, ` or % needs quotes";
  else if (problem.find("expected ',' or '}'") != problem.npos ||
           problem.find("expected ',' or ']'") != problem.npos)
    hint = rest.find("{{") != rest.npos
               ? "inside { } and [ ] an expression needs quotes: \"${{ ... }}\""
               : "is a closing bracket missing, or a comma?";
  else if (problem.find("could not find expected ':'") != problem.npos)
    hint = "is a `:` missing after the key, or is the line not indented?";
  else if (problem.find("did not find expected key") != problem.npos)
    hint = "is the line indented like those it belongs to?";
  report(at, "syntax", str("not YAML: ", problem), hint);
}

bool YamlReader::key(const yaml_event_t& e, Mark at, std::string_view text) {
  bool plain = e.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  std::string_view kept = doc_.keep(text);
  std::uint32_t node = doc_.add(DocType::string, kept, at.line, at.column);
  stack_.back().want_key = false;
  if (!plain) return true;
  if (text == "<<") {
    report(at, "merge_key", "merge keys (`<<`) are not supported",
           "put what tasks share under `defaults:`, or repeat an anchored value: `env: *common`",
           false, node);
    return true;
  }
  DocType type = resolve_plain(text);
  if (type != DocType::string)
    report(at, "key_not_string",
           str("a key must be a string, found ", describe(type), " (",
               text.empty() ? "empty" : text, ")"),
           text.empty() ? "" : str("quote it: \"", text, "\""), false, node);
  return true;
}

bool YamlReader::scalar(const yaml_event_t& e, Mark at) {
  std::string_view text(reinterpret_cast<const char*>(e.data.scalar.value), e.data.scalar.length);
  check_tag(e.data.scalar.tag, at);
  if (text.find('\0') != text.npos) report(at, "bad_text", "a NUL character in a string", "");
  if (e.data.scalar.anchor != nullptr)
    anchors_[std::string(view(e.data.scalar.anchor))] = doc_.node_count();
  if (key_expected()) return key(e, at, text);
  bool plain = e.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  DocType type = plain ? resolve_plain(text) : DocType::string;
  std::uint32_t node = doc_.add(type, doc_.keep(text), at.line, at.column);
  const yaml_mark_t& past = e.end_mark;
  if (e.data.scalar.style == YAML_LITERAL_SCALAR_STYLE) doc_.edit(node).lead = kBlockLead;
  if (past.line + 1 == at.line) {
    // As long in the file as in the tree (and its quotes): nothing was folded or unescaped.
    std::size_t quotes = plain ? 0 : 2, width = past.column + 1 - at.column;
    if (width == characters(text) + quotes) doc_.edit(node).lead = plain ? 0 : 1;
  }
  count_value();
  std::int64_t i = 0;
  double d = 0;
  if ((type == DocType::integer && !parse_integer(text, i)) ||
      (type == DocType::number && (text.back() == '.' ? false : !parse_double(text, d)))) {
    report(at, "number_range", str("the number ", text.substr(0, 40), " is out of range"),
           "integers have 64 bits; put it in quotes to keep it as text", false, node);
    doc_.edit(node).type = DocType::string;
  } else if (plain && is_infinity_or_nan(text)) {
    report(at, "number_range", str(text, " is not a number that JSON can carry"),
           "quote it to keep it as text", false, node);
  }
  return true;
}

bool YamlReader::open(Mark at, bool map, const yaml_char_t* anchor) {
  if (key_expected())
    return report(at, "key_not_string",
                  str("a key must be a string, found ", map ? "a map" : "a list"),
                  map ? "a value that begins with {{ is a map to YAML; expressions are "
                        "\"${{ ... }}\", in quotes inside { } and [ ]"
                      : "");
  if (stack_.size() >= limits_.max_depth)
    return report(at, "too_deep",
                  str("lists and maps are nested more than ", limits_.max_depth, " deep"), "");
  std::uint32_t node = doc_.add(map ? DocType::object : DocType::array, {}, at.line, at.column);
  if (anchor != nullptr) anchors_[std::string(view(anchor))] = node;
  stack_.push_back({node, 0, map, true});
  return true;
}

bool YamlReader::close() {
  Open o = stack_.back();
  stack_.pop_back();
  DocNode& node = doc_.edit(o.node);
  node.size = o.count;
  node.end = doc_.node_count();
  if (o.map) doc_.check_keys(o.node, limits_);
  count_value();
  return true;
}

std::uint32_t YamlReader::depth_of(std::uint32_t from, std::uint32_t to) const {
  std::vector<std::uint32_t> ends;
  std::size_t deepest = 0;
  for (std::uint32_t i = from; i < to; ++i) {
    while (!ends.empty() && ends.back() <= i)
      ends.pop_back();
    if (doc_.at(i).type < DocType::array) continue;
    ends.push_back(doc_.at(i).end);
    deepest = std::max(deepest, ends.size());
  }
  return static_cast<std::uint32_t>(deepest);
}

bool YamlReader::alias(const yaml_event_t& e, Mark at) {
  std::string name(view(e.data.alias.anchor));
  if (key_expected())
    return report(at, "key_not_string", str("an alias (*", name, ") cannot be a key"), "");
  auto hit = anchors_.find(name);
  if (hit == anchors_.end()) {
    report(at, "unknown_alias", str("*", name, " names no anchor"),
           str("an anchor is written before its use: &", name));
    doc_.add(DocType::null, "", at.line, at.column);
    count_value();
    return true;
  }
  std::uint32_t from = hit->second, to = doc_.end(from);
  for (const Open& o : stack_)
    if (o.node == from)
      return report(at, "alias_cycle", str("*", name, " stands inside what it names"), "");
  copied_ += to - from;
  if (copied_ > limits_.max_alias_nodes)
    return report(at, "alias_budget",
                  str("aliases expand to more than ", limits_.max_alias_nodes, " nodes"),
                  "write the values out, or use `for_each`");
  if (stack_.size() + depth_of(from, to) > limits_.max_depth)
    return report(at, "too_deep",
                  str("lists and maps are nested more than ", limits_.max_depth, " deep"), "");
  std::uint32_t shift = doc_.node_count() - from;
  for (std::uint32_t i = from; i < to; ++i) {
    DocNode n = doc_.at(i);
    if (n.type >= DocType::array) n.end += shift;
    doc_.edit(doc_.add(DocType::null, "", 0, 0)) = n;
  }
  count_value();
  return true;
}

}  // namespace

Doc Doc::read_yaml(std::string_view text, const DocLimits& limits) {
  Doc doc;
  DocProblem p;
  p.code = "bad_text";
  if (text.size() > limits.max_bytes) {
    p.code = "too_large";
    p.message = str("the file has ", text.size(), " bytes, more than ", limits.max_bytes);
  } else if (!check_text(text, p.line, p.column, p.message)) {
    p.message = str("the file holds ", p.message);
    p.hint = "workflow files are UTF-8 text";
  }
  if (!p.message.empty()) {
    doc.problem(std::move(p), limits);
    doc.set_broken();
    return doc;
  }
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  YamlReader(text, limits, doc).read();
  return doc;
}

}  // namespace pawl::core
