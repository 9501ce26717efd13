#include "server/worker_gateway.h"

#include <pthread.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/log.h"
#include "base/text.h"
#include "server/gateway_bell.h"
#include "server/worker_wire.h"

namespace pawl::server {
namespace {

constexpr Duration kSweep = std::chrono::milliseconds(250);
constexpr std::size_t kLeastKey = 16, kMostText = 256, kMostWords = 256;
constexpr std::int64_t kMostSlots = 1'000'000, kMostSeq = std::int64_t{1} << 53;

double seconds(Duration d) { return static_cast<double>(d.count()) / 1e6; }

Status check_words(std::string_view name, const std::vector<std::string>& words) {
  if (words.size() > kMostWords) {
    return {Errc::usage, str("\"", name, "\": more than ", kMostWords)};
  }
  for (const auto& word : words) {
    if (word.empty() || word.size() > kMostText) {
      return {Errc::usage, str("\"", name, "\": each has 1 to ", kMostText, " bytes")};
    }
  }
  return {};
}

Status check_info(const core::WorkerInfo& info) {
  TRY(check_words("name", {info.name}));
  TRY(check_words("queues", info.queues));
  TRY(check_words("actions", info.actions));
  std::vector<std::string> labels;
  for (const auto& [name, value] : info.labels) {
    labels.push_back(name);
    if (!value.empty()) labels.push_back(value);
  }
  return check_words("labels", labels);
}

// Which queues it serves: what it asks for, within what it may.
Status bound_queues(core::WorkerInfo& info, const std::vector<std::string>& allowed) {
  if (allowed.empty()) return {};
  if (info.queues.empty()) info.queues = allowed;
  for (const auto& queue : info.queues) {
    if (std::find(allowed.begin(), allowed.end(), queue) == allowed.end()) {
      return {Errc::forbidden, str("this token may not serve the queue \"", queue, "\"")};
    }
  }
  return {};
}

}  // namespace

WorkerGateway::WorkerGateway(Options options)
    : options_(std::move(options)),
      clock_(options_.clock ? *options_.clock : system_clock()),
      bell_(std::make_shared<GatewayBell>()),
      random_(options_.seed ? options_.seed : entropy()),
      swept_(clock_.mono()) {
  if (options_.thread) thread_ = std::thread([this] { run(); });
}

WorkerGateway::~WorkerGateway() {
  bell_->stop();
  if (thread_.joinable()) thread_.join();
  for (const auto& [id, session] : sessions_)
    session->close();
}

std::string WorkerGateway::new_secret() {
  std::string out;
  for (int word = 0; word < 2; ++word) {
    // Drawn from the kernel: a generator's next number could be told from its last ones.
    auto draw = options_.seed ? random_.next() : entropy();
    for (int digit = 0; digit < 16; ++digit, draw >>= 4)
      out.push_back("0123456789abcdef"[draw & 15]);
  }
  return out;
}

Result<std::string> WorkerGateway::enrol(const Json& params,
                                         const std::vector<std::string>& allowed) {
  auto key = TRY(text_member(params, "key", true));
  if (key.size() < kLeastKey || key.size() > kMostText) {
    return {Errc::usage, str("\"key\": expected ", kLeastKey, " to ", kMostText,
                             " characters that the worker draws once and keeps to itself")};
  }
  auto info = TRY(worker_info_from_json(params));
  TRY(check_info(info));
  TRY(bound_queues(info, allowed));
  auto held = TRY(fences_from_json(params["held"], "held"));
  const auto slots =
      static_cast<std::uint32_t>(TRY(integer_member(params, "slots", 0, 0, kMostSlots)));
  std::lock_guard lock(mutex_);
  auto secret = new_secret();
  auto known = by_key_.find(key);
  std::uint32_t id = known == by_key_.end() ? 0 : known->second;
  if (id != 0 && !sessions_.at(id)->renew(held, slots, secret)) {  // given up a moment ago
    sessions_.erase(id);
    by_key_.erase(known);
    id = 0;
  }
  if (id == 0) {
    if (sessions_.size() >= options_.most_workers) {
      return {Errc::unavailable, str("there are ", sessions_.size(), " workers already")};
    }
    auto session = std::make_shared<WorkerSession>(*options_.port, clock_, options_.terms, bell_);
    log_info("a worker has come", {{"name", info.name}, {"held", held.size()}});
    id = session->open(std::move(info), std::move(held), slots, secret).value;
    sessions_.emplace(id, std::move(session));
    by_key_.emplace(std::move(key), id);
  }
  return Json::object()
      .set("worker_id", str(id))
      .set("session", secret)
      .set("lease_s", seconds(options_.terms.lease))
      .set("heartbeat_s", seconds(options_.terms.lease / 3))
      .set("longest_wait_s", seconds(options_.longest_wait))
      .dump();
}

Result<std::shared_ptr<WorkerSession>> WorkerGateway::find(const Who& who) const {
  std::uint32_t id = 0;
  auto [end, bad] = std::from_chars(who.worker.data(), who.worker.data() + who.worker.size(), id);
  std::shared_ptr<WorkerSession> session;
  if (bad == std::errc{} && end == who.worker.data() + who.worker.size()) {
    std::lock_guard lock(mutex_);
    if (auto it = sessions_.find(id); it != sessions_.end()) session = it->second;
  }
  if (!session) {
    return {Errc::not_found,
            "this server does not know the worker (any more); register it again, with what it "
            "holds"};
  }
  if (!session->knows(who.session)) {
    return {Errc::forbidden,
            "the session is not this worker's: it has registered again since, or another has"};
  }
  return session;
}

namespace {

Result<WorkerSession::Claim> claim_from(const Json& params, Duration longest) {
  WorkerSession::Claim claim;
  claim.seq = TRY(integer_member(params, "seq", 0, 1, kMostSeq));
  if (claim.seq == 0) return {Errc::usage, "\"seq\": expected 1, then one more with each claim"};
  if (!params["slots"].is_null()) {
    claim.slots =
        static_cast<std::uint32_t>(TRY(integer_member(params, "slots", 0, 0, kMostSlots)));
  }
  const double wait = TRY(number_member(params, "wait_s", 0));
  if (!(wait >= 0)) return {Errc::usage, "\"wait_s\": expected seconds, 0 or more"};
  claim.wait = Duration(std::llround(std::min(wait, seconds(longest)) * 1e6));
  return claim;
}

Result<WorkerSession::Reports> reports_from(const Json& params) {
  WorkerSession::Reports out;
  out.seq = TRY(integer_member(params, "seq", 0, 1, kMostSeq));
  if (out.seq == 0) return {Errc::usage, "\"seq\": expected 1, then one more with each call"};
  const Json& list = params["reports"];
  if (!list.is_null() && !list.is_array()) return {Errc::usage, "\"reports\": expected an array"};
  out.reports.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto report = report_from_json(list[i]);
    if (!report.ok()) {
      return {Errc::usage, str("reports[", i, "]: ", report.error().message)};
    }
    out.reports.push_back(std::move(*report));
  }
  out.drain = TRY(flag_member(params, "drain"));
  out.slots = static_cast<std::uint32_t>(TRY(integer_member(params, "slots", 0, 0, kMostSlots)));
  return out;
}

Result<std::vector<core::LogBatch>> batches_from(const Json& params) {
  std::vector<core::LogBatch> out;
  const Json& list = params["batches"];
  if (!list.is_array()) return {Errc::usage, "\"batches\": expected an array"};
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto batch = log_batch_from_json(list[i]);
    if (!batch.ok()) return {Errc::usage, str("batches[", i, "]: ", batch.error().message)};
    out.push_back(std::move(*batch));
  }
  return out;
}

}  // namespace

