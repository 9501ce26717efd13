#include "server/worker_session.h"

#include <algorithm>

#include "base/text.h"
#include "server/gateway_bell.h"
#include "server/worker_wire.h"

namespace pawl::server {
namespace {

using core::Fence;
using core::Report;
using core::ReportKind;

constexpr std::size_t kMostInAnswer = 1000;                 // assignments
constexpr std::size_t kAnswerBytes = std::size_t{4} << 20;  // ... or so many bytes, roughly

bool ends(ReportKind kind) { return kind >= ReportKind::completed; }

Report report_of(const Fence& fence, ReportKind kind) {
  Report r;
  r.fence = fence;
  r.kind = kind;
  return r;
}

Error older(std::int64_t seq, std::int64_t last) {
  return {Errc::conflict, str("\"seq\": found ", seq, ", but ", last,
                              " was called already; count each call up by one")};
}

}  // namespace

std::size_t FenceHash::operator()(const Fence& f) const {
  auto x = static_cast<std::uint64_t>(f.run.value) * 0x9e3779b97f4a7c15u;
  x ^= (static_cast<std::uint64_t>(f.task) << 32 | f.lease) * 0xc2b2ae3d27d4eb4fu;
  return static_cast<std::size_t>(x ^ (x >> 29) ^ f.attempt);
}

WorkerSession::WorkerSession(core::WorkerPort& port, const Clock& clock, Terms terms,
                             std::shared_ptr<GatewayBell> bell)
    : port_(port), clock_(clock), terms_(terms), bell_(std::move(bell)) {}

WorkerId WorkerSession::open(core::WorkerInfo info, std::vector<Fence> held, std::uint32_t slots,
                             std::string secret) {
  std::lock_guard lock(mutex_);
  info_ = info;
  secret_ = std::move(secret);
  live_.insert(held.begin(), held.end());
  heard_ = claimed_ = clock_.mono();
  granted_ = slots;
  id_ = port_.join(std::move(info), shared_from_this(), std::move(held));
  lend();
  return id_;
}

bool WorkerSession::renew(const std::vector<Fence>& held, std::uint32_t slots, std::string secret) {
  std::vector<Due> due;
  {
    std::lock_guard lock(mutex_);
    if (ended_) return false;
    drop_claim(due, {Errc::conflict, "the worker has registered again"});
    secret_ = std::move(secret);
    heard_ = claimed_ = clock_.mono();
    claim_ = {};
    report_ = {};
    news_ = {};
    FenceSet kept(held.begin(), held.end());
    for (const auto& a : pending_)
      kept.insert(a.fence);  // on their way: they come with the next claim
    std::vector<Report> lost;
    for (const auto& f : live_)
      if (!kept.contains(f)) lost.push_back(report_of(f, ReportKind::lost));
    for (const auto& r : lost)
      live_.erase(r.fence), cancelled_.erase(r.fence);
    for (const auto& f : held)
      if (!live_.contains(f)) news_.refused.push_back(f);
    // An earlier life may have died between hearing of a cancel and obeying it.
    news_.cancel.assign(cancelled_.begin(), cancelled_.end());
    granted_ = slots;
    if (!lost.empty()) port_.report(id_, std::move(lost), 0);
    lend();
  }
  give(due);
  return true;
}

// -- Slots

void WorkerSession::lend() {
  if (granted_ > lent_) port_.offer(id_, granted_ - lent_);
  if (granted_ < lent_) {
    port_.offer(id_, 0);
    if (granted_ > 0) port_.offer(id_, granted_);
  }
  lent_ = granted_;
}

void WorkerSession::lend_nothing() {
  if (lent_ > 0) port_.offer(id_, 0);
  lent_ = 0;
}

// What the engine gave and nobody fetches.
void WorkerSession::give_back() {
  std::vector<Report> back;
  for (const auto& a : pending_) {
    back.push_back(report_of(a.fence, ReportKind::released));
    live_.erase(a.fence);
    cancelled_.erase(a.fence);
  }
  pending_.clear();
  if (!back.empty()) port_.report(id_, std::move(back), 0);
}

// -- Calls of the worker

void WorkerSession::give(std::vector<Due>& due) {
  for (auto& d : due)
    d.answer(std::move(d.text));
}

std::string WorkerSession::take_news(std::string text) {
  text += "\"cancel\":";
  append_fences(text, news_.cancel);
  text += ",\"refused\":";
  append_fences(text, news_.refused);
  text += ",\"recorded\":";
  append_fences(text, news_.recorded);
  text += '}';
  news_ = {};
  return text;
}

std::size_t WorkerSession::room() const {
  return std::min<std::size_t>(kMostInAnswer, claim_.slots.value_or(kMostInAnswer));
}

bool WorkerSession::can_answer() const {
  return claim_.waiting && (!news_.empty() || (!pending_.empty() && room() > 0));
}

void WorkerSession::finish_claim(std::vector<Due>& due) {
  std::string text = "{\"assignments\":[";
  for (std::size_t n = 0, most = room(); n < most && !pending_.empty(); ++n) {
    if (n > 0 && text.size() > kAnswerBytes) break;
    if (n > 0) text += ',';
    append_assignment(text, pending_.front());
    pending_.pop_front();
  }
  pending_since_ = clock_.mono();
  text = take_news(std::move(text += "],"));
  claim_.text = text;
  claim_.answered = true;
  claimed_ = clock_.mono();
  due.push_back({std::exchange(claim_.waiting, nullptr), std::move(text)});
}

void WorkerSession::drop_claim(std::vector<Due>& due, const Error& why) {
  if (claim_.waiting) due.push_back({std::exchange(claim_.waiting, nullptr), why});
}

void WorkerSession::claim(const Claim& c, Answer answer) {
  std::vector<Due> due;
  {
    std::lock_guard lock(mutex_);
    heard_ = claimed_ = clock_.mono();
    if (ended_) {
      due.push_back({std::move(answer), Error{Errc::not_found, "the worker has left"}});
    } else if (c.seq < claim_.seq) {
      due.push_back({std::move(answer), older(c.seq, claim_.seq)});
    } else if (c.seq == claim_.seq && claim_.answered) {
      due.push_back({std::move(answer), claim_.text});
    } else {
      drop_claim(due, {Errc::conflict, "another claim of this worker took its place"});
      if (c.seq > claim_.seq) {
        claim_ = {};
        claim_.seq = c.seq;
        claim_.slots = c.slots;
        const auto waiting = static_cast<std::uint32_t>(pending_.size());
        if (c.slots) granted_ = *c.slots - std::min(*c.slots, waiting);
      }
      lend();
      claim_.waiting = std::move(answer);
      claim_.until = heard_ + c.wait;
      if (can_answer() || c.wait <= Duration::zero()) finish_claim(due);
    }
  }
  give(due);
}

void WorkerSession::hang_up(std::int64_t seq) {
  std::vector<Due> due;
  {
    std::lock_guard lock(mutex_);
    if (!claim_.waiting || claim_.seq != seq) return;
    lend_nothing();
    // It is dead: nothing may be given with it. Called again, the claim waits anew.
    due.push_back({std::exchange(claim_.waiting, nullptr),
                   Error{Errc::unavailable, "nobody waits for this answer"}});
  }
  give(due);
}

void WorkerSession::take_reports(Reports& call) {
  std::vector<Report> ours;
  for (auto& r : call.reports) {
    if (!live_.contains(r.fence)) {
      news_.refused.push_back(r.fence);
      continue;
    }
    if (ends(r.kind)) live_.erase(r.fence), cancelled_.erase(r.fence);
    ours.push_back(std::move(r));
  }
  if (call.drain) {
    granted_ = 0;
    lend();
  }
  granted_ += call.slots;
  const bool lending = claim_.waiting || heard_ - claimed_ <= terms_.linger;
  const auto slots = lending ? call.slots : 0;
  lent_ += slots;
  if (!ours.empty()) {
    port_.report(id_, std::move(ours), slots);
  } else if (slots > 0) {
    port_.offer(id_, slots);
  }
}

void WorkerSession::report(Reports call, Answer answer) {
  std::vector<Due> due;
  {
    std::lock_guard lock(mutex_);
    heard_ = clock_.mono();
    if (ended_) {
      due.push_back({std::move(answer), Error{Errc::not_found, "the worker has left"}});
    } else if (call.seq < report_.seq) {
      due.push_back({std::move(answer), older(call.seq, report_.seq)});
    } else {
      if (call.seq > report_.seq) {
        take_reports(call);
        report_.seq = call.seq;
        report_.text = take_news("{");
      }
      due.push_back({std::move(answer), report_.text});
    }
  }
  give(due);
}

void WorkerSession::log(std::vector<core::LogBatch> batches, Answer answer) {
  std::string text = "{\"refused\":";
  {
    std::lock_guard lock(mutex_);
    heard_ = clock_.mono();
    std::vector<Fence> strange;
    for (auto& batch : batches) {
      if (ended_ || !live_.contains(batch.fence)) {
        strange.push_back(batch.fence);
      } else if (!batch.lines.empty()) {
        port_.log(id_, std::move(batch));
      }
    }
    append_fences(text, strange);
  }
  answer(text + "}");
}

// -- The end

void WorkerSession::lose_all() {
  give_back();
  std::vector<Report> lost;
  for (const auto& f : live_)
    lost.push_back(report_of(f, ReportKind::lost));
  live_.clear();
  cancelled_.clear();
  if (!lost.empty()) port_.report(id_, std::move(lost), 0);
}

void WorkerSession::end(std::vector<Due>& due, const Error& why) {
  drop_claim(due, why);
  ended_ = true;
  pending_.clear();
  news_ = {};
}

void WorkerSession::leave() {
  std::vector<Due> due;
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(ended_, true)) return;
    port_.leave(id_);
    end(due, {Errc::not_found, "the worker has left"});
  }
  give(due);
}

