// Step: what a handler reads of its attempt, and what it says.
#include <algorithm>

#include "base/text.h"
#include "library/crew.h"
#include "library/crew_link.h"
#include "library/definition.h"
#include "library/fork_guard.h"

namespace pawl::v1 {
namespace {

constexpr std::size_t kMaxCheckpoint = 1u << 20;
constexpr std::size_t kMaxLogLine = 64u << 10;

Json need_output(const Json& need, bool in_code) {
  const Json& outputs = need["outputs"];
  return in_code ? unwrap_output(outputs) : outputs;
}

Json unwrap_fields(Json with, const std::vector<std::string>& fields) {
  for (const auto& field : fields)
    with.set(field, unwrap_output(with[field]));
  return with;
}

}  // namespace

bool Step::Impl::tell(core::Report report) {
  report.fence = assignment().fence;
  if (crew.options_.generation != fork_generation()) return false;
  Crew::Lock lock(crew.mutex_);
  if (slot.given_up || !crew.port_) return false;
  slot.last_sign = crew.now();
  std::vector<core::Report> reports;
  reports.push_back(std::move(report));
  crew.port_->report(job.link->id, std::move(reports), 0);
  return true;
}

RunId Step::run() const { return impl_->assignment().fence.run.value; }
std::string Step::workflow() const { return impl_->assignment().workflow->name; }
std::string Step::name() const { return impl_->assignment().path; }
int Step::attempt() const { return static_cast<int>(impl_->assignment().fence.attempt); }

Value Step::input() const {
  const auto& a = impl_->assignment();
  const HandlerSet& set = *impl_->job.set;
  const Lists* lists = nullptr;
  if (!set.lists.empty()) {
    auto found = set.lists.find(a.path.substr(0, a.path.find('[')));
    if (found != set.lists.end()) lists = &found->second;
  }
  if (!a.with.is_null()) return to_value(lists ? unwrap_fields(a.with, lists->fields) : a.with);
  if (!set.in_code) return to_value(a.input);
  if (const Json* item = a.input.find("item")) {
    return to_value(lists && lists->item ? unwrap_output(*item) : *item);
  }
  const Json& needs = a.input["tasks"];
  if (needs.size() == 0) return run_input();
  if (needs.size() == 1) return to_value(need_output(needs.as_object()[0].second, true));
  Json all = Json::object();
  for (const auto& [name, need] : needs.as_object())
    all.set(name, need_output(need, true));
  return to_value(std::move(all));
}

Value Step::run_input() const {
  const Json& inputs = impl_->assignment().input["inputs"];
  return to_value(impl_->job.set->in_code ? inputs[kRunInput] : inputs);
}

Value Step::output_of(const std::string& step) const {
  const Json* need = impl_->assignment().input["tasks"].find(step);
  return need ? to_value(need_output(*need, impl_->job.set->in_code)) : Value();
}

int Step::index() const {
  const Json& index = impl_->assignment().input["index"];
  return index.is_integer() ? static_cast<int>(index.as_integer()) : 0;
}

Value Step::checkpoint() const {
  const auto& bytes = impl_->assignment().checkpoint;
  if (bytes.empty()) return {};
  auto parsed = Json::parse(bytes);
  return parsed.ok() ? to_value(*std::move(parsed)) : Value(bytes);
}

Status Step::save(const Value& checkpoint) {
  core::Report r;
  r.has_checkpoint = true;
  r.checkpoint = checkpoint.json();
  if (r.checkpoint.size() > kMaxCheckpoint) {
    return {Code::too_large,
            str("the checkpoint has ", format_size(r.checkpoint.size()), "; the limit is ",
                format_size(kMaxCheckpoint)),
            "write it to a file, and save its path"};
  }
  if (!impl_->tell(std::move(r))) {
    return {Code::unavailable, "this attempt was given up; nothing of it is recorded any more"};
  }
  return {};
}

void Step::progress(double done, double total, const std::string& unit) {
  core::Report r;
  r.has_progress = true;
  r.progress = {done, total, to_valid_utf8(unit)};
  impl_->tell(std::move(r));
}

void Step::log(std::string_view text) {
  Impl& i = *impl_;
  if (i.crew.options_.generation != fork_generation()) return;
  core::LogBatch batch;
  batch.fence = i.assignment().fence;
  auto valid = to_valid_utf8(text);
  auto rest = std::string_view(valid);
  if (!rest.empty() && rest.back() == '\n') rest.remove_suffix(1);
  Crew::Lock lock(i.crew.mutex_);
  if (i.slot.given_up || !i.crew.port_) return;
  for (auto line : split(rest, '\n')) {
    do {
      auto part = line.substr(0, kMaxLogLine);
      while (part.size() < line.size() && !valid_utf8(part))
        part.remove_suffix(1);
      batch.lines.push_back({i.crew.options_.clock->now(), core::Stream::out, std::string(part)});
      line.remove_prefix(part.size());
    } while (!line.empty());
  }
  batch.first_line = i.slot.lines;
  i.slot.lines += batch.lines.size();
  i.slot.last_sign = i.crew.now();
  i.crew.port_->log(i.job.link->id, std::move(batch));
}

void Step::warn(std::string_view text) {
  core::Report r;
  r.warnings.push_back(to_valid_utf8(text));
  impl_->tell(std::move(r));
}

void Step::metric(const std::string& name, double value) {
  core::Report r;
  r.metrics.emplace_back(to_valid_utf8(name), value);
  impl_->tell(std::move(r));
}

void Step::heartbeat() {
  Crew::Lock lock(impl_->crew.mutex_);
  impl_->slot.last_sign = impl_->crew.now();
}

Stop Step::stop() const { return impl_->slot.stop; }

bool Step::wait_for(Millis time) {
  Crew& crew = impl_->crew;
  Crew::Slot& slot = impl_->slot;
  Crew::Lock lock(crew.mutex_);
  Mono at = crew.now();
  constexpr Millis kLongest = std::chrono::hours(24 * 365 * 100);
  slot.last_sign = at;
  slot.wait_until = at + std::clamp(time, Millis(0), kLongest);
  slot.waiting = true;
  auto over = [&] { return slot.stop != Stop::none || crew.now() >= slot.wait_until; };
  while (!over()) {
    if (crew.options_.simulated) {
      slot.changed.wait(lock);
    } else {
      slot.changed.wait_for(lock, slot.wait_until - crew.now());
    }
  }
  slot.waiting = false;
  slot.last_sign = crew.now();
  return slot.stop == Stop::none;
}

Status Step::flush() {
  Impl& i = *impl_;
  std::function<Status(RunId)> settled;
  {
    Crew::Lock lock(i.crew.mutex_);
    if (i.slot.given_up || !i.crew.port_) {
      return {Code::unavailable, "this attempt was given up; nothing of it is recorded any more"};
    }
    settled = i.crew.options_.settled;
  }
  return settled ? settled(run()) : Status();
}

}  // namespace pawl::v1
