#include "actions/registry.h"

#include <algorithm>

#include "actions/http.h"
#include "actions/noop.h"
#include "actions/shell.h"

namespace pawl::actions {

void Registry::add(std::string name, PoolFunction function) {
  kinds_[std::move(name)].how = std::move(function);
}
void Registry::add_inline(std::string name, InlineFunction function) {
  kinds_[std::move(name)].how = std::move(function);
}
void Registry::add_loop(std::string name, ActionFactory factory) {
  kinds_[std::move(name)].how = std::move(factory);
}

const ActionKind* Registry::find(std::string_view name) const {
  auto it = kinds_.find(name);
  return it == kinds_.end() ? nullptr : &it->second;
}

std::vector<std::string> Registry::names() const {
  std::vector<std::string> out;
  for (const auto& [name, kind] : kinds_)
    out.push_back(name);
  std::sort(out.begin(), out.end());
  return out;
}

Registry Registry::built_in() {
  Registry registry;
  registry.add_inline("noop", noop);
  registry.add_loop("shell", make_shell);
  registry.add("http", http);
  return registry;
}

core::Report failed(core::FailureClass failure_class, std::string message) {
  core::Report report;
  report.kind = core::ReportKind::failed;
  report.failure_class = failure_class;
  report.message = std::move(message);
  return report;
}

core::Report failed_for_good(core::FailureClass failure_class, std::string message) {
  auto report = failed(failure_class, std::move(message));
  report.no_retry = true;
  return report;
}

}  // namespace pawl::actions
