#pragma once
// Crew::Link: one queue of the engine, served by a crew. A worker of its own, so that what nobody
// has a handler for stays in its queue. All its state is guarded by the crew's lock.

#include "library/crew.h"

namespace pawl::v1 {

class Crew::Link : public core::WorkerLink, public std::enable_shared_from_this<Crew::Link> {
 public:
  Link(std::weak_ptr<Crew> its_crew, std::string its_queue)
      : queue(std::move(its_queue)), crew_(std::move(its_crew)) {}
  void assign(std::vector<core::Assignment> batch) override {
    if (auto crew = crew_.lock()) crew->take(shared_from_this(), std::move(batch));
  }
  void cancel(const core::Fence& fence) override {
    if (auto crew = crew_.lock()) crew->cancel(fence);
  }
  // Its lease is gone: whatever the handler still does, nobody waits for it.
  void refused(const core::Fence& fence) override { cancel(fence); }

  // Finds the handler of an assignment, or nullptr. Called under the crew's lock.
  const Handler* find(const core::Assignment& a);

  const std::string queue;
  // Guarded by the crew's lock.
  WorkerId id;
  std::shared_ptr<const HandlerSet> set;
  std::vector<core::Report> done;  // to be sent
  std::uint32_t offered = 0;  // slots offered, and attempts given out on them, that have not ended

 private:
  std::weak_ptr<Crew> crew_;
  // The handlers of the workflow seen last, by task.
  std::shared_ptr<const core::Workflow> known_;
  const HandlerSet* known_set_ = nullptr;
  std::vector<const Handler*> by_task_;
};

}  // namespace pawl::v1
