// validate: every finding of every file, at once.
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/load.h"

namespace pawl::cli {

Result<int> run_validate(const Ask& ask) {
  Json findings = Json::array();
  bool sound = true;
  for (const auto& path : ask.args.args()) {
    auto loaded = load_workflow(path);
    if (!loaded.ok()) {
      // One file that cannot be read does not keep the others from being checked.
      sound = false;
      const auto& error = loaded.error();
      if (ask.json()) {
        findings.push(Json::object()
                          .set("file", path)
                          .set("code", "unreadable")
                          .set("message", split(error.message, '\n')[0]));
      } else {
        (void)report(error, false, ask.io);
      }
      continue;
    }
    sound = sound && loaded->valid();
    if (ask.json()) {
      const Json list = loaded->findings_json();
      for (const auto& finding : list.as_array())
        findings.push(finding);
      continue;
    }
    ask.io.err(loaded->render(ask.io.err_term()));
    const auto& shown = loaded->main().shown;
    if (loaded->valid()) {
      auto n = loaded->workflow()->task_count();
      if (!ask.quiet()) ask.print(str(shown, ": valid, ", n, n == 1 ? " task" : " tasks", '\n'));
    } else {
      auto n = loaded->errors();
      ask.io.err(str(shown, ": ", n, n == 1 ? " error" : " errors", '\n'));
    }
  }
  if (ask.json()) ask.print_json(findings);
  return sound ? 0 : kExitInvalid;
}

}  // namespace pawl::cli
