#include "cli/args.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace pawl::cli {

namespace {

std::string quoted(std::string_view text) {
  return str('\'', to_valid_utf8(text.substr(0, 80)), text.size() > 80 ? "..." : "", '\'');
}

}  // namespace

std::vector<std::string> choices_of(std::string_view choices) {
  std::vector<std::string> out;
  for (auto choice : split(choices, '|'))
    out.emplace_back(choice);
  return out;
}

std::string usage_line(const CommandSpec& command) {
  std::string out(command.name);
  for (const auto& arg : command.args) {
    out +=
        str(' ', arg.optional ? "[" : "", arg.name, arg.optional ? "]" : "", arg.many ? "..." : "");
  }
  for (const auto& flag : command.flags) {
    if (flag.required) out += str(" --", flag.name, ' ', flag.value);
  }
  if (!command.flags.empty()) out += " [flags]";
  return out;
}

const CommandSpec* CommandTable::find(std::string_view command) const {
  for (const auto& candidate : commands) {
    if (candidate.name == command) return &candidate;
  }
  return nullptr;
}

// -- Invocation

const FlagSpec& Invocation::spec(std::string_view flag) const {
  if (command) {
    for (const auto& candidate : command->flags) {
      if (candidate.name == flag) return candidate;
    }
  }
  const FlagSpec* found = nullptr;
  for (const auto& candidate : table_->flags) {
    if (candidate.name == flag) found = &candidate;
  }
  PAWL_ASSERT(found && "the table has the flag");
  return *found;
}

std::optional<std::string> Invocation::arg(std::string_view name) const {
  PAWL_ASSERT(command);
  for (std::size_t i = 0; i < command->args.size(); i++) {
    if (command->args[i].name != name) continue;
    if (i < args_.size()) return args_[i];
    return std::nullopt;
  }
  PAWL_ASSERT(false && "the table has the argument");
  return std::nullopt;
}

bool Invocation::given(std::string_view flag) const {
  const auto& wanted = spec(flag);
  return std::any_of(values_.begin(), values_.end(),
                     [&](const auto& value) { return value.first == &wanted; });
}

std::optional<std::string> Invocation::text(std::string_view flag) const {
  const auto& wanted = spec(flag);
  for (auto value = values_.rbegin(); value != values_.rend(); ++value) {
    if (value->first == &wanted) return value->second;
  }
  if (wanted.fallback.empty()) return std::nullopt;
  return std::string(wanted.fallback);
}

std::optional<std::int64_t> Invocation::integer(std::string_view flag) const {
  PAWL_ASSERT(spec(flag).kind == FlagKind::integer);
  auto value = text(flag);
  if (!value) return std::nullopt;
  std::int64_t number = 0;
  std::from_chars(value->data(), value->data() + value->size(), number);
  return number;
}

std::optional<Duration> Invocation::duration(std::string_view flag) const {
  PAWL_ASSERT(spec(flag).kind == FlagKind::duration);
  auto value = text(flag);
  if (!value) return std::nullopt;
  return parse_duration(*value).value();
}

