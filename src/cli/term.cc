#include "cli/term.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/text.h"
#include "cli/width_ranges.h"

namespace pawl::cli {

namespace {

template <std::size_t N>
bool within(const WidthRange (&ranges)[N], std::uint32_t c) {
  auto* after = std::upper_bound(std::begin(ranges), std::end(ranges), c,
                                 [](std::uint32_t v, const WidthRange& r) { return v < r.first; });
  return after != std::begin(ranges) && c <= (after - 1)->last;
}

std::size_t character_width(std::uint32_t c) {
  if (c < 0x20 || c == 0x7f) return 0;
  if (c < 0x300) return 1;
  if (within(kZeroWidth, c)) return 0;
  return within(kWide, c) ? 2 : 1;
}

// The character at text[at], and moves `at` behind it. REQUIRES: valid UTF-8.
std::uint32_t next_character(std::string_view text, std::size_t& at) {
  auto b = static_cast<unsigned char>(text[at++]);
  if (b < 0x80) return b;
  std::uint32_t c = b & (b < 0xe0 ? 0x1fu : b < 0xf0 ? 0x0fu : 0x07u);
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) {
    c = (c << 6) | (static_cast<unsigned char>(text[at++]) & 0x3fu);
  }
  return c;
}

bool set_and_not_empty(const char* value) { return value && *value; }

}  // namespace

Result<ColorChoice> parse_color_choice(std::string_view text) {
  if (text == "auto") return ColorChoice::automatic;
  if (text == "always") return ColorChoice::always;
  if (text == "never") return ColorChoice::never;
  return Error{Errc::usage,
               str("--color: found '", text, "', expected one of auto, always, never")};
}

const char* process_environment(const char* name) { return std::getenv(name); }

StreamFacts stream_facts(int fd) {
  StreamFacts facts{.tty = isatty(fd) == 1};
  struct winsize size {};
  if (facts.tty && ioctl(fd, TIOCGWINSZ, &size) == 0) facts.columns = size.ws_col;
  return facts;
}

Term describe_term(StreamFacts facts, ColorChoice choice, const Environment& environment) {
  Term term{.tty = facts.tty};
  int columns = facts.columns;
  if (auto* given = environment("COLUMNS"); columns <= 0 && set_and_not_empty(given)) {
    std::string_view text(given);
    std::from_chars(text.data(), text.data() + text.size(), columns);
  }
  // Narrower than 20 nothing fits any more: let the terminal break the lines.
  term.width = columns <= 0 ? 80 : std::clamp(columns, 20, 1000);

  auto* type = environment("TERM");
  auto* force = environment("CLICOLOR_FORCE");
  if (choice != ColorChoice::automatic) {
    term.color = choice == ColorChoice::always;
  } else if (set_and_not_empty(force) && std::string_view(force) != "0") {
    term.color = true;
  } else {
    bool dumb = type && std::string_view(type) == "dumb";
    term.color = facts.tty && !dumb && !set_and_not_empty(environment("NO_COLOR"));
  }

  for (auto* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    auto* value = environment(name);
    if (!set_and_not_empty(value)) continue;
    auto locale = lower(value);
    term.utf8 =
        locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
    break;
  }
  return term;
}

// -- Width

std::size_t display_width(std::string_view given) {
  auto valid = valid_utf8(given);
  auto fixed = valid ? std::string() : to_valid_utf8(given);
  auto text = valid ? given : std::string_view(fixed);
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();)
    width += character_width(next_character(text, at));
  return width;
}

std::string truncate(std::string_view given, std::size_t width, bool utf8) {
  if (display_width(given) <= width) return std::string(given);
  auto text = to_valid_utf8(given);
  std::string_view end = utf8 ? "\xe2\x80\xa6" : width >= 6 ? "..." : ".";
  auto end_width = display_width(end);
  if (width < end_width) return {};
  std::size_t used = 0, kept = 0;
  for (std::size_t at = 0; at < text.size();) {
    used += character_width(next_character(text, at));
    if (used > width - end_width) break;
    kept = at;
  }
  return text.substr(0, kept).append(end);
}

std::string pad_right(std::string_view text, std::size_t width) {
  std::string out(text);
  auto used = display_width(text);
  if (used < width) out.append(width - used, ' ');
  return out;
}

std::string pad_left(std::string_view text, std::size_t width) {
  auto used = display_width(text);
  return std::string(used < width ? width - used : 0, ' ').append(text);
}

std::string wrap(std::string_view text, std::size_t width, std::size_t indent) {
  std::string out, line;
  auto flush = [&] {
    out.append(indent, ' ').append(line) += '\n';
    line.clear();
  };
  for (auto word : split(text, ' ')) {
    if (word.empty()) continue;
    if (!line.empty() && indent + display_width(line) + 1 + display_width(word) > width) flush();
    if (!line.empty()) line += ' ';
    line += word;
  }
  if (!line.empty()) flush();
  return out;
}

