// A definition in code as a workflow file.
#include "library/definition.h"

#include "base/sha256.h"
#include "base/text.h"

namespace pawl::v1 {
namespace {

std::string duration(Millis t) { return str(t.count(), "ms"); }

std::string expression(std::string_view path, const std::string& member) {
  return str("${{ ", path, member.empty() ? "" : ".", member, " }}");
}

std::string from_step(const std::string& step, const std::string& member) {
  return expression(str("tasks.", step, ".outputs.", kOutputKey), member);
}
std::string from_run(const std::string& member) {
  return expression(str("inputs.", kRunInput), member);
}

// The output of a fan-out is a list of its elements' stored outputs: it is read whole, and
// unwrapped where it is handed to the handler (see lists_of).
bool fans_out(const Workflow::Impl& w, const std::string& step) {
  for (const auto& other : w.steps)
    if (other->name() == step) return WorkflowAccess::of(*other).fan_out;
  return false;
}

std::string output_of(const Workflow::Impl& w, const std::string& step, const std::string& member) {
  if (fans_out(w, step)) return expression(str("tasks.", step, ".outputs"), "");
  return from_step(step, member);
}

Json with_of(const Workflow::Impl& w, const StepSpec::Impl& s) {
  using From = StepSpec::Impl::Input::From;
  Json with = Json::object();
  for (const auto& input : s.inputs) {
    switch (input.from) {
      case From::constant:
        with.set(input.field, to_json(input.constant));
        break;
      case From::run:
        with.set(input.field, from_run(input.member));
        break;
      case From::step:
        with.set(input.field, output_of(w, input.step, input.member));
        break;
    }
  }
  return with;
}

Json timeouts_of(const StepSpec::Impl& s) {
  Json t = Json::object();
  if (s.timeout.count() > 0) t.set("attempt", duration(s.timeout));
  if (s.heartbeat.count() > 0) t.set("heartbeat", duration(s.heartbeat));
  if (s.give_up_after.count() > 0) t.set("queue", duration(s.give_up_after));
  return t;
}

Json task_of(const Workflow::Impl& w, const StepSpec::Impl& s, const std::string& queue) {
  Json task = Json::object();
  task.set("action", kHandlerAction).set("queue", queue);
  Json needs = Json::array();
  for (const auto& need : s.needs) {
    bool by_name = !need.name.empty();
    needs.push(by_name ? need.name : w.steps[static_cast<std::size_t>(need.index)]->name());
  }
  if (needs.size() > 0) task.set("needs", std::move(needs));
  if (!s.inputs.empty()) task.set("with", with_of(w, s));
  if (s.fan_out) {
    task.set("for_each", s.each_step.empty() ? from_run(s.each_member)
                                             : output_of(w, s.each_step, s.each_member));
    if (s.max_parallel > 0) task.set("max_parallel", s.max_parallel);
  }
  if (!s.condition.empty()) task.set("if", s.condition);
  Json backoff = Json::object();
  backoff.set("first", duration(s.first)).set("max", duration(s.longest));
  backoff.set("factor", 2).set("jitter", 0);
  Json retry = Json::object();
  retry.set("max_attempts", s.retries + 1).set("backoff", std::move(backoff));
  task.set("retry", std::move(retry));
  if (Json t = timeouts_of(s); t.size() > 0) task.set("timeout", std::move(t));
  if (s.priority != 0) task.set("priority", s.priority);
  if (s.allow_failure) task.set("allow_failure", true);
  return task;
}

}  // namespace

Lists lists_of(const Workflow::Impl& w, const StepSpec::Impl& s) {
  Lists lists;
  lists.item = s.fan_out && fans_out(w, s.each_step);
  for (const auto& input : s.inputs) {
    bool from_step = input.from == StepSpec::Impl::Input::From::step;
    if (from_step && fans_out(w, input.step)) lists.fields.push_back(input.field);
  }
  return lists;
}

std::string queue_of(const std::string& workflow, int version) {
  auto queue = str(workflow, "_v", version);
  if (queue.size() <= 63) return queue;
  return str(workflow.substr(0, 30), "_", sha256_hex(queue).substr(0, 16), "_v", version);
}

std::string file_text(const Workflow::Impl& w) {
  if (w.from_file) return w.text;
  Json traits = Json::object(), described = Json::object();
  traits.set("version", w.version).set("max_recovery_attempts", w.max_recovery_attempts);
  if (!w.output_of.empty()) traits.set("output_of", w.output_of);
  Json tasks = Json::object(), finals = Json::object();
  auto queue = queue_of(w.name, w.version);
  for (const auto& step : w.steps) {
    const auto& s = WorkflowAccess::of(*step);
    Json about = Json::object();
    if (!s.type.empty()) about.set("type", s.type);
    if (s.estimate.count() >= 0) about.set("estimate_ms", s.estimate.count());
    if (about.size() > 0) described.set(s.name, std::move(about));
    (s.at_the_end ? finals : tasks).set(s.name, task_of(w, s, queue));
  }
  traits.set("steps", std::move(described));
  Json file = Json::object(), inputs = Json::object();
  inputs.set(kRunInput, Json::object());
  file.set("pawl", 1).set("name", w.name);
  if (!w.title.empty()) file.set("title", w.title);
  file.set(kTraits, std::move(traits)).set("inputs", std::move(inputs));
  file.set("tasks", std::move(tasks));
  if (finals.size() > 0) file.set("finally", std::move(finals));
  return file.pretty() + "\n";
}

Traits read_traits(std::string_view text, int stored_version) {
  Traits traits;
  traits.version = stored_version;
  if (trim(text).substr(0, 1) != "{") return traits;  // a YAML file: written by a person
  auto file = Json::parse(text);
  if (!file.ok() || !(*file)[kTraits].is_object()) return traits;
  const Json& about = (*file)[kTraits];
  traits.in_code = true;
  if (about["version"].is_integer()) {
    traits.version = static_cast<int>(about["version"].as_integer());
  }
  if (about["max_recovery_attempts"].is_integer()) {
    traits.max_recovery_attempts = static_cast<int>(about["max_recovery_attempts"].as_integer());
  }
  if (about["output_of"].is_string()) traits.output_of = about["output_of"].as_string();
  if (!about["steps"].is_object()) return traits;
  for (const auto& [name, step] : about["steps"].as_object()) {
    Traits::Step s;
    if (step["type"].is_string()) s.type = step["type"].as_string();
    if (step["estimate_ms"].is_integer()) s.estimate = Millis(step["estimate_ms"].as_integer());
    traits.steps.emplace(name, std::move(s));
  }
  return traits;
}

Json wrap_output(const Json& output) {
  if (output.is_null()) return {};
  return Json::object({{kOutputKey, output}});
}

Json unwrap_output(const Json& stored) {
  if (stored.is_object()) return stored[kOutputKey];
  if (!stored.is_array()) return {};
  Json items = Json::array();
  for (const Json& item : stored.as_array())
    items.push(unwrap_output(item));
  return items;
}

}  // namespace pawl::v1