void WorkerSession::close() {
  std::vector<Due> due;
  {
    std::lock_guard lock(mutex_);
    end(due, {Errc::unavailable, "the server is being stopped"});
  }
  give(due);
}

bool WorkerSession::tend() {
  std::vector<Due> due;
  bool alive = true;
  {
    std::lock_guard lock(mutex_);
    const auto now = clock_.mono();
    if (ended_) return false;
    if (can_answer() || (claim_.waiting && claim_.until <= now)) finish_claim(due);
    if (!claim_.waiting && now - claimed_ > terms_.linger) lend_nothing();
    const bool fetches = claim_.waiting && room() > 0;
    if (!pending_.empty() && !fetches && now - pending_since_ > terms_.linger &&
        now - claimed_ > terms_.linger) {
      give_back();
    }
    if (now - heard_ > terms_.lease) {
      alive = false;
      lose_all();
      port_.leave(id_);
      end(due, {Errc::not_found, "the worker was not heard of for its lease"});
    }
  }
  give(due);
  return alive;
}

void WorkerSession::forgive(Duration time) {
  std::lock_guard lock(mutex_);
  heard_ += time;
  claimed_ += time;
}

bool WorkerSession::knows(std::string_view secret) const {
  std::lock_guard lock(mutex_);
  // Every byte is looked at: how long it takes says nothing of the secret.
  unsigned difference = secret.size() == secret_.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(secret.size(), secret_.size()); ++i)
    difference |= static_cast<unsigned char>(secret[i]) ^ static_cast<unsigned char>(secret_[i]);
  return difference == 0;
}

