#include "worker/pool.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>

#include "actions/mask.h"
#include "base/fs.h"
#include "base/text.h"

namespace pawl::worker {

Pool::~Pool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  more_.notify_all();
  for (auto& thread : threads_)
    thread.join();
}

void Pool::run(std::function<void()> job) {
  std::lock_guard lock(mutex_);
  queue_.push_back(std::move(job));
  if (idle_ < queue_.size() && threads_.size() < most_)
    threads_.emplace_back([this] { work(); });
  else
    more_.notify_one();
}

void Pool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    more_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (stopping_) return;
    auto job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

// What a pool function says. Thread-safe: it only posts.
class PoolAction::Talk : public actions::Control {
 public:
  Talk(std::shared_ptr<Inbox> inbox, const core::Assignment& assignment, const Clock& clock)
      : inbox_(std::move(inbox)),
        fence_(assignment.fence),
        masker_(assignment.secrets),
        clock_(clock),
        stop_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void progress(core::Progress p) override {
    auto news = make();
    news.report.has_progress = true;
    news.report.progress = std::move(p);
    inbox_->put(std::move(news));
  }
  void metric(std::string name, double value) override {
    auto news = make();
    news.report.metrics.emplace_back(std::move(name), value);
    inbox_->put(std::move(news));
  }
  void warning(std::string text) override {
    auto news = make();
    news.report.warnings.push_back(masker_.masked(to_valid_utf8(text)));
    inbox_->put(std::move(news));
  }
  void checkpoint(std::string bytes, bool best) override {
    auto news = make();
    news.report.has_checkpoint = true;
    news.report.checkpoint = std::move(bytes);
    news.report.best_checkpoint = best;
    inbox_->put(std::move(news));
  }
  void log(core::Stream stream, std::string_view text) override {
    auto news = make();
    for (auto line : split(text, '\n')) {
      news.lines.push_back({clock_.now(), stream, masker_.masked(to_valid_utf8(line))});
    }
    inbox_->put(std::move(news));
  }
  bool stopped() const override { return stopped_.load(std::memory_order_acquire); }
  int stop_fd() override { return stop_fd_.get(); }
  const Clock& clock() const override { return clock_; }

  void begin() {
    auto news = make();
    news.report.kind = core::ReportKind::started;
    inbox_->put(std::move(news));
  }
  void end(core::Report report) {
    auto news = make();
    news.final = true;
    masker_.mask(report.message);
    for (auto& text : report.warnings)
      masker_.mask(text);
    news.report = std::move(report);
    news.report.fence = fence_;
    inbox_->put(std::move(news));
  }
  void stop() {
    stopped_.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    [[maybe_unused]] auto n = ::write(stop_fd_.get(), &one, sizeof one);
  }

 private:
  PoolNews make() const {
    PoolNews news;
    news.fence = fence_;
    return news;
  }
  std::shared_ptr<Inbox> inbox_;
  const core::Fence fence_;
  const actions::Masker masker_;
  const Clock& clock_;
  UniqueFd stop_fd_;
  std::atomic<bool> stopped_{false};
};

PoolAction::PoolAction(actions::Sink& sink, const actions::PoolFunction& function, Pool& pool,
                       std::shared_ptr<Inbox> inbox, const Clock& clock)
    : sink_(sink), function_(function), pool_(pool), inbox_(std::move(inbox)), clock_(clock) {}

PoolAction::~PoolAction() = default;

void PoolAction::start(const core::Assignment& assignment) {
  talk_ = std::make_shared<Talk>(inbox_, assignment, clock_);
  pool_.run([talk = talk_, &function = function_, &assignment] {
    if (talk->stopped()) {
      core::Report report;
      report.kind = core::ReportKind::cancelled;
      return talk->end(std::move(report));
    }
    talk->begin();
    talk->end(function(assignment, *talk));
  });
}

void PoolAction::stop(actions::StopReason) {
  if (talk_) talk_->stop();
}

void PoolAction::receive(PoolNews news) {
  sink_.alive();
  for (auto& line : news.lines)
    sink_.line(std::move(line));
  if (news.final) return sink_.done(std::move(news.report));
  auto& report = news.report;
  if (report.kind == core::ReportKind::started) sink_.started();
  if (report.has_progress) sink_.progress(std::move(report.progress));
  for (auto& [name, value] : report.metrics)
    sink_.metric(std::move(name), value);
  for (auto& text : report.warnings)
    sink_.warning(std::move(text));
  if (report.has_checkpoint) sink_.checkpoint(std::move(report.checkpoint), report.best_checkpoint);
}

}  // namespace pawl::worker
