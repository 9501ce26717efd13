#include "tests/sim/snapshot.h"

#include <map>

#include "engine/run_io.h"

namespace pawl::sim {
namespace {

constexpr std::uint64_t kOneIn = 4;

// A run's row and its parts, as they gather.
struct Parts {
  store::RunHeader header;
  std::string fixed, state;
  std::map<std::uint32_t, std::string> segments;
  std::map<TaskId, std::string> cells;

  void take(const store::RunWrite& w) {
    header = w.header;
    if (w.insert) fixed = w.fixed;
    state = w.state;
    for (const auto& s : w.segments)
      segments[s.number] = s.bytes;
    for (const auto& c : w.cells)
      cells[c.task] = c.bytes;
  }
  store::RunImage image() const {
    store::RunImage image{header, fixed, state, {}, {}};
    for (const auto& [number, bytes] : segments)
      image.segments.push_back({number, bytes});
    for (const auto& [task, bytes] : cells)
      image.cells.push_back({task, bytes});
    return image;
  }
};

}  // namespace

void each_snapshot(const History& history, const Stores& stores,
                   const std::function<void(const Snapshot&)>& see) {
  std::map<std::pair<std::uint32_t, RunId>, Parts> runs;
  for (CommitIndex i = 0; i < history.commits.size(); ++i) {
    const Commit& c = history.commits[i];
    if (!c.applied || !c.batch) continue;
    for (const auto& write : c.batch->runs) {
      Parts& parts = runs[{c.node, write.header.id}];
      parts.take(write);
      auto chosen = static_cast<std::uint64_t>(write.header.id.value) + write.header.version;
      if (chosen % kOneIn != 0 && !is_final(write.header.state)) continue;
      auto plan_of = [&](WorkflowId w) { return stores.plan(c.node, w); };
      auto run = engine::run_of(parts.image(), plan_of);
      if (run.ok()) see({c.node, i, c.applied, &parts.header, **run});
    }
  }
}

}  // namespace pawl::sim
