#include "server/methods.h"

#include <functional>

#include "base/text.h"
#include "core/run_json.h"

namespace pawl::server {
namespace {

std::string text_of(const Json& params, std::string_view key) {
  const Json& v = params[key];
  return v.is_string() ? v.as_string() : std::string();
}

Result<RunId> run_of(const Json& params) {
  const Json& id = params["run_id"];
  if (!id.is_integer()) return {Errc::usage, "run_id: expected the number of a run"};
  return RunId{id.as_integer()};
}

Result<Json> submit(Methods& m, const Json& params) {
  auto bundle = TRY(bundle_from_json(params["bundle"]));
  engine::SubmitRequest request;
  request.workflow = TRY(m.register_bundle(bundle));
  request.inputs = params["inputs"];
  request.name = text_of(params, "name");
  request.job = text_of(params, "job");
  request.labels = params["labels"];
  request.idempotency_key = text_of(params, "idempotency_key");
  if (params["priority"].is_integer()) {
    request.priority = static_cast<std::int32_t>(params["priority"].as_integer());
  }
  return m.brief(TRY(m.engine.submit(std::move(request))));
}

Result<Json> pause(Methods& m, const Json& params) {
  auto run = TRY(run_of(params));
  TRY(m.engine.pause(run, text_of(params, "by")));
  return m.brief(run);
}

Result<Json> resume(Methods& m, const Json& params) {
  auto run = TRY(run_of(params));
  TRY(m.engine.resume(run, text_of(params, "by")));
  return m.brief(run);
}

Result<Json> cancel(Methods& m, const Json& params) {
  auto run = TRY(run_of(params));
  TRY(m.engine.cancel(run, text_of(params, "by")));
  return m.brief(run);
}

Result<Json> retry(Methods& m, const Json& params) {
  auto run = TRY(run_of(params));
  TRY(m.engine.retry(run, {text_of(params, "task"), params["set"], text_of(params, "by")}));
  return m.brief(run);
}

Result<Json> recover(Methods& m, const Json& params) {
  auto run = TRY(run_of(params));
  core::Recover command{text_of(params, "from"), params["set"], text_of(params, "by")};
  return m.brief(TRY(m.engine.recover(run, std::move(command), params["inputs"])));
}

Result<Json> approve(Methods& m, const Json& params) {
  auto run = TRY(run_of(params));
  TRY(m.engine.approve(run, {text_of(params, "task"), params["data"], text_of(params, "by"),
                             text_of(params, "message")}));
  return m.brief(run);
}

Result<Json> reject(Methods& m, const Json& params) {
  auto run = TRY(run_of(params));
  TRY(m.engine.reject(
      run, {text_of(params, "task"), text_of(params, "by"), text_of(params, "message")}));
  return m.brief(run);
}

Result<Json> show(Methods& m, const Json& params) {
  auto run = TRY(run_of(params));
  auto context = reading_context(m.store, m.clock);
  Json out;
  TRY(m.engine.inspect(run, [&](const core::Run& r) { out = core::run_to_json(r, context); }));
  return out;
}

Result<Json> why(Methods& m, const Json& params) {
  auto run = TRY(run_of(params));
  auto situation = m.engine.situation(run);
  Json out = Json::array();
  TRY(m.engine.inspect(run, [&](const core::Run& r) {
    for (const auto& w : core::why_all(r, situation, m.clock.now()))
      out.push(core::why_to_json(w));
  }));
  return out;
}

Result<Json> ping(Methods& m, const Json&) { return m.owner; }

struct Method {
  std::string_view name;
  Result<Json> (*call)(Methods&, const Json&);
};
constexpr Method kMethods[] = {
    {"ping", ping},     {"submit", submit}, {"pause", pause},     {"resume", resume},
    {"cancel", cancel}, {"retry", retry},   {"recover", recover}, {"approve", approve},
    {"reject", reject}, {"show", show},     {"why", why},
};

}  // namespace

Result<Json> Methods::call(std::string_view method, const Json& params) {
  for (const auto& known : kMethods) {
    if (known.name == method) return known.call(*this, params);
  }
  return {Errc::not_found, str("the process that owns the directory knows no method \"", method,
                               "\"; is it of an older version?")};
}

Result<WorkflowId> Methods::register_bundle(const Bundle& bundle) {
  std::vector<WorkflowId> ids;
  for (const auto& file : bundle.files) {
    engine::Definition definition{file.text, file.file, {}};
    for (const auto& [written, index] : file.children) {
      definition.children.emplace_back(written, ids[index]);
    }
    ids.push_back(TRY(engine.register_workflow(definition)));
  }
  return ids.back();
}

Result<Json> Methods::brief(RunId id) {
  Json j = Json::object();
  TRY(engine.inspect(id, [&](const core::Run& run) {
    j.set("run_id", run.id.value).set("workflow", run.workflow().name);
    j.set("version", run.plan->version).set("name", run.name);
    j.set("state", core::to_string(run.state)).set("verdict", core::to_string(run.verdict));
    if (!run.pause_reason.empty()) j.set("pause_reason", run.pause_reason);
    if (run.cancelling) j.set("cancelling", true);
    if (run.source) j.set("source_run", run.source.value);
  }));
  return j;
}

core::Context reading_context(store::Store& store, const Clock& clock) {
  core::Context context;
  context.now = clock.now();
  context.payload = [&store](RunId run, const std::string& hash) -> Result<Json> {
    auto bytes = TRY(store.read_payload(run, hash));
    if (!bytes) return {Errc::corrupt, str("the output ", hash, " of run ", run.value, " is gone")};
    return Json::parse(*bytes);
  };
  return context;
}

Json bundle_to_json(const Bundle& bundle) {
  Json out = Json::array();
  for (const auto& file : bundle.files) {
    Json children = Json::object();
    for (const auto& [written, index] : file.children)
      children.set(written, index);
    Json j = Json::object();
    j.set("file", file.file).set("text", file.text).set("children", std::move(children));
    out.push(std::move(j));
  }
  return out;
}

Result<Bundle> bundle_from_json(const Json& json) {
  Bundle bundle;
  if (!json.is_array() || json.size() == 0) {
    return {Errc::usage, "bundle: expected an array of workflow files"};
  }
  for (const auto& j : json.as_array()) {
    Bundle::File file{text_of(j, "file"), text_of(j, "text"), {}};
    if (j["children"].is_object()) {
      for (const auto& [written, index] : j["children"].as_object()) {
        auto at = index.is_integer() ? index.as_integer() : -1;
        if (at < 0 || at >= static_cast<std::int64_t>(bundle.files.size())) {
          return {Errc::usage, str("bundle: ", written, " stands after the file that names it")};
        }
        file.children.emplace_back(written, static_cast<std::size_t>(at));
      }
    }
    bundle.files.push_back(std::move(file));
  }
  return bundle;
}

}  // namespace pawl::server