std::vector<std::string> Invocation::all(std::string_view flag) const {
  const auto& wanted = spec(flag);
  std::vector<std::string> out;
  for (const auto& [given_flag, value] : values_) {
    if (given_flag == &wanted) out.push_back(value);
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> Invocation::pairs(std::string_view flag) const {
  PAWL_ASSERT(spec(flag).kind == FlagKind::pair);
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& value : all(flag)) {
    auto at = value.find('=');
    out.emplace_back(value.substr(0, at), value.substr(at + 1));
  }
  return out;
}

// -- Parsing

class ArgParser {
 public:
  ArgParser(const CommandTable& table, const std::vector<std::string>& words)
      : table_(table), words_(words) {
    out_.table_ = &table;
  }

  Result<Invocation> run() {
    bool flags_ended = false;
    for (; at_ < words_.size(); at_++) {
      const auto& word = words_[at_];
      if (flags_ended || word.size() < 2 || word[0] != '-') {
        TRY(argument(word));
      } else if (word == "--") {
        flags_ended = true;
      } else if (word[1] == '-') {
        TRY(long_flag(std::string_view(word).substr(2)));
      } else {
        TRY(letters(std::string_view(word).substr(1)));
      }
    }
    if (out_.want != Invocation::Want::command) return std::move(out_);
    if (!out_.command) {
      out_.want = Invocation::Want::short_help;
      return std::move(out_);
    }
    TRY(complete());
    return std::move(out_);
  }

 private:
  // The error of `what`, with hints below it; the last one says where the help is.
  Error refuse(std::string_view what, std::string_view hint = {}) const {
    auto message = std::string(what);
    if (!hint.empty()) message += str("\n  ", hint);
    auto help = out_.command ? str(table_.program, ' ', out_.command->name, " -h")
                             : str(table_.program, " -h");
    message += str("\n  help: ", help);
    return {Errc::usage, std::move(message)};
  }

  Status argument(const std::string& word) {
    if (out_.command) {
      out_.args_.push_back(word);
      return {};
    }
    out_.command = table_.find(word);
    if (out_.command) return {};
    std::vector<std::string> names;
    for (const auto& command : table_.commands)
      names.emplace_back(command.name);
    auto near = nearest(word, names);
    if (near.empty()) {
      // `pawl sch` for `schema`: too far for an edit, but a clear beginning.
      for (const auto& name : names) {
        if (word.size() >= 2 && name.starts_with(word)) near = name;
      }
    }
    return refuse(str("there is no command ", quoted(word)),
                  near.empty() ? "" : str("did you mean: ", table_.program, ' ', near, '?'));
  }

  template <typename Match>
  const FlagSpec* find_flag(Match match) const {
    if (out_.command) {
      for (const auto& flag : out_.command->flags) {
        if (match(flag)) return &flag;
      }
    }
    for (const auto& flag : table_.flags) {
      if (match(flag)) return &flag;
    }
    return nullptr;
  }

  Status long_flag(std::string_view text) {
    auto equals = text.find('=');
    auto name = text.substr(0, equals);
    if (equals == std::string_view::npos && ask(name)) return {};
    auto* flag = find_flag([&](const FlagSpec& candidate) { return candidate.name == name; });
    if (!flag) return unknown_flag(name);
    if (flag->kind == FlagKind::toggle) {
      if (equals != std::string_view::npos) {
        return refuse(
            str("--", name, " takes no value, but got ", quoted(text.substr(equals + 1))));
      }
      return store(*flag, "");
    }
    if (equals != std::string_view::npos) return store(*flag, std::string(text.substr(equals + 1)));
    return next_value(*flag, str("--", name));
  }

  Status letters(std::string_view text) {
    while (!text.empty()) {
      auto letter = text[0];
      auto shown = str('-', letter);
      text.remove_prefix(1);
      if (letter == 'h' || letter == 'V') {
        ask(letter == 'h' ? "h" : "version");
        continue;
      }
      auto* flag = find_flag([&](const FlagSpec& candidate) { return candidate.letter == letter; });
      if (!flag) return unknown_letter(letter);
      if (flag->kind == FlagKind::toggle) {
        TRY(store(*flag, ""));
        continue;
      }
      if (text.empty()) return next_value(*flag, shown);
      if (text[0] == '=') text.remove_prefix(1);
      return store(*flag, std::string(text));
    }
    return {};
  }

  // --help, -h, --version: what is asked for counts, whatever else stands there.
  bool ask(std::string_view name) {
    using Want = Invocation::Want;
    auto want = name == "help"      ? Want::full_help
                : name == "h"       ? Want::short_help
                : name == "version" ? Want::version
                                    : Want::command;
    if (want == Want::command) return false;
    if (out_.want == Want::command) out_.want = want;
    return true;
  }

  Error unknown_flag(std::string_view name) const {
    std::vector<std::string> names = {"help", "version"};
    if (out_.command) {
      for (const auto& flag : out_.command->flags)
        names.emplace_back(flag.name);
    }
    for (const auto& flag : table_.flags)
      names.emplace_back(flag.name);
    auto near = nearest(name, names);
    for (const auto& known : names) {
      if (near.empty() && name.size() >= 2 && known.starts_with(name)) near = known;
    }
    std::string hint;
    if (!near.empty()) {
      hint = str("did you mean: --", near, '?');
    } else {
      hint = belongs_to([&](const FlagSpec& flag) { return flag.name == name; });
    }
    return refuse(str(subject(), " has no flag ", quoted(str("--", name))), hint);
  }

  Error unknown_letter(char letter) const {
    auto digit = letter >= '0' && letter <= '9';
    return refuse(str(subject(), " has no flag ", quoted(str('-', letter))),
                  digit ? "a value that begins with '-' goes behind '--', or as --flag=-1"
                        : belongs_to([&](const FlagSpec& flag) { return flag.letter == letter; }));
  }

  std::string subject() const {
    return out_.command ? str(table_.program, ' ', out_.command->name)
                        : std::string(table_.program);
  }

  // Before a command is named its flags are unknown: say that the order is what is wrong.
  template <typename Match>
  std::string belongs_to(Match match) const {
    if (out_.command) return {};
    for (const auto& command : table_.commands) {
      for (const auto& flag : command.flags) {
        if (match(flag))
          return str("a command's flags come after it: ", table_.program, " COMMAND --", flag.name);
      }
    }
    return {};
  }

  Status next_value(const FlagSpec& flag, const std::string& shown) {
    if (at_ + 1 >= words_.size()) {
      return refuse(str(shown, " needs a value: ", shown, ' ', flag.value));
    }
    return store(flag, words_[++at_]);
  }

  Status store(const FlagSpec& flag, std::string value) {
    auto wrong = [&](std::string_view expected) {
      return refuse(str("--", flag.name, ": found ", quoted(value), ", expected ", expected));
    };
    switch (flag.kind) {
      case FlagKind::toggle:
      case FlagKind::text:
        break;
      case FlagKind::integer: {
        std::int64_t number = 0;
        auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (error != std::errc() || end != value.data() + value.size() || number < 0) {
          return wrong("a whole number from 0 on");
        }
        break;
      }
      case FlagKind::duration: {
        auto read = parse_duration(value);
        if (!read.ok()) return refuse(str("--", flag.name, ": ", read.error().message));
        break;
      }
      case FlagKind::choice: {
        auto choices = choices_of(flag.choices);
        if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
          return wrong(str("one of ", join(choices, ", ")));
        }
        break;
      }
      case FlagKind::pair: {
        auto equals = value.find('=');
        if (equals == std::string::npos || equals == 0) {
          return wrong(str(flag.value, ", a name and a value with '=' between them"));
        }
        break;
      }
    }
    out_.values_.emplace_back(&flag, std::move(value));
    return {};
  }

  // Are all arguments and required flags there, and no more?
  Status complete() const {
    const auto& args = out_.command->args;
    for (std::size_t i = out_.args_.size(); i < args.size(); i++) {
      if (args[i].optional) continue;
      return refuse(str(subject(), " needs ", args[i].name),
                    str("usage: ", table_.program, ' ', usage_line(*out_.command)));
    }
    if (out_.args_.size() > args.size() && (args.empty() || !args.back().many)) {
      auto extra = str("found ", quoted(out_.args_[args.size()]));
      return refuse(str(subject(),
                        args.empty() ? " takes no argument: "
                                     : str(" takes no more than ", args.size(),
                                           args.size() == 1 ? " argument: " : " arguments: "),
                        extra),
                    str("usage: ", table_.program, ' ', usage_line(*out_.command)));
    }
    for (std::size_t i = 0; i < out_.args_.size() && i < args.size(); i++) {
      if (args[i].complete == Complete::choice) TRY(check_choice(args[i], out_.args_[i]));
    }
    for (const auto& flag : out_.command->flags) {
      if (flag.required && !out_.given(flag.name)) {
        return refuse(str(subject(), " needs --", flag.name, ' ', flag.value));
      }
    }
    return {};
  }

  Status check_choice(const ArgSpec& arg, const std::string& value) const {
    auto choices = choices_of(arg.choices);
    if (std::find(choices.begin(), choices.end(), value) != choices.end()) return {};
    auto near = nearest(value, choices);
    return refuse(str(subject(), ' ', arg.name, ": found ", quoted(value), ", expected one of ",
                      join(choices, ", ")),
                  near.empty() ? "" : str("did you mean: ", near, '?'));
  }

  const CommandTable& table_;
  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
  Invocation out_;
};

Result<Invocation> parse_args(const CommandTable& table, const std::vector<std::string>& words) {
  return ArgParser(table, words).run();
}

}  // namespace pawl::cli