// -- Untrusted text

namespace {

// The end of the escape sequence that begins at text[at] (an ESC, or the C1 form of CSI and OSC).
std::size_t escape_end(std::string_view text, std::size_t at, std::size_t introducer) {
  auto is_c1 = introducer == 2;
  char kind;
  if (is_c1) {
    kind = text[at + 1] == '\x9b' ? '[' : ']';
    at += 2;
  } else {
    if (at + 1 >= text.size()) return at + 1;
    kind = text[at + 1];
    at += 2;
  }
  if (kind == '[') {  // CSI: parameters, then one final letter
    while (at < text.size() && text[at] >= 0x20 && text[at] <= 0x3f)
      at++;
    if (at < text.size() && text[at] >= 0x40 && text[at] <= 0x7e) at++;
    return at;
  }
  if (kind == ']' || kind == 'P' || kind == 'X' || kind == '^' || kind == '_') {
    // OSC, DCS and the like: up to BEL or ESC \. Where that never comes only the introducer goes,
    // or one stray byte would swallow everything after it.
    for (auto end = at; end < text.size() && text[end] != '\n'; end++) {
      if (text[end] == '\a') return end + 1;
      if (text[end] == '\x1b' && end + 1 < text.size() && text[end + 1] == '\\') return end + 2;
    }
    return at;
  }
  if (kind >= 0x20 && kind <= 0x2f) {  // ESC ( B and the like
    return at < text.size() && text[at] >= 0x30 && text[at] <= 0x7e ? at + 1 : at;
  }
  // ESC and one letter; anything else stays, so that no character is lost.
  return kind >= 0x30 && kind <= 0x7e ? at : at - 1;
}

// Marks that turn the direction of reading: text could show other than it is.
bool turns_direction(std::uint32_t c) {
  return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

std::string clean(std::string_view given, bool keep_lines) {
  auto text = to_valid_utf8(given);
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    auto start = at;
    auto c = next_character(text, at);
    if (c == 0x1b) {
      at = escape_end(text, start, 1);
    } else if (c == 0x9b || c == 0x9d) {
      at = escape_end(text, start, 2);
    } else if (c == '\n' || c == '\t') {
      out += keep_lines ? static_cast<char>(c) : ' ';
    } else if (c == '\r') {
      // A bare return overwrites the line on a terminal; with a line feed it is only an old habit.
      if (at < text.size() && text[at] == '\n') continue;
      out += keep_lines ? '\n' : ' ';
    } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
      out += '?';
    } else if (c == 0x2028 || c == 0x2029) {
      out += keep_lines ? '\n' : ' ';
    } else if (!turns_direction(c)) {
      out.append(text, start, at - start);
    }
  }
  return out;
}

}  // namespace

std::string clean_line(std::string_view text) { return clean(text, false); }
std::string clean_text(std::string_view text) { return clean(text, true); }

// -- Colour and marks

std::string paint(const Term& term, Style style, std::string_view text) {
  if (!term.color || style == Style::plain || text.empty()) return std::string(text);
  constexpr const char* kCodes[] = {"0", "1", "2", "31", "32", "33", "34", "35", "36"};
  return str("\x1b[", kCodes[static_cast<std::size_t>(style)], 'm', text, "\x1b[0m");
}

Mark mark_of(std::string_view state) {
  struct Row {
    std::string_view state;
    Mark mark;
  };
  static constexpr Row kMarks[] = {
      {"completed", {"✓", "+", Style::green}}, {"pass", {"✓", "+", Style::green}},
      {"running", {"◐", ">", Style::cyan}},    {"recovering", {"◐", ">", Style::cyan}},
      {"failed", {"✗", "x", Style::red}},      {"fail", {"✗", "x", Style::red}},
      {"waiting", {"⧗", "?", Style::yellow}},  {"paused", {"‖", "=", Style::yellow}},
      {"retrying", {"↻", "~", Style::yellow}}, {"warning", {"!", "!", Style::yellow}},
      {"pending", {"○", ".", Style::dim}},     {"queued", {"○", ".", Style::dim}},
      {"skipped", {"-", "-", Style::dim}},     {"cancelled", {"⊘", "/", Style::magenta}},
  };
  for (const auto& row : kMarks) {
    if (row.state == state) return row.mark;
  }
  return {" ", " ", Style::plain};
}

std::string state_text(const Term& term, std::string_view state) {
  auto mark = mark_of(state);
  return paint(term, mark.style, str(term.utf8 ? mark.utf8 : mark.ascii, ' ', state));
}

}  // namespace pawl::cli
