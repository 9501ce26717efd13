#include "cli/help.h"

#include <algorithm>

#include "base/text.h"

namespace pawl::cli {

namespace {

// Wider lines than this read badly, however wide the terminal is.
constexpr std::size_t kWidest = 100;

std::size_t width_of(const Term& term) {
  return std::min(kWidest, static_cast<std::size_t>(term.width));
}

std::string heading(const Term& term, std::string_view text) {
  return paint(term, Style::bold, text) + '\n';
}

// Two columns: a term, and what it means. Where the terminal is narrow, or a term long, the meaning
// goes on the line below.
class List {
 public:
  List(const Term& term, std::size_t column) : term_(term), width_(width_of(term)) {
    column_ = column + 4 > width_ / 2 ? 0 : column + 4;
  }

  void add(std::string& out, std::string_view term, std::string_view meaning) const {
    auto lead = str("  ", term);
    auto indent = column_ ? column_ : 6;
    auto text = wrap(meaning, width_, indent);
    if (column_ && display_width(lead) + 2 <= column_ && !text.empty()) {
      out += str("  ", paint(term_, Style::cyan, term));
      out.append(column_ - display_width(lead), ' ');
      out += text.substr(indent);
    } else {
      out += str("  ", paint(term_, Style::cyan, trim(term)), '\n', text);
    }
  }

