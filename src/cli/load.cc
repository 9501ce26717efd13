#include "cli/load.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/fs.h"
#include "base/text.h"

namespace pawl::cli {
namespace {

std::string absolute(const std::string& path) {
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved)) return resolved;
  return path;
}

std::string directory_of(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

class Loader {
 public:
  // Returns the file's place in the bundle. Where a child cannot be read or closes a circle, that
  // is a finding at the line that names it.
  Result<std::size_t> load(const std::string& path, const std::string& shown) {
    auto file = path == "-" ? str(absolute("."), "/stdin") : absolute(path);
    if (auto known = done_.find(file); known != done_.end()) return known->second;
    LoadedFile loaded{shown, file, {}, {}};
    core::WorkflowLimits limits;
    auto text = path == "-" ? read_fd(STDIN_FILENO, "stdin", limits.max_file_bytes)
                            : read_file(path, limits.max_file_bytes);
    if (!text.ok()) return unreadable(text.error(), shown);
    loaded.text = std::move(*text);
    loaded.parsed = core::parse_workflow(loaded.text, shown);
    way_.emplace_back(file, shown);
    server::Bundle::File entry{file, loaded.text, {}};
    if (auto workflow = loaded.parsed.workflow) {
      for (const auto& child : workflow->child_files)
        load_child(loaded, entry, child);
    }
    way_.pop_back();
    auto place = out_.files.size();
    done_.emplace(file, place);
    out_.files.push_back(std::move(loaded));
    out_.bundle.files.push_back(std::move(entry));
    return place;
  }
  Loaded take() { return std::move(out_); }

 private:
  static Error unreadable(Error error, const std::string& shown) {
    if (error.code == Errc::not_found) {
      return with_hint({Errc::invalid_workflow, str("there is no file ", shown)},
                       "pawl run FILE, where FILE is a workflow in YAML or JSON; - reads stdin");
    }
    error.code = Errc::invalid_workflow;
    return with_hint(std::move(error),
                     "FILE is a workflow in YAML or JSON that this user can read");
  }

  void load_child(LoadedFile& parent, server::Bundle::File& entry, const core::ChildFile& child) {
    auto known = std::any_of(entry.children.begin(), entry.children.end(),
                             [&](const auto& have) { return have.first == child.file; });
    if (known) return;
    auto path =
        child.file.starts_with('/') ? child.file : str(directory_of(parent.file), "/", child.file);
    auto problem = circle(absolute(path), child.file);
    if (problem.empty()) {
      auto place = load(path, str(directory_of(parent.shown), "/", child.file));
      if (place.ok()) {
        entry.children.emplace_back(child.file, *place);
        return;
      }
      problem = split(place.error().message, '\n')[0];
    }
    core::Diagnostic d;
    d.file = parent.shown;
    d.line = child.line;
    d.column = 1;
    d.code = "child_file";
    d.message = problem;
    parent.parsed.findings.push_back(std::move(d));
    parent.parsed.workflow = nullptr;
  }

  std::string circle(const std::string& file, const std::string& written) const {
    auto at =
        std::find_if(way_.begin(), way_.end(), [&](const auto& w) { return w.first == file; });
    if (at == way_.end()) return {};
    std::string path;
    for (; at != way_.end(); ++at)
      path += str(at->second, " -> ");
    return str("the files name each other in a circle: ", path, written);
  }

  Loaded out_;
  std::map<std::string, std::size_t> done_;
  std::vector<std::pair<std::string, std::string>> way_;  // (file, shown) from the first to here
};

}  // namespace

bool Loaded::valid() const {
  return std::all_of(files.begin(), files.end(), [](const auto& f) { return f.parsed.workflow; });
}

std::size_t Loaded::errors() const {
  std::size_t n = 0;
  for (const auto& file : files) {
    for (const auto& finding : file.parsed.findings)
      n += !finding.warning;
  }
  return n;
}

std::string Loaded::render(const Term& term) const {
  std::string out;
  // The file asked for first: its children's findings follow.
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    for (const auto& finding : file->parsed.findings) {
      auto text = clean_text(core::render_diagnostic(finding, file->text));
      while (text.ends_with('\n'))
        text.pop_back();
      auto end = text.find('\n');
      auto style = finding.warning ? Style::yellow : Style::red;
      out += str(paint(term, style, text.substr(0, end)),
                 end == std::string::npos ? "" : text.substr(end), '\n');
    }
  }
  return out;
}

Json Loaded::findings_json() const {
  Json out = Json::array();
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    for (const auto& finding : file->parsed.findings)
      out.push(core::diagnostic_to_json(finding));
  }
  return out;
}

Result<Loaded> load_workflow(const std::string& path) {
  Loader loader;
  TRY(loader.load(path, path == "-" ? "stdin" : path));
  return loader.take();
}

Result<bool> accept(const Ask& ask, const Loaded& loaded) {
  if (loaded.valid()) {
    // Warnings do not stop anything, but somebody wrote them to be read.
    if (!ask.quiet() && !ask.json()) ask.io.err(loaded.render(ask.io.err_term()));
    return true;
  }
  auto n = loaded.errors();
  if (ask.json()) {
    ask.io.err(str(Json::object()
                       .set("error", Json::object()
                                         .set("code", to_string(Errc::invalid_workflow))
                                         .set("message", str(n, n == 1 ? " error" : " errors"))
                                         .set("findings", loaded.findings_json())
                                         .set("exit_code", kExitInvalid))
                       .dump(),
                   '\n'));
    return false;
  }
  ask.io.err(loaded.render(ask.io.err_term()));
  ask.io.err(str(loaded.main().shown, ": ", n, n == 1 ? " error" : " errors", '\n'));
  return false;
}

Result<Json> given_inputs(const Ask& ask, const core::Workflow& workflow) {
  Json given = Json::object();
  if (auto file = ask.args.text("inputs")) {
    auto text = *file == "-" ? read_fd(STDIN_FILENO, "stdin") : read_file(*file);
    if (!text.ok()) return {Errc::invalid_workflow, str("--inputs: ", text.error().message)};
    auto parsed = Json::parse(*text);
    auto name = *file == "-" ? std::string("stdin") : *file;
    if (!parsed.ok()) {
      return {Errc::invalid_workflow, str(name, ": ", parsed.error().message)};
    }
    if (!parsed->is_object()) {
      return with_hint(
          {Errc::invalid_workflow, str(name, ": found ", Json::type_name(parsed->type()),
                                       ", expected one object with the inputs")},
          "{\"NAME\": VALUE, ...}");
    }
    given = std::move(*parsed);
  }
  for (const auto& [name, text] : ask.args.pairs("input")) {
    auto value = core::read_input(workflow, name, text);
    // What cannot be read stands as text, so that the check names it among all other violations.
    given.set(name, value.ok() ? std::move(*value) : Json(text));
  }
  return given;
}

Result<Json> read_inputs(const Ask& ask, const core::Workflow& workflow) {
  auto given = TRY(given_inputs(ask, workflow));
  auto checked = core::check_inputs(workflow, given);
  if (checked.ok()) return checked;
  auto error = checked.error();
  error.code = Errc::invalid_workflow;
  return with_hint(std::move(error), str("pawl plan shows what inputs ", workflow.name, " takes"));
}

Json pairs_object(const Ask& ask, std::string_view flag, bool typed) {
  Json out = Json::object();
  for (const auto& [name, text] : ask.args.pairs(flag)) {
    auto value = typed ? Json::parse(text) : Result<Json>(Json(text));
    out.set(name, value.ok() ? std::move(*value) : Json(text));
  }
  return out;
}

}  // namespace pawl::cli
