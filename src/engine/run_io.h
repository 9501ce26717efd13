#pragma once
// Between a core::Run and the store's rows: what a change of a run writes, a run read back, and its
// history.

#include <functional>
#include <memory>
#include <vector>

#include "core/event.h"
#include "core/run.h"
#include "store/store.h"

namespace pawl::engine {

store::RunHeader header_of(const core::Run& run);

// The write that brings the store from the run's last written state to this one; raises run.version
// and clears what was dirty. Outputs above `inline_bytes` leave the run for payloads, by hash.
store::RunWrite write_of(core::Run& run, bool insert, std::size_t inline_bytes);

using PlanSource = std::function<Result<std::shared_ptr<const core::Plan>>(WorkflowId workflow)>;
Result<std::unique_ptr<core::Run>> run_of(const store::RunImage& image, const PlanSource& plans);

// What happened to a run after event number `after`, first to last, as the store has it. Error:
// not_found.
Result<std::vector<core::Event>> events_of(store::Store& store, RunId run, std::uint64_t after = 0);

}  // namespace pawl::engine