std::function<void()> WorkerGateway::claim(const Who& who, const Json& params, Answer answer) {
  auto session = find(who);
  if (!session.ok()) return answer(session.error()), nullptr;
  auto claim = claim_from(params, options_.longest_wait);
  if (!claim.ok()) return answer(claim.error()), nullptr;
  const auto seq = claim->seq;
  (*session)->claim(*claim, std::move(answer));
  return [session = std::move(*session), seq] { session->hang_up(seq); };
}

void WorkerGateway::report(const Who& who, const Json& params, Answer answer) {
  auto session = find(who);
  if (!session.ok()) return answer(session.error());
  auto reports = reports_from(params);
  if (!reports.ok()) return answer(reports.error());
  (*session)->report(std::move(*reports), std::move(answer));
}

void WorkerGateway::log(const Who& who, const Json& params, Answer answer) {
  auto session = find(who);
  if (!session.ok()) return answer(session.error());
  auto batches = batches_from(params);
  if (!batches.ok()) return answer(batches.error());
  (*session)->log(std::move(*batches), std::move(answer));
}

Status WorkerGateway::leave(const Who& who) {
  auto session = TRY(find(who));
  session->leave();
  std::lock_guard lock(mutex_);
  std::erase_if(sessions_, [&](const auto& s) { return s.second == session; });
  std::erase_if(by_key_, [&](const auto& k) { return !sessions_.contains(k.second); });
  return {};
}

Json WorkerGateway::list() const {
  std::vector<std::pair<std::uint32_t, std::shared_ptr<WorkerSession>>> all;
  {
    std::lock_guard lock(mutex_);
    all.assign(sessions_.begin(), sessions_.end());
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Json items = Json::array();
  for (const auto& [id, session] : all)
    items.push(session->describe());
  return Json::object().set("items", std::move(items));
}

void WorkerGateway::run() {
  ::pthread_setname_np(::pthread_self(), "pawl-gateway");
  while (bell_->wait(kSweep))
    tick();
}

void WorkerGateway::tick() {
  for (const auto& session : bell_->take())
    (void)session->tend();  // who is overdue is found by the sweep
  if (clock_.mono() - swept_ >= kSweep) sweep();
}

void WorkerGateway::sweep() {
  const auto now = clock_.mono();
  const auto stood = now - std::exchange(swept_, now) - kSweep;
  std::vector<std::pair<std::uint32_t, std::shared_ptr<WorkerSession>>> all;
  {
    std::lock_guard lock(mutex_);
    all.assign(sessions_.begin(), sessions_.end());
  }
  for (const auto& [id, session] : all) {
    // A server that was stopped has not listened either: that is nobody's silence.
    if (options_.thread && stood > options_.terms.lease / 4) session->forgive(stood);
    if (session->tend()) continue;
    log_warning("a worker is gone; what it ran is given to others",
                {{"worker", str(id)}, {"name", session->describe()["name"]}});
    std::lock_guard lock(mutex_);
    sessions_.erase(id);
    std::erase_if(by_key_, [id = id](const auto& k) { return k.second == id; });
  }
}

}  // namespace pawl::server
