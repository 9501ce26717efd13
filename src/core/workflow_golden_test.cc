// Golden tests of workflow files: tests/golden/workflow/NAME.yaml (or .json) and NAME.expected,
// which holds every finding as the command line shows it, or "valid" and the tasks as they were
// understood. PAWL_ACCEPT=1 rewrites what differs.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/text.h"
#include "core/workflow.h"

namespace pawl::core {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(PAWL_SOURCE_DIR) / "tests/golden/workflow";

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string describe(const Workflow& w) {
  std::string out = str("valid: ", w.name, "\n");
  for (TaskId t = 0; t < w.task_count(); ++t) {
    const TaskDef& d = w.def(t);
    out += str("  ", w.path(t), ": ", d.action.empty() ? "group" : d.action);
    for (TaskId need : w.needs(t))
      out += str(" <- ", w.own_name(need));
    if (w.node(t).is_finally) out += " finally";
    out += "\n";
  }
  return out;
}

std::string outcome(const fs::path& file) {
  std::string text = read(file);
  const std::vector<std::string> actions = {"sql", "transfer"};
  WorkflowLimits limits;
  limits.max_diagnostics = 40;
  auto parsed = parse_workflow(text, file.filename().string(), actions, limits);
  std::string out;
  bool errors = false;
  for (const Diagnostic& d : parsed.findings) {
    out += render_diagnostic(d, text);
    errors = errors || !d.warning;
  }
  EXPECT_EQ(parsed.workflow == nullptr, errors);
  if (parsed.workflow != nullptr) out += describe(*parsed.workflow);
  return out;
}

TEST(WorkflowGolden, EveryFileSaysWhatItIsExpectedTo) {
  bool accept = std::getenv("PAWL_ACCEPT") != nullptr;
  std::size_t cases = 0;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    auto ext = entry.path().extension();
    if (ext == ".yaml" || ext == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    ++cases;
    std::string got = outcome(file);
    fs::path expected = fs::path(file).replace_extension(".expected");
    if (accept) {
      if (!fs::exists(expected) || read(expected) != got)
        std::ofstream(expected, std::ios::binary) << got;
      continue;
    }
    EXPECT_EQ(got, read(expected)) << file.filename();
  }
  EXPECT_GE(cases, 1u);
}

// The reference shows only what works, and names every code there is.
TEST(WorkflowDocs, ExamplesAreValidAndCodesAreListed) {
  std::string page = read(fs::path(PAWL_SOURCE_DIR) / "docs/workflow-file.md");
  std::size_t examples = 0;
  for (auto at = page.find("```yaml\npawl:"); at != page.npos;
       at = page.find("```yaml\npawl:", at + 1)) {
    auto from = at + 8, to = page.find("```", from);
    auto parsed = parse_workflow(page.substr(from, to - from), "workflow-file.md");
    EXPECT_TRUE(parsed.findings.empty()) << parsed.findings[0].message;
    ++examples;
  }
  EXPECT_GE(examples, 1u);
  std::set<std::string> missing;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".expected") continue;
    std::stringstream lines(read(entry.path()));
    for (std::string line; std::getline(lines, line);) {
      auto open = line.find('['), close = line.find("]: ");
      if (close == line.npos ||
          (line.substr(0, open) != "error" && line.substr(0, open) != "warning"))
        continue;
      std::string code = line.substr(open + 1, close - open - 1);
      if (page.find(code) == page.npos) missing.insert(code);
    }
  }
  EXPECT_TRUE(missing.empty()) << *missing.begin();
}

}  // namespace
}  // namespace pawl::core
