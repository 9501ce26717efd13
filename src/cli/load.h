#pragma once
// Workflow files from disk: the one asked for, and every file that its `workflow` tasks name, each
// relative to the file that names it. All findings of all files are gathered before anything is
// said. Files that name each other in a circle are an error with the way round.

#include <memory>
#include <string>
#include <vector>

#include "cli/ask.h"
#include "core/workflow.h"
#include "server/methods.h"

namespace pawl::cli {

struct LoadedFile {
  std::string shown;  // as the user wrote it, or relative to the file that names it
  std::string file;   // absolute, links resolved
  std::string text;
  core::ParsedWorkflow parsed;
};

struct Loaded {
  std::vector<LoadedFile> files;  // as in the bundle: the one asked for is last
  server::Bundle bundle;
  const LoadedFile& main() const { return files.back(); }
  std::shared_ptr<const core::Workflow> workflow() const { return main().parsed.workflow; }
  bool valid() const;
  // Every finding as it is shown to people, in order of files and lines.
  std::string render(const Term& term) const;
  Json findings_json() const;
  std::size_t errors() const;
};

// "-" is stdin. Errors: the file cannot be read. Findings are no error of this call.
Result<Loaded> load_workflow(const std::string& path);

// The workflow, or its findings printed (stderr; with --json as a list on stdout) and exit 6:
// nullopt. Error: as load_workflow().
Result<bool> accept(const Ask& ask, const Loaded& loaded);

// Inputs from -i and --inputs, checked, with defaults filled in. Error: invalid_workflow with every
// violation.
Result<Json> read_inputs(const Ask& ask, const core::Workflow& workflow);
// What was given, unchecked; -i goes over --inputs.
Result<Json> given_inputs(const Ask& ask, const core::Workflow& workflow);
// --set, --label: values that are JSON are taken as such where `typed`, else as text.
Json pairs_object(const Ask& ask, std::string_view flag, bool typed);

}  // namespace pawl::cli