Json WorkerSession::describe() const {
  std::lock_guard lock(mutex_);
  const auto silent = std::chrono::floor<std::chrono::milliseconds>(clock_.mono() - heard_);
  return worker_info_to_json(info_)
      .set("worker_id", str(id_.value))
      .set("running", live_.size())
      .set("free_slots", static_cast<std::int64_t>(granted_))
      .set("silent_s", static_cast<double>(silent.count()) / 1000);
}

// -- WorkerLink

void WorkerSession::ring() {
  if (can_answer()) bell_->ring(shared_from_this());
}

void WorkerSession::assign(std::vector<core::Assignment> batch) {
  std::lock_guard lock(mutex_);
  if (ended_) return;
  const auto n = static_cast<std::uint32_t>(batch.size());
  granted_ -= std::min(granted_, n);
  lent_ -= std::min(lent_, n);
  if (pending_.empty()) pending_since_ = clock_.mono();
  for (auto& a : batch) {
    live_.insert(a.fence);
    pending_.push_back(std::move(a));
  }
  ring();
}

void WorkerSession::cancel(const Fence& fence) {
  std::lock_guard lock(mutex_);
  if (ended_ || !live_.contains(fence)) return;
  auto unfetched = std::find_if(pending_.begin(), pending_.end(),
                                [&](const core::Assignment& a) { return a.fence == fence; });
  if (unfetched != pending_.end()) {  // nobody has begun it
    pending_.erase(unfetched);
    live_.erase(fence);
    return port_.report(id_, {report_of(fence, ReportKind::cancelled)}, 0);
  }
  cancelled_.insert(fence);
  news_.cancel.push_back(fence);
  ring();
}

void WorkerSession::refused(const Fence& fence) {
  std::lock_guard lock(mutex_);
  if (ended_) return;
  live_.erase(fence);
  cancelled_.erase(fence);
  news_.refused.push_back(fence);
  ring();
}

void WorkerSession::recorded(std::vector<Fence> fences) {
  std::lock_guard lock(mutex_);
  if (ended_) return;
  news_.recorded.insert(news_.recorded.end(), fences.begin(), fences.end());
  ring();
}

}  // namespace pawl::server