 private:
  const Term& term_;
  std::size_t width_;
  std::size_t column_;
};

std::string paragraphs(std::string_view text, const Term& term) {
  std::string out, paragraph;
  auto flush = [&] {
    if (paragraph.empty()) return;
    out += str(out.empty() ? "" : "\n", wrap(paragraph, width_of(term), 0));
    paragraph.clear();
  };
  for (auto line : split(text, '\n')) {
    if (line.empty()) flush();
    paragraph += str(paragraph.empty() ? "" : " ", line);
  }
  flush();
  return out;
}

std::string examples(const std::vector<Example>& list, const Term& term) {
  std::string out;
  for (const auto& example : list) {
    // An example is for copying: it stays on one line whatever the width.
    out += str("  ", paint(term, Style::cyan, example.line), '\n');
    out += wrap(example.what, width_of(term), 6);
  }
  return out;
}

std::string flag_term(const FlagSpec& flag) {
  auto out = flag.letter ? str('-', flag.letter, ", --", flag.name) : str("    --", flag.name);
  if (flag.kind != FlagKind::toggle) out += str(' ', flag.value);
  return out;
}

std::string flag_meaning(const FlagSpec& flag) {
  std::string out(flag.help);
  if (!flag.choices.empty()) out += str(": ", join(choices_of(flag.choices), ", "));
  std::vector<std::string> notes;
  if (flag.required) notes.emplace_back("required");
  if (flag.repeat) notes.emplace_back("may be repeated");
  if (!flag.fallback.empty()) notes.push_back(str("default ", flag.fallback));
  if (!notes.empty()) out += str(" (", join(notes, "; "), ')');
  return out;
}

template <typename Keep>
std::string flag_list(const std::vector<FlagSpec>& flags, const Term& term, Keep keep) {
  std::size_t widest = 0;
  for (const auto& flag : flags) {
    if (keep(flag)) widest = std::max(widest, flag_term(flag).size());
  }
  List list(term, std::min<std::size_t>(widest, 26));
  std::string out;
  for (const auto& flag : flags) {
    if (keep(flag)) list.add(out, flag_term(flag), flag_meaning(flag));
  }
  return out;
}

// The table's own and those that parsing answers by itself.
std::string global_flag_list(const CommandTable& table, const Term& term) {
  auto flags = table.flags;
  flags.push_back({.name = "help", .letter = 'h', .help = "this help; -h is the short one"});
  flags.push_back({.name = "version", .letter = 'V', .help = "print the version"});
  return flag_list(flags, term, [](const FlagSpec&) { return true; });
}

// The topic's lines "term  meaning" (two blanks between) as a list, the others as paragraphs.
std::string topic_text(const Topic& topic, const Term& term) {
  auto parts_of = [](std::string_view line) {
    auto gap = line.find("  ");
    return std::pair(line.substr(0, gap),
                     gap == std::string_view::npos ? std::string_view() : trim(line.substr(gap)));
  };
  std::size_t widest = 0;
  for (auto line : split(topic.text, '\n')) {
    auto [name, meaning] = parts_of(line);
    if (!meaning.empty()) widest = std::max(widest, name.size());
  }
  List list(term, widest);
  std::string out, text;
  for (auto line : split(topic.text, '\n')) {
    auto [name, meaning] = parts_of(line);
    if (meaning.empty()) {
      if (line.empty()) out += paragraphs(text, term) + '\n';
      text = line.empty() ? "" : str(text, text.empty() ? "" : " ", line);
    } else {
      list.add(out, name, meaning);
    }
  }
  return out + paragraphs(text, term);
}

}  // namespace

std::string overview(const CommandTable& table, const Term& term, bool full) {
  auto out = wrap(str(table.program, " - ", table.summary), width_of(term), 0);
  out += '\n' + examples(table.examples, term);
  std::vector<std::string_view> groups;
  std::size_t widest = 0;
  for (const auto& command : table.commands) {
    if (std::find(groups.begin(), groups.end(), command.group) == groups.end()) {
      groups.push_back(command.group);
    }
    widest = std::max(widest, command.name.size());
  }
  List list(term, widest);
  for (auto group : groups) {
    out += '\n' + heading(term, group);
    for (const auto& command : table.commands) {
      if (command.group == group) list.add(out, command.name, command.summary);
    }
  }
  if (full) {
    out += '\n' + heading(term, "Flags of every command");
    out += global_flag_list(table, term);
    out += '\n' + heading(term, "Topics");
    for (const auto& topic : table.topics) {
      List(term, widest + 2).add(out, topic.name, topic.summary);
    }
  }
  out += '\n' + wrap(str("More: ", table.program, " COMMAND -h, ", table.program,
                         full ? " help TOPIC" : " --help"),
                     width_of(term), 0);
  return out;
}

std::string command_help(const CommandTable& table, const CommandSpec& command, const Term& term,
                         bool full) {
  auto out = wrap(str(table.program, ' ', command.name, " - ", command.summary), width_of(term), 0);
  if (!command.examples.empty()) {
    out += '\n' + heading(term, "Examples");
    out += examples(command.examples, term);
  }
  out += '\n' + heading(term, "Usage");
  out += str("  ", table.program, ' ', usage_line(command), '\n');
  if (full && !command.details.empty()) out += '\n' + paragraphs(command.details, term);
  auto flags = flag_list(command.flags, term, [&](const FlagSpec& flag) {
    return full || flag.common || flag.required;
  });
  if (!flags.empty()) out += '\n' + heading(term, full ? "Flags" : "Common flags") + flags;
  if (full) {
    out += '\n' + heading(term, "Flags of every command");
    out += global_flag_list(table, term);
  } else {
    out +=
        '\n' + wrap(str("More: ", table.program, ' ', command.name, " --help"), width_of(term), 0);
  }
  return out;
}

Result<std::string> help_on(const CommandTable& table, std::string_view name, const Term& term) {
  if (auto* command = table.find(name)) return command_help(table, *command, term, true);
  std::vector<std::string> names;
  for (const auto& topic : table.topics) {
    if (topic.name == name) return topic_text(topic, term);
    names.emplace_back(topic.name);
  }
  auto topics = join(names, ", ");
  for (const auto& command : table.commands)
    names.emplace_back(command.name);
  auto near = nearest(name, names);
  return Error{
      Errc::usage,
      str("there is no help on '", clean_line(name), '\'',
          near.empty() ? "" : str("\n  did you mean: ", table.program, " help ", near, '?'),
          "\n  help: any command, or ", topics)};
}

// -- The man page

namespace {

// roff reads a backslash as an escape and a leading dot or quote as a command.
std::string roff(std::string_view text) {
  std::string out;
  for (auto c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  if (!out.empty() && (out[0] == '.' || out[0] == '\'')) out.insert(0, "\\&");
  return out;
}

std::string roff_paragraphs(std::string_view text) {
  std::string out;
  for (auto line : split(text, '\n'))
    out += line.empty() ? ".PP\n" : roff(line) + '\n';
  return out;
}

std::string roff_flags(const std::vector<FlagSpec>& flags) {
  std::string out;
  for (const auto& flag : flags) {
    out += str(".TP\n\\fB", roff(trim(flag_term(flag))), "\\fR\n", roff(flag_meaning(flag)), '\n');
  }
  return out;
}

std::string roff_examples(const std::vector<Example>& list) {
  std::string out;
  for (const auto& example : list) {
    out += str(".TP\n\\fB", roff(example.line), "\\fR\n", roff(example.what), '\n');
  }
  return out;
}

}  // namespace

std::string man_page(const CommandTable& table, std::string_view version) {
  auto out = str(".TH ", table.program, " 1 \"\" \"", table.program, ' ', version, "\"\n.SH NAME\n",
                 table.program, " \\- ", roff(table.summary), "\n.SH SYNOPSIS\n\\fB", table.program,
                 "\\fR COMMAND [ARGUMENTS] [FLAGS]\n.SH EXAMPLES\n", roff_examples(table.examples),
                 ".SH COMMANDS\n");
  for (const auto& command : table.commands) {
    out += str(".SS ", table.program, ' ', roff(usage_line(command)), '\n', roff(command.summary),
               ".\n");
    if (!command.details.empty()) out += ".PP\n" + roff_paragraphs(command.details);
    out += roff_flags(command.flags) + roff_examples(command.examples);
  }
  out += ".SH FLAGS OF EVERY COMMAND\n" + roff_flags(table.flags);
  for (const auto& topic : table.topics) {
    out += str(".SH ", roff(topic.summary), '\n');
    for (auto line : split(topic.text, '\n')) {
      auto gap = line.find("  ");
      if (gap == std::string_view::npos) {
        out += line.empty() ? ".PP\n" : roff(line) + '\n';
      } else {
        out += str(".TP\n\\fB", roff(line.substr(0, gap)), "\\fR\n", roff(trim(line.substr(gap))),
                   '\n');
      }
    }
  }
  return out;
}

}  // namespace pawl::cli
