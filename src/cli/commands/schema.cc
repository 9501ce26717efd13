// schema: the JSON Schema of workflow files, for editors.
#include "cli/handlers.h"
#include "cli/workflow_schema.h"

namespace pawl::cli {

Result<int> run_schema(const Ask& ask) {
  ask.print(kWorkflowSchema);
  return 0;
}

}  // namespace pawl::cli
