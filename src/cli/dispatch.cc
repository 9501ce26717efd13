#include "cli/dispatch.h"

#include <algorithm>

#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/emit.h"
#include "cli/help.h"

namespace pawl::cli {

void Io::describe(ColorChoice choice) {
  out_term_ = describe_term(stream_facts(out_fd_), choice, environment_);
  err_term_ = describe_term(stream_facts(err_fd_), choice, environment_);
}

bool Io::write(int fd, std::string_view text) { return write_all(fd, text, "output").ok(); }

// A message is what went wrong; lines that begin with "hint:" are what to do about it.
int report(const Error& error, bool json, Io& io) {
  auto code = exit_code(error.code);
  std::string what, hints;
  for (auto line : split(error.message, '\n')) {
    bool hint = line.starts_with("hint: ");
    auto& part = hint ? hints : what;
    part += str(part.empty() ? "" : "\n", hint ? line.substr(6) : line);
  }
  if (json) {
    Json body;
    body.set("code", to_string(error.code)).set("message", to_valid_utf8(what));
    if (!hints.empty()) body.set("hint", to_valid_utf8(hints));
    body.set("exit_code", code);
    io.err(Json::object({{"error", body}}).dump() + '\n');
    return code;
  }
  // Messages hold what others wrote (names, values): nothing in them may reach the terminal raw.
  const Term& term = io.err_term();
  auto text = str(paint(term, Style::red, "error:"), ' ', clean_text(what), '\n');
  for (auto hint : split(hints, '\n')) {
    if (!hint.empty())
      text += str("  ", paint(term, Style::bold, "hint:"), ' ', clean_text(hint), '\n');
  }
  io.err(text);
  return code;
}

namespace {

int run_emit(const Invocation& invocation, Io& io) {
  auto values = invocation.args();
  auto kind = values.front();
  values.erase(values.begin());
  auto event = make_event(kind, values, invocation.text("unit"));
  auto done = event.ok() ? append_event(io.environment("PAWL_EVENTS"), *event)
                         : Status(std::move(event).error());
  return done.ok() ? 0 : report(done.error(), invocation.on("json"), io);
}

int run_completion(const Invocation& invocation, Io& io) {
  io.out(completion_script(commands(), *invocation.arg("SHELL")));
  return 0;
}

int run_help(const Invocation& invocation, Io& io) {
  if (invocation.on("man")) {
    io.out(man_page(commands(), PAWL_VERSION));
    return 0;
  }
  auto topic = invocation.arg("TOPIC");
  if (!topic) {
    io.out(overview(commands(), io.out_term(), true));
    return 0;
  }
  auto text = help_on(commands(), *topic, io.out_term());
  if (!text.ok()) return report(text.error(), invocation.on("json"), io);
  io.out(*text);
  return 0;
}

int run_version(const Invocation& invocation, Io& io) {
  if (invocation.on("json")) {
    io.out(Json::object({{"name", "pawl"}, {"version", PAWL_VERSION}}).dump() + '\n');
  } else {
    io.out(str("pawl ", PAWL_VERSION, '\n'));
  }
  return 0;
}

Handler find_handler(const std::vector<HandlerRow>& rows, std::string_view command) {
  for (const auto& row : rows) {
    if (row.command == command) return row.handler;
  }
  return nullptr;
}

}  // namespace

const std::vector<HandlerRow>& plain_handlers() {
  static const std::vector<HandlerRow> rows = {{"emit", run_emit},
                                               {"completion", run_completion},
                                               {"help", run_help},
                                               {"version", run_version}};
  return rows;
}

int run_command_line(const std::vector<std::string>& words, const std::vector<HandlerRow>& handlers,
                     Io& io) {
  io.describe(ColorChoice::automatic);
  auto parsed = parse_args(commands(), words);
  if (!parsed.ok()) {
    // The words could not be read, but a wish for JSON is plain enough.
    bool json = std::find(words.begin(), words.end(), "--json") != words.end();
    return report(parsed.error(), json, io);
  }
  const auto& invocation = *parsed;
  io.describe(parse_color_choice(*invocation.text("color")).value());
  using Want = Invocation::Want;
  if (invocation.want == Want::version) return run_version(invocation, io);
  if (invocation.want != Want::command) {
    bool full = invocation.want == Want::full_help;
    io.out(invocation.command ? command_help(commands(), *invocation.command, io.out_term(), full)
                              : overview(commands(), io.out_term(), full));
    return 0;
  }
  auto name = invocation.command->name;
  auto handler = find_handler(plain_handlers(), name);
  if (!handler) handler = find_handler(handlers, name);
  if (!handler) {
    return report({Errc::internal, str("this build has no code for `pawl ", name, '`')},
                  invocation.on("json"), io);
  }
  return handler(invocation, io);
}

}  // namespace pawl::cli
