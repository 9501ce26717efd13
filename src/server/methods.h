#pragma once
// What can be asked of the process that owns a data directory: a method's name and JSON in, JSON
// out.
//
// The command line calls these directly where it owns the directory itself, and through the control
// socket where another process does; both ways are the same code, so they answer alike. Every
// change answers with where it left the run: {"run_id", "workflow", "name", "state", "verdict",
// ...}.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "engine/engine.h"

namespace pawl::server {

// A workflow file with the files it names, ready to be registered: each before those that name it.
struct Bundle {
  struct File {
    std::string file;  // absolute; "" for text without a file
    std::string text;
    std::vector<std::pair<std::string, std::size_t>> children;  // as written -> index in files
  };
  std::vector<File> files;  // the last one is the workflow asked for
};
Json bundle_to_json(const Bundle& bundle);
Result<Bundle> bundle_from_json(const Json& json);

struct Methods {
  engine::Engine& engine;
  store::Store& store;
  const Clock& clock;
  Json owner;  // {"pid", "command", "since"}: the answer to ping

  // Errors: not_found for a method or a run, else whatever the engine says.
  Result<Json> call(std::string_view method, const Json& params);
  // Registers every file of it. Returns the last one's version, which is the one asked for.
  Result<WorkflowId> register_bundle(const Bundle& bundle);
  Result<Json> brief(RunId run);  // where a run is, as every change answers
};

// What run_to_json() needs beside a run: the time, and large outputs from the store.
core::Context reading_context(store::Store& store, const Clock& clock);

}  // namespace pawl::server
