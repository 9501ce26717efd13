#include "server/worker_client.h"

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <csignal>

#include "base/text.h"
#include "server/worker_client_parts.h"
#include "server/worker_wire.h"

namespace pawl::server {
namespace {

using core::Fence;
using core::Report;
using core::ReportKind;

constexpr const char* kBase = "/api/v1/workers";
constexpr std::size_t kBodyBytes = std::size_t{2} << 20;  // of a call with many parts, roughly
constexpr std::size_t kMostBody = std::size_t{15} << 20;  // what one part may have: servers take 16
constexpr std::size_t kMostReports = 2000;                // in one call
constexpr std::size_t kSentLogBytes = std::size_t{8} << 20;  // kept until they are surely recorded
constexpr Duration kReceipts = std::chrono::seconds(5);      // waited for before it leaves
constexpr std::size_t kMostSigns = 50'000;                   // reports that are not final, waiting

bool ends(ReportKind kind) { return kind >= ReportKind::completed; }

// One that no server would take, because of its size.
Report too_large(const Fence& fence, std::size_t bytes) {
  return failed_for_good(
      fence, str("its output has ", format_size(bytes), ", more than a worker can send (",
                 format_size(kMostBody),
                 "). Write large results to a file and put its path in the output"));
}

}  // namespace

WorkerClient::WorkerClient(Options options)
    : options_(std::move(options)),
      clock_(options_.http.clock ? *options_.http.clock : system_clock()),
      sending_(options_.http),
      claiming_(options_.http),
      random_(options_.seed ? options_.seed : entropy()) {}

WorkerClient::~WorkerClient() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  sending_.interrupt();
  claiming_.interrupt();
  if (sender_.joinable()) sender_.join();
  if (claimer_.joinable()) claimer_.join();
}

// -- WorkerPort

