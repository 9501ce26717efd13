#pragma once
// api/workflow.schema.json as it was when this binary was built: the build writes it into a source
// file (CMakeLists.txt), so that `pawl schema` needs no file beside the binary.

#include <string_view>

namespace pawl::cli {

extern const std::string_view kWorkflowSchema;

}  // namespace pawl::cli
