// The other half of WorkerClient: what a server answers, and the claims that wait for it.
#include <pthread.h>
#include <sys/stat.h>

#include "base/text.h"
#include "server/worker_client.h"
#include "server/worker_client_parts.h"
#include "server/worker_wire.h"

namespace pawl::server {

using core::Fence;

void WorkerClient::run_claimer() {
  ::pthread_setname_np(::pthread_self(), "pawl-claimer");
  std::uint64_t epoch = 0;
  std::int64_t seq = 0;
  bool answered = true;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || finished_ || session_; });
    if (stopping_ || finished_) return;
    const Session session = *session_;
    if (std::exchange(epoch, session.epoch) != session.epoch) {
      seq = 0;
      answered = true;
    }
    if (answered) ++seq;
    const double wait = static_cast<double>(options_.wait.count()) / 1e6;
    Flight flight;
    flight.path = "/claim";
    flight.body =
        std::make_shared<const std::string>(str("{\"seq\":", seq, ",\"wait_s\":", wait, "}"));
    lock.unlock();
    auto answer = call(claiming_, session, flight, options_.wait + kAnswerTime);
    lock.lock();
    if (stopping_ || finished_) return;
    Json body;
    const auto reply = judge(answer, body);
    answered = reply == Reply::done;
    if (reply == Reply::done) {
      lock.unlock();
      take_answer(body, session.epoch);
      lock.lock();
      continue;
    }
    if (reply != Reply::again) lose_session(session.epoch);
    lock.unlock();
    pause();
    lock.lock();
  }
}

core::Assignment* WorkerClient::read_assignment(const Json& json,
                                                std::vector<core::Assignment>& into) {
  auto assignment = assignment_from_json(json);
  if (assignment.ok()) {
    // The workflow file's directory, where the server has it; often there is none such here.
    struct stat info;
    auto& base = assignment->base_dir;
    const bool here = ::stat(base.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
    if (!here) base.clear();
    return &into.emplace_back(std::move(*assignment));
  }
  const Json& text = json["fence"];
  auto fence = text.is_string() ? fence_from_text(text.as_string()) : Result<Fence>(Error{});
  say(str("the server sent work that cannot be read: ", assignment.error().message));
  if (!fence.ok()) return nullptr;
  auto r = failed_for_good(
      *fence, str("its worker cannot read the assignment: ", assignment.error().message,
                  ". Is the worker as new as the server?"));
  reports_.push_back({std::move(r), false});
  changed_.notify_all();
  return nullptr;
}

void WorkerClient::forget(const Fence& fence) {
  carried_.erase(fence);
  early_cancels_.erase(fence);
  unrecorded_.erase(fence);
  std::erase_if(sent_logs_, [&](const core::LogBatch& b) {
    if (!(b.fence == fence)) return false;
    sent_log_bytes_ -= bytes_of(b);
    return true;
  });
}

// REQUIRES: the lock is not held: the worker is told under its own.
void WorkerClient::take_answer(const Json& body, std::uint64_t epoch) {
  std::vector<core::Assignment> assignments;
  std::vector<Fence> cancel, refused, recorded;
  {
    std::lock_guard lock(mutex_);
    // What an older session was given has been taken from it by the new one.
    if (!session_ || session_->epoch != epoch) return;
    if (const Json& list = body["assignments"]; list.is_array()) {
      for (const Json& one : list.as_array()) {
        if (free_ > 0) --free_;
        auto* a = read_assignment(one, assignments);
        if (!a) continue;
        carried_.insert(a->fence);
        if (early_cancels_.erase(a->fence) > 0) cancel.push_back(a->fence);
      }
    }
    const auto read = [&](const char* name) {
      auto fences = fences_from_json(body[name], name);
      return fences.ok() ? std::move(*fences) : std::vector<Fence>();
    };
    for (const auto& fence : read("cancel")) {
      if (carried_.contains(fence)) {
        cancel.push_back(fence);
      } else {
        early_cancels_.insert(fence);
      }
    }
    refused = read("refused");
    for (const auto& fence : refused)
      forget(fence);
    for (const auto& fence : read("recorded")) {
      auto it = unrecorded_.find(fence);
      const bool wanted = it != unrecorded_.end() && it->second.receipt;
      forget(fence);
      if (wanted) recorded.push_back(fence);
    }
    if (leaving_) changed_.notify_all();
  }
  if (!assignments.empty()) link_->assign(std::move(assignments));
  for (const auto& fence : cancel)
    link_->cancel(fence);
  for (const auto& fence : refused)
    link_->refused(fence);
  if (!recorded.empty()) link_->recorded(std::move(recorded));
}

}  // namespace pawl::server