WorkerId WorkerClient::join(core::WorkerInfo info, std::shared_ptr<core::WorkerLink> link,
                            std::vector<Fence> held) {
  std::lock_guard lock(mutex_);
  PAWL_ASSERT(!link_);
  info_ = std::move(info);
  link_ = std::move(link);
  carried_.insert(held.begin(), held.end());
  // Signals are for the thread that started us.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  sender_ = std::thread([this] { run_sender(); });
  claimer_ = std::thread([this] { run_claimer(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return WorkerId(1);
}

void WorkerClient::offer(WorkerId, std::uint32_t slots) {
  std::lock_guard lock(mutex_);
  if (slots == 0) {
    free_ = unsaid_slots_ = 0;
    unsaid_drain_ = true;
  }
  free_ += slots;
  unsaid_slots_ += slots;
  changed_.notify_all();
}

void WorkerClient::report(WorkerId, std::vector<Report> reports, std::uint32_t slots) {
  std::lock_guard lock(mutex_);
  for (auto& r : reports) {
    Outgoing out{std::move(r), false};
    if (ends(out.report.kind)) {
      carried_.erase(out.report.fence);
      out.receipt = std::exchange(out.report.receipt, true);
    } else if (reports_.size() >= kMostSigns && !out.report.has_checkpoint) {
      continue;  // a sign of life for a server that is away
    }
    reports_.push_back(std::move(out));
  }
  free_ += slots;
  unsaid_slots_ += slots;
  changed_.notify_all();
}

void WorkerClient::log(WorkerId, core::LogBatch lines) {
  std::lock_guard lock(mutex_);
  for (auto& line : lines.lines)
    std::replace(line.text.begin(), line.text.end(), '\0', ' ');  // no server takes it
  log_bytes_ += bytes_of(lines);
  logs_.push_back(std::move(lines));
  bound_logs();
  changed_.notify_all();
}

void WorkerClient::bound_logs() {
  const std::size_t out = log_flight_ ? log_flight_->count : 0;
  while (log_bytes_ > options_.log_bytes && logs_.size() > out + 1) {
    auto oldest = logs_.begin() + static_cast<std::ptrdiff_t>(out);
    log_bytes_ -= bytes_of(*oldest);
    logs_.erase(oldest);
    if (!std::exchange(lines_dropped_, true)) {
      say("the server is away for long: the oldest lines of output that wait for it are dropped");
    }
  }
}

void WorkerClient::leave(WorkerId) {
  std::lock_guard lock(mutex_);
  leaving_ = true;
  leave_by_ = clock_.mono() + kReceipts;
  changed_.notify_all();
}

bool WorkerClient::finish(Duration patience) {
  std::unique_lock lock(mutex_);
  if (!sender_.joinable()) return true;
  return changed_.wait_for(lock, patience, [&] { return finished_; });
}

// -- Calls

void WorkerClient::say(const std::string& line) const {
  if (options_.note) options_.note(line);
}

void WorkerClient::unreachable(const std::string& why) {
  away_ = true;
  ++failures_;
  if (!std::exchange(away_said_, true)) {
    say(str("the server is away (", why, "); going on, and trying again until it is back"));
  }
}

void WorkerClient::reachable() {
  away_ = false;
  failures_ = 0;
}

// REQUIRES: the lock is not held.
void WorkerClient::pause() {
  std::unique_lock lock(mutex_);
  const auto doubled = options_.first_pause * (1u << std::min(failures_, 16u));
  const auto most = std::min<Duration>(doubled, options_.longest_pause);
  const auto drawn = Duration(
      static_cast<std::int64_t>(static_cast<double>(most.count()) * (0.5 + random_.unit() / 2)));
  changed_.wait_for(lock, drawn, [&] { return stopping_; });
}

Result<HttpAnswer> WorkerClient::call(HttpClient& http, const Session& session,
                                      const Flight& flight, Duration patience) {
  HttpClient::Request request;
  request.method = "POST";
  const auto path = str(kBase, '/', session.id, flight.path);
  request.path = path;
  request.body = *flight.body;
  request.session = session.secret;
  return http.ask(request, clock_.mono() + patience);
}

// What an answer means for whoever called. REQUIRES: the lock is held.
WorkerClient::Reply WorkerClient::judge(const Result<HttpAnswer>& answer, Json& body) {
  if (!answer.ok()) {
    if (!stopping_) unreachable(answer.error().message);
    return Reply::again;
  }
  Json::Limits limits;
  limits.max_bytes = options_.http.body_bytes;
  auto parsed = Json::parse(answer->body, limits);
  const int status = answer->status;
  const bool well = status == 200 && parsed.ok() && parsed->is_object();
  if (parsed.ok()) body = std::move(*parsed);
  if (well) {
    reachable();
    return Reply::done;
  }
  const Json& detail = body["detail"];
  const auto why =
      str("it answers ", status, detail.is_string() ? str(": ", detail.as_string()) : "");
  // Also 403 and 409: the session is another's now, or its numbers are not ours.
  if (status == 404 || status == 403 || status == 409) return Reply::gone;
  if (status == 400 || status == 413 || status == 415 || status == 422) {
    body = Json(why);
    return Reply::refused;
  }
  unreachable(why);
  return Reply::again;
}

// -- Registering

Json WorkerClient::registration() const {
  std::vector<Fence> held(carried_.begin(), carried_.end());
  for (const auto& out : reports_)
    if (ends(out.report.kind)) held.push_back(out.report.fence);
  for (const auto& [fence, out] : unrecorded_)
    held.push_back(fence);
  Json list = Json::array();
  for (const auto& fence : held)
    list.push(fence_to_text(fence));
  return worker_info_to_json(info_)
      .set("key", options_.key)
      .set("slots", static_cast<std::int64_t>(free_))
      .set("held", std::move(list));
}

// Everything that the new session has not heard is said again. REQUIRES: the lock is held.
void WorkerClient::welcome(const Json& answer) {
  Session s;
  s.id = answer["worker_id"].is_string() ? answer["worker_id"].as_string() : "";
  s.secret = answer["session"].is_string() ? answer["session"].as_string() : "";
  const Json& beat = answer["heartbeat_s"];
  const double seconds = beat.is_number() ? std::clamp(beat.as_double(), 0.05, 3600.0) : 10.0;
  s.heartbeat = Duration(std::llround(seconds * 1e6));
  s.epoch = ++epochs_;
  report_flight_.reset();
  log_flight_.reset();
  report_seq_ = 0;
  early_cancels_.clear();
  unsaid_slots_ = 0;
  unsaid_drain_ = false;
  for (auto& [fence, out] : unrecorded_)
    reports_.push_front(std::move(out));
  unrecorded_.clear();
  log_bytes_ += std::exchange(sent_log_bytes_, 0);
  logs_.insert(logs_.begin(), std::make_move_iterator(sent_logs_.begin()),
               std::make_move_iterator(sent_logs_.end()));
  sent_logs_.clear();
  said_ = clock_.mono();
  const bool away = std::exchange(away_said_, false);
  say(str(away || epochs_ == 1 ? "" : "the server did not know this worker any more; ",
          epochs_ == 1 ? "registered at " : "registered again at ", options_.http.server.authority,
          " as worker ", s.id));
  session_ = std::move(s);
  changed_.notify_all();
}

// REQUIRES: the lock is not held.
void WorkerClient::enrol() {
  std::string body;
  std::uint32_t offered = 0;
  bool drained = false;
  {
    std::lock_guard lock(mutex_);
    body = registration().dump();
    offered = std::exchange(unsaid_slots_, 0);
    drained = std::exchange(unsaid_drain_, false);
  }
  HttpClient::Request request;
  request.method = "POST";
  request.path = kBase;
  request.body = body;
  auto answer = sending_.ask(request, clock_.mono() + kAnswerTime);
  {
    std::lock_guard lock(mutex_);
    Json json;
    const auto reply = judge(answer, json);
    if (reply == Reply::done) {
      // What was offered or given back while it was asked is still to be said.
      const auto since = std::exchange(unsaid_slots_, 0);
      const bool drain = std::exchange(unsaid_drain_, false);
      welcome(json);
      unsaid_slots_ = since;
      unsaid_drain_ = drain;
      return;
    }
    unsaid_slots_ += offered;
    unsaid_drain_ = unsaid_drain_ || drained;
    if (reply != Reply::again) {
      const auto why = json.is_string()             ? json.as_string()
                       : json["detail"].is_string() ? json["detail"].as_string()
                                                    : str("status ", answer->status);
      unreachable(str("it does not take this worker: ", why));
    }
  }
  pause();
}

void WorkerClient::lose_session(std::uint64_t epoch) {
  if (!session_ || session_->epoch != epoch) return;
  session_.reset();
  changed_.notify_all();
}

// -- Sending

bool WorkerClient::something_to_send() const {
  return !logs_.empty() || !reports_.empty() || unsaid_slots_ > 0 || unsaid_drain_ || log_flight_ ||
         report_flight_;
}

bool WorkerClient::may_leave() const {
  return leaving_ && (unrecorded_.empty() || clock_.mono() >= leave_by_);
}

void WorkerClient::make_log_flight() {
  Flight f;
  f.path = "/logs";
  std::string body = "{\"batches\":[";
  for (const auto& batch : logs_) {
    if (f.count > 0 && (body.size() > kBodyBytes || one_by_one_)) break;
    if (f.count++ > 0) body += ',';
    append_log_batch(body, batch);
  }
  body += "]}";
  f.body = std::make_shared<const std::string>(std::move(body));
  log_flight_ = std::move(f);
}

void WorkerClient::make_report_flight() {
  Flight f;
  f.path = "/reports";
  std::string body = str("{\"seq\":", ++report_seq_, ",\"reports\":[");
  for (auto& out : reports_) {
    const bool full = body.size() > kBodyBytes || f.count >= kMostReports || one_by_one_;
    if (f.count > 0 && full) break;
    if (f.count++ > 0) body += ',';
    const auto before = body.size();
    append_report(body, out.report);
    if (const auto size = body.size() - before; size > kMostBody) {
      out.report = too_large(out.report.fence, size);
      body.resize(before);
      append_report(body, out.report);
    }
  }
  body += ']';
  f.drain = std::exchange(unsaid_drain_, false);
  f.slots = std::exchange(unsaid_slots_, 0);
  if (f.drain) body += ",\"drain\":true";
  if (f.slots > 0) body += str(",\"slots\":", f.slots);
  body += '}';
  f.body = std::make_shared<const std::string>(std::move(body));
  report_flight_ = std::move(f);
}

void WorkerClient::logs_sent() {
  for (auto n = log_flight_->count; n > 0; --n) {
    const auto bytes = bytes_of(logs_.front());
    const auto& fence = logs_.front().fence;
    log_bytes_ -= bytes;
    const bool open = carried_.contains(fence) || unrecorded_.contains(fence) ||
                      std::any_of(reports_.begin(), reports_.end(),
                                  [&](const Outgoing& o) { return o.report.fence == fence; });
    if (open) {
      sent_log_bytes_ += bytes;
      sent_logs_.push_back(std::move(logs_.front()));
    }
    logs_.pop_front();
  }
  while (sent_log_bytes_ > kSentLogBytes) {
    sent_log_bytes_ -= bytes_of(sent_logs_.front());
    sent_logs_.pop_front();
  }
  log_flight_.reset();
  lines_dropped_ = false;
}

void WorkerClient::reports_sent() {
  for (auto n = report_flight_->count; n > 0; --n) {
    auto& out = reports_.front();
    if (ends(out.report.kind)) unrecorded_.insert_or_assign(out.report.fence, std::move(out));
    reports_.pop_front();
  }
  report_flight_.reset();
}

// A call was refused for what was in it: its parts are sent one by one, and the one that no server
// takes is not sent again.
void WorkerClient::drop_refused(bool logs, const std::string& why) {
  auto& flight = logs ? log_flight_ : report_flight_;
  const auto count = flight->count;
  unsaid_slots_ += flight->slots;
  unsaid_drain_ = unsaid_drain_ || flight->drain;
  flight.reset();
  one_by_one_ = true;
  if (count == 0) unreachable(str("it refuses what this worker says: ", why));
  if (count != 1) return;
  if (!logs) return refuse_report(why);
  say(str("the server refuses lines of output, which are dropped: ", why));
  log_bytes_ -= bytes_of(logs_.front());
  logs_.pop_front();
}

void WorkerClient::refuse_report(const std::string& why) {
  auto& out = reports_.front();
  const auto text = str("the server refuses what the worker reports of it: ", why);
  say(str("attempt ", fence_to_text(out.report.fence), ": ", text));
  const bool again = out.report.kind == ReportKind::failed && out.report.message == text;
  if (again || !ends(out.report.kind)) return reports_.pop_front();
  out.report = failed_for_good(out.report.fence, text);
}

// One call. Lines go before the reports that follow them. REQUIRES: the lock is held; it is
// released meanwhile.
void WorkerClient::send_something(std::unique_lock<std::mutex>& lock) {
  const bool logs = !report_flight_ && (log_flight_ || !logs_.empty());
  if (logs && !log_flight_) make_log_flight();
  if (!logs && !report_flight_) make_report_flight();
  // Copies: a new session may take the flight back while it is out.
  const Session session = *session_;
  const Flight flight = logs ? *log_flight_ : *report_flight_;
  lock.unlock();
  auto answer = call(sending_, session, flight, kAnswerTime);
  lock.lock();
  Json body;
  const auto reply = judge(answer, body);
  if (!session_ || session_->epoch != session.epoch) return;
  switch (reply) {
    case Reply::done:
      said_ = clock_.mono();
      if (std::exchange(away_said_, false)) say("the server is back");
      logs ? logs_sent() : reports_sent();
      if (logs_.empty() && reports_.empty()) one_by_one_ = false;
      lock.unlock();
      take_answer(body, session.epoch);
      lock.lock();
      return;
    case Reply::gone:
      return lose_session(session.epoch);
    case Reply::refused:
      drop_refused(logs, body.is_string() ? body.as_string() : "");
      if (flight.count > 0) return;
      [[fallthrough]];
    case Reply::again:
      lock.unlock();
      pause();
      lock.lock();
      return;
  }
}

void WorkerClient::run_sender() {
  ::pthread_setname_np(::pthread_self(), "pawl-sender");
  std::unique_lock lock(mutex_);
  while (!stopping_ && !finished_) {
    if (!session_) {
      lock.unlock();
      enrol();
      lock.lock();
      continue;
    }
    auto until = said_ + session_->heartbeat;
    if (leaving_) until = std::min(until, leave_by_);
    const auto ready = [&] { return stopping_ || !session_ || something_to_send() || may_leave(); };
    if (const auto left = until - clock_.mono(); left > Duration::zero() && !ready()) {
      changed_.wait_for(lock, left);
      continue;
    }
    if (stopping_ || !session_) continue;
    if (!something_to_send() && may_leave()) {
      say_goodbye(lock);
    } else {
      send_something(lock);
    }
  }
}

void WorkerClient::say_goodbye(std::unique_lock<std::mutex>& lock) {
  const Session session = *session_;
  lock.unlock();
  HttpClient::Request request;
  const auto path = str(kBase, '/', session.id);
  request.method = "DELETE";
  request.path = path;
  request.session = session.secret;
  auto answer = sending_.ask(request, clock_.mono() + kAnswerTime);
  lock.lock();
  if (!answer.ok() || answer->status >= 500 || answer->status == 429) {
    Json nothing;
    (void)judge(answer, nothing);
    lock.unlock();
    pause();
    lock.lock();
    return;
  }
  finished_ = true;
  changed_.notify_all();
}

}  // namespace pawl::server
