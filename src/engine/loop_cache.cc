// Runs in and out of memory. The cache is a cache: the store has every run that is not pinned.
#include "base/text.h"
#include "engine/loop.h"
#include "engine/run_io.h"

namespace pawl::engine {
namespace {

// How many runs one read-ahead fetches: drained in order, queued runs follow each other in the
// store.
constexpr std::uint32_t kReadAhead = 256;
constexpr std::size_t kPayloadCache = 64u << 20;

}  // namespace

Entry* Loop::find(RunId id) { return entries_.find(id); }

Result<std::shared_ptr<const core::Plan>> Loop::plan(WorkflowId id) {
  if (auto it = plans_.find(id); it != plans_.end()) return it->second;
  auto row = TRY(store_.load_workflow(id));
  if (!row) return {Errc::not_found, str("there is no workflow version with number ", id.value)};
  auto parsed = core::parse_workflow(row->text, row->file, options_.actions);
  if (!parsed.workflow) {
    // It was valid when it was registered: this build understands less than the one that did.
    return {Errc::newer_version,
            str("workflow ", row->name, " version ", row->version, " is not understood: ",
                parsed.findings.empty() ? std::string() : parsed.findings[0].message)};
  }
  std::vector<std::pair<std::string, WorkflowId>> children;
  if (auto links = Json::parse(row->links.empty() ? "{}" : row->links); links.ok()) {
    for (const auto& [file, child] : links->as_object()) {
      if (child.is_integer()) children.emplace_back(file, WorkflowId(child.as_integer()));
    }
  }
  auto slash = row->file.rfind('/');
  auto made = core::make_plan(id, row->version, parsed.workflow,
                              slash == std::string::npos ? "" : row->file.substr(0, slash),
                              std::move(children));
  plans_[id] = made;
  return made;
}

Result<std::unique_ptr<core::Run>> Loop::read(RunId id) {
  auto image = TRY(store_.load_run(id));
  if (!image) {
    return {Errc::not_found,
            str("there is no run ", id.value, "; `pawl ls` shows those there are")};
  }
  return run_of(*image, [this](WorkflowId w) { return plan(w); });
}

Result<Entry*> Loop::load(RunId id) {
  if (Entry* known = find(id); known && known->run) return known;
  auto run = TRY(read(id));
  bool fresh = false;
  Entry& entry = entries_.get(id, fresh);
  entry.run = std::move(run);
  admit_to_cache(entry);
  // Not known yet: the start-up scan has not come by, or it was dropped after a failure.
  if (fresh && !is_final(entry.run->state)) take_back(entry);
  return &entry;
}

Status Loop::look(RunId id, const std::function<void(const core::Run&)>& see) {
  if (Entry* known = find(id); known && known->run) {
    see(*known->run);
    return {};
  }
  auto run = TRY(read(id));
  see(*run);
  return {};
}

void Loop::admit_to_cache(Entry& entry) {
  auto kib = static_cast<std::uint32_t>(entry.run->footprint() / 1024 + 1);
  cache_kib_ -= entry.bytes_kib;
  cache_kib_ += kib;
  entry.bytes_kib = kib;
  if (entry.in_lru) return;
  entry.in_lru = true;
  lru_.push_back(entry.run->id);
}

void Loop::evict() {
  std::size_t budget = options_.cache_bytes / 1024;
  // Runs that ended leave their places behind, also behind one that stays long.
  if (lru_.size() > 2 * entries_.size() + 1024) {
    std::erase_if(lru_, [&](RunId id) {
      Entry* entry = find(id);
      bool stays = entry && entry->in_lru;
      if (stays) entry->in_lru = false;  // its further places go
      return !stays;
    });
    for (RunId id : lru_)
      find(id)->in_lru = true;
  }
  // Runs in use are passed over, but not too many of them a time.
  std::size_t passed = 0, most = std::min<std::size_t>(lru_.size(), 256);
  while (cache_kib_ > budget && passed < most && !lru_.empty()) {
    RunId id = lru_.front();
    lru_.pop_front();
    Entry* entry = find(id);
    if (!entry || !entry->run || !entry->in_lru) continue;
    bool leased = false;
    for (const core::Lane& lane : entry->run->lanes)
      leased |= lane.leased > 0;
    if (entry->pins > 0 || leased) {  // about to be needed
      lru_.push_back(id);
      ++passed;
      continue;
    }
    cache_kib_ -= entry->bytes_kib;
    entry->bytes_kib = 0;
    entry->in_lru = false;
    bool final_run = is_final(entry->run->state);
    entry->run.reset();
    if (final_run) entries_.erase(id);
  }
}

void Loop::forget(RunId id) {
  Entry* entry = find(id);
  if (!entry) return;
  cache_kib_ -= entry->bytes_kib;
  // Its place in lru_ is passed over when its turn comes.
  entries_.erase(id);
}

// Reads the run at the front of a lane and those that follow it in the store, in one go.
void Loop::prefetch(const ReadyLane& lane) {
  RunId first = lane.items.front().run;
  auto images = store_.scan_open(RunId(first.value - 1), kReadAhead, false);
  if (!images.ok()) return;  // load() will meet and report the same error
  for (const auto& image : *images) {
    Entry* entry = find(image.header.id);
    if (!entry || entry->run || entry->pins > 0 || entry->fresh) continue;
    auto run = run_of(image, [this](WorkflowId w) { return plan(w); });
    if (!run.ok()) continue;
    entry->run = std::move(*run);
    admit_to_cache(*entry);
  }
}

Result<Json> Loop::payload(RunId run, const std::string& hash) {
  if (auto it = payloads_.find(hash); it != payloads_.end()) return it->second;
  if (auto it = payloads_out_.find(hash); it != payloads_out_.end()) {
    return Json::parse(*it->second, {.max_bytes = 256u << 20, .max_depth = 200});
  }
  auto read = store_.read_payload(run, hash);
  if (!read.ok()) {  // no reason for the task to fail: the decision is not made
    if (read.error().code != Errc::corrupt) doom(read.error());
    return read.error();
  }
  const auto& bytes = *read;
  if (!bytes) {
    return {Errc::corrupt, str("run ", run.value, ": a large output (", hash.substr(0, 12),
                               "...) is missing from the store")};
  }
  auto value = TRY(Json::parse(*bytes, {.max_bytes = 256u << 20, .max_depth = 200}));
  if (payload_bytes_ > kPayloadCache) {
    payloads_.clear();
    payload_bytes_ = 0;
  }
  payload_bytes_ += bytes->size();
  payloads_[hash] = value;
  return value;
}

}  // namespace pawl::engine
