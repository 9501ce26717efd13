#include "store/run_match.h"

#include <algorithm>

#include "base/json.h"

namespace pawl::store {

Labels parse_labels(const std::string& text) {
  Labels labels;
  if (text.empty()) return labels;
  auto parsed = Json::parse(text);
  if (!parsed.ok() || !parsed->is_object()) return labels;
  for (const auto& [name, value] : parsed->as_object()) {
    labels.emplace_back(name, value.is_string() ? value.as_string() : value.dump());
  }
  return labels;
}

bool matches(const RunFilter& filter, const RunHeader& header, std::string_view workflow_name) {
  if ((filter.states >> static_cast<unsigned>(header.state) & 1u) == 0) return false;
  if ((filter.verdicts >> static_cast<unsigned>(header.verdict) & 1u) == 0) return false;
  if (!filter.workflow.empty() && filter.workflow != workflow_name) return false;
  if (!filter.job.empty() && filter.job != header.job) return false;
  if (header.created < filter.since) return false;
  if (filter.labels.empty()) return true;
  auto labels = parse_labels(header.labels);
  return std::all_of(filter.labels.begin(), filter.labels.end(), [&](const auto& wanted) {
    return std::find(labels.begin(), labels.end(), wanted) != labels.end();
  });
}

}  // namespace pawl::store
