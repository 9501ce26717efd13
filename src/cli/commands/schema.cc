// schema: the JSON Schema of workflow files, for editors.
#include "cli/handlers.h"
#include "core/workflow.h"

namespace pawl::cli {

Result<int> run_schema(const Ask& ask) {
  ask.print_json(core::workflow_schema());
  return 0;
}

}  // namespace pawl::cli
