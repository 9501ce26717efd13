#include "tests/sim/check.h"

#include "base/text.h"
#include "core/run_codec.h"
#include "engine/run_io.h"

namespace pawl::sim {

RunId Stores::last_run(std::uint32_t node) const {
  auto last = store(node).last_run_id();
  return last.ok() ? *last : RunId{};
}

const core::Run* Stores::run(std::uint32_t node, RunId id) const {
  auto [at, fresh] = runs_.try_emplace({node, id});
  if (fresh) at->second = read(node, id);
  return at->second.get();
}

std::unique_ptr<core::Run> Stores::read(std::uint32_t node, RunId id) const {
  auto image = store(node).load_run(id);
  if (!image.ok() || !*image) return nullptr;
  auto decoded = engine::run_of(**image, [&](WorkflowId w) { return plan(node, w); });
  return decoded.ok() ? std::move(*decoded) : nullptr;
}

Result<std::shared_ptr<const core::Plan>> Stores::plan(std::uint32_t node, WorkflowId w) const {
  auto& plan = plans_[{node, w}];
  if (plan) return plan;
  auto row = TRY(store(node).load_workflow(w));
  if (!row) return {Errc::not_found, str("workflow ", w.value, " is not in the store")};
  auto parsed = core::parse_workflow(row->text, row->file);
  if (!parsed.workflow) return {Errc::corrupt, str("workflow ", w.value, " does not parse")};
  plan = core::make_plan(w, row->version, parsed.workflow, "", {});
  return plan;
}

const std::vector<RunStory>& Stores::stories(const History& history) const {
  if (!stories_)
    stories_ = std::make_unique<const std::vector<RunStory>>(tell_stories(history, *this));
  return *stories_;
}

const std::vector<core::Event>& Stores::events(std::uint32_t node, RunId id) const {
  auto [at, fresh] = events_.try_emplace({node, id});
  auto& all = at->second;
  const core::Run* r = fresh ? run(node, id) : nullptr;
  if (!r) return all;
  auto take = [&](std::string_view bytes, std::uint64_t first) {
    auto decoded = core::decode_events(bytes, first, r->created);
    if (decoded.ok()) all.insert(all.end(), decoded->begin(), decoded->end());
  };
  auto chunks = store(node).read_events(id, 0);
  for (const auto& c : chunks.ok() ? *chunks : std::vector<store::EventChunk>{})
    take(c.bytes, c.first_seq);
  take(r->tail, r->tail_first);
  return all;
}

Problems check_all(const History& history, const Stores& stores) {
  Problems problems;
  for (const CheckRow& row : checks()) {
    problems.check_ = row.name;
    row.check(history, stores, problems);
  }
  return problems;
}

}  // namespace pawl::sim
