// Workflow and StepSpec: what a definition is told, and everything that is wrong with it.
#include "core/workflow.h"

#include <algorithm>

#include "base/fs.h"
#include "base/text.h"
#include "core/doc.h"
#include "library/definition.h"

namespace pawl::v1 {

StepSpec::StepSpec(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StepSpec::~StepSpec() = default;

std::unique_ptr<StepSpec> WorkflowAccess::make(std::string name, Handler handler) {
  auto impl = std::make_unique<StepSpec::Impl>();
  impl->name = std::move(name);
  impl->handler = std::move(handler);
  return std::unique_ptr<StepSpec>(new StepSpec(std::move(impl)));
}

StepSpec& StepSpec::type(std::string task_type) {
  impl_->type = std::move(task_type);
  return *this;
}
StepSpec& StepSpec::after(std::string_view step) {
  impl_->needs.push_back({std::string(step), -1});
  return *this;
}
StepSpec& StepSpec::after(int index) {
  impl_->needs.push_back({"", index});
  return *this;
}
StepSpec& StepSpec::after(const std::vector<std::string>& steps) {
  for (const auto& step : steps)
    after(step);
  return *this;
}
StepSpec& StepSpec::input(std::string field, Value constant) {
  impl_->inputs.push_back(
      {std::move(field), Impl::Input::From::constant, std::move(constant), "", ""});
  return *this;
}
StepSpec& StepSpec::input_from_run(std::string field, std::string member) {
  impl_->inputs.push_back({std::move(field), Impl::Input::From::run, {}, "", std::move(member)});
  return *this;
}
StepSpec& StepSpec::input_from(std::string field, std::string step, std::string member) {
  impl_->inputs.push_back(
      {std::move(field), Impl::Input::From::step, {}, std::move(step), std::move(member)});
  return *this;
}
StepSpec& StepSpec::for_each(std::string step, std::string member) {
  impl_->fan_out = true;
  impl_->each_step = std::move(step);
  impl_->each_member = std::move(member);
  return *this;
}
StepSpec& StepSpec::max_parallel(unsigned n) {
  impl_->max_parallel = n;
  return *this;
}
StepSpec& StepSpec::when(std::string expression) {
  impl_->condition = std::move(expression);
  return *this;
}
StepSpec& StepSpec::retries(unsigned n) {
  impl_->retries = n;
  return *this;
}
StepSpec& StepSpec::retry_delay(Millis first, Millis longest) {
  impl_->first = first;
  impl_->longest = longest;
  return *this;
}
StepSpec& StepSpec::timeout(Millis t) {
  impl_->timeout = t;
  if (t.count() == 0) impl_->timeout = Millis(-1);
  return *this;
}
StepSpec& StepSpec::heartbeat(Millis t) {
  impl_->heartbeat = t;
  if (t.count() == 0) impl_->heartbeat = Millis(-1);
  return *this;
}
StepSpec& StepSpec::give_up_after(Millis t) {
  impl_->give_up_after = t;
  if (t.count() == 0) impl_->give_up_after = Millis(-1);
  return *this;
}
StepSpec& StepSpec::estimate(Millis t) {
  impl_->estimate = t.count() < 0 ? Millis(-2) : t;
  return *this;
}
StepSpec& StepSpec::priority(int p) {
  impl_->priority = p;
  return *this;
}
StepSpec& StepSpec::allow_failure() {
  impl_->allow_failure = true;
  return *this;
}
StepSpec& StepSpec::at_the_end() {
  impl_->at_the_end = true;
  return *this;
}
const std::string& StepSpec::name() const { return impl_->name; }

Workflow::Workflow(std::string name, int version) : impl_(std::make_unique<Impl>()) {
  impl_->name = std::move(name);
  impl_->version = version;
}
Workflow::Workflow(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Workflow::Workflow(Workflow&&) noexcept = default;
Workflow& Workflow::operator=(Workflow&&) noexcept = default;
Workflow::~Workflow() = default;

Result<Workflow> Workflow::load(const std::string& path) {
  auto text = read_file(path, core::WorkflowLimits().max_file_bytes);
  if (!text.ok()) return to_status(text.error());
  return parse(*std::move(text), path);
}

Result<Workflow> Workflow::parse(std::string text, std::string file) {
  auto impl = std::make_unique<Impl>();
  impl->from_file = true;
  impl->text = std::move(text);
  impl->file = std::move(file);
  core::DocLimits limits;
  limits.max_bytes = core::WorkflowLimits().max_file_bytes;
  auto doc = core::Doc::read(impl->text, limits);
  if (!doc.broken() && doc.root().is_object()) {
    auto name = doc.root().find("name");
    if (name && name.is_string()) impl->name = name.text();
  }
  Workflow workflow(std::move(impl));
  if (auto valid = workflow.validate(); !valid.ok()) return valid;
  return workflow;
}

StepSpec& Workflow::add(std::string name, Handler handler) {
  impl_->steps.push_back(WorkflowAccess::make(std::move(name), std::move(handler)));
  return *impl_->steps.back();
}
Workflow& Workflow::title(std::string text) {
  impl_->title = std::move(text);
  return *this;
}
Workflow& Workflow::max_recovery_attempts(unsigned n) {
  impl_->max_recovery_attempts = n;
  return *this;
}
Workflow& Workflow::output_of(std::string step) {
  impl_->output_of = std::move(step);
  return *this;
}
const std::string& Workflow::name() const { return impl_->name; }
int Workflow::version() const { return impl_->version; }
std::vector<std::string> Workflow::steps() const {
  std::vector<std::string> names;
  for (const auto& s : impl_->steps)
    names.push_back(s->name());
  return names;
}
std::string Workflow::to_file() const { return file_text(*impl_); }

std::vector<Problem> Workflow::problems() const {
  std::vector<Problem> found;
  if (!impl_->from_file) found = own_problems(*impl_);
  if (!found.empty()) return found;
  // Names, needs and numbers are sound: the rest (expressions, conditions) the parser knows.
  auto text = file_text(*impl_);
  std::vector<std::string> actions{kHandlerAction};
  auto parsed = core::parse_workflow(text, impl_->file, actions);
  for (const auto& d : parsed.findings) {
    // Which actions there are is known to the orchestrator that the workflow is defined in.
    if (d.warning || (impl_->from_file && d.code == "unknown_action")) continue;
    if (impl_->from_file) {
      found.push_back({"", d.code, std::string(trim(core::render_diagnostic(d, text))), ""});
      continue;
    }
    std::string step;
    for (const char* group : {"/tasks/", "/finally/"}) {
      if (d.pointer.rfind(group, 0) != 0) continue;
      step = d.pointer.substr(std::string_view(group).size());
      step = step.substr(0, step.find('/'));
    }
    found.push_back({step, d.code, d.message, d.hint});
  }
  return found;
}

Status Workflow::validate() const {
  auto found = problems();
  if (found.empty()) return {};
  std::string all = str("workflow \"", impl_->name, "\" has ", found.size(),
                        found.size() == 1 ? " problem:" : " problems:");
  for (const Problem& p : found) {
    all += str("\n  ", p.step.empty() ? "" : str("step \"", p.step, "\": "), p.message,
               p.hint.empty() ? "" : str(" (", p.hint, ")"));
  }
  return {Code::invalid, std::move(all)};
}

}  // namespace pawl::v1
