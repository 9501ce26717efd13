#include "tests/sim/workload.h"

#include "base/text.h"

namespace pawl::sim {
namespace {

std::uint64_t mixed(std::uint64_t seed, std::uint64_t node, std::uint64_t n) {
  return (seed * 31 + node) * 1009 + n;
}

}  // namespace

Workload::Workload(const Scenario& scenario, std::uint32_t node)
    : node_(node),
      random_(Random::stream(mixed(scenario.seed, node, 0), "submissions")),
      crowded_(Random::stream(mixed(scenario.seed, node, 0), "theme").below(5) == 0) {
  Random shape = Random::stream(mixed(scenario.seed, node, 0), "workload");
  std::vector<std::string> children;
  auto add = [&](const std::string& name, bool leaf) {
    auto n = static_cast<std::uint32_t>(workflows_.size());
    auto text = draw_workflow(Random::stream(mixed(scenario.seed, node, n + 1), "workflow"), name,
                              children, {scenario.max_tasks, crowded_}, leaf);
    if (!leaf) tops_.push_back(n);
    workflows_.push_back(std::move(text));
    return name;
  };
  // Leaves first, then what starts them, then what starts those.
  for (std::uint64_t i = 0, leaves = 1 + shape.below(2); i < leaves; ++i)
    children.push_back(add(str("leaf", i), true));
  auto tops = 2 + shape.below(4);
  for (std::uint64_t i = 0; i < tops; ++i) {
    auto name = add(str("w", i), false);
    if (workflows_.back().limit == 0 && shape.below(3) == 0) children.push_back(name);
  }
  std::vector<std::uint32_t> kept;
  for (auto n : tops_) {
    if (!scenario.workflows_off.count(node * 100 + n)) kept.push_back(n);
  }
  if (!kept.empty()) tops_ = kept;
}

Submission Workload::next_submission() {
  if (left_in_burst_ == 0) {
    left_in_burst_ = static_cast<std::uint32_t>(1 + random_.below(6));
    at_ += Duration{static_cast<std::int64_t>(random_.below(6'000'000))};
  }
  --left_in_burst_;
  Submission s;
  s.at = at_;
  s.workflow = tops_[random_.below(tops_.size())];
  bool inputs =
      workflows_[s.workflow].features >> static_cast<unsigned>(Feature::inputs) & std::uint64_t{1};
  static constexpr const char* kDays[] = {"mon", "tue"};
  auto day = random_.below(2);
  auto count = random_.below(5);
  bool given = random_.below(2);
  s.inputs = Json::object();
  if (inputs && given) {
    s.inputs.set("day", kDays[day]).set("n", static_cast<std::int64_t>(count));
  }
  auto special = random_.below(10);
  auto which = random_.below(1000);
  if (special == 0 && !drawn_.empty()) {  // somebody asks for the same again
    Submission same = drawn_[which % drawn_.size()];
    same.at = s.at;
    same.feature = Feature::same_key;
    return same;
  }
  if (special == 1 && !drawn_.empty() && inputs) {  // the same key for something else: refused
    s.key = drawn_[which % drawn_.size()].key;
    s.feature = Feature::other_key_inputs;
    return s;
  }
  if (special == 2) return s;  // without a key
  s.key = str("n", node_, "-", drawn_.size());
  s.feature = Feature::plain;
  drawn_.push_back(s);
  return s;
}

}  // namespace pawl::sim
