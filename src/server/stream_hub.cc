#include "server/stream_hub.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "engine/run_io.h"
#include "server/api.h"
#include "store/run_match.h"

namespace pawl::server {
namespace {

constexpr Duration kTick = std::chrono::seconds(15);
constexpr Duration kLate = std::chrono::milliseconds(100);  // progress and lists
constexpr Duration kSystem = std::chrono::seconds(2);
constexpr std::uint64_t kWakeUp = 0;  // in epoll's data; runs are numbered from 1
constexpr std::uint64_t kRunsWatch = ~0ull;
constexpr std::uint64_t kMostBehind = 20'000;  // events; who is further behind begins anew
constexpr std::size_t kMostRows = 200;         // of "runs", at once

Status listen_to(const UniqueFd& epoll, int fd, std::uint64_t mark) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = mark;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
  return {Errc::io, "the stream cannot wait for more: too many open files?"};
}

void clear_event(int fd) {
  std::uint64_t count = 0;
  (void)!::read(fd, &count, sizeof count);
}

}  // namespace

// Which runs have changed. On the engine's thread.
class StreamHub::RunsWatch final : public engine::Subscriber {
 public:
  RunsWatch() : wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  void on_events(RunId run, const std::vector<core::Event>& events) override {
    bool state = std::any_of(events.begin(), events.end(), [](const core::Event& e) {
      return e.kind == core::EventKind::submitted || e.kind == core::EventKind::run_state;
    });
    if (!state) return;
    std::lock_guard lock(mutex_);
    if (changed_.size() <= kMostRows) changed_.insert(run);
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  }
  void on_log(const core::LogBatch&) override {}
  void on_progress(RunId, TaskId, const core::Progress&) override {}
  int fd() const { return wake_.get(); }
  // More than kMostRows: not all are here.
  std::set<RunId> take() {
    std::lock_guard lock(mutex_);
    return std::exchange(changed_, {});
  }

 private:
  UniqueFd wake_;
  std::mutex mutex_;
  std::set<RunId> changed_;
};

StreamHub::StreamHub(engine::Engine& engine, store::Store& store, const Clock& clock)
    : engine_(engine), store_(store), clock_(clock) {}

Status StreamHub::start() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  wake_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!epoll_ || !wake_) return {Errc::io, "the stream cannot start: too many open files?"};
  TRY(listen_to(epoll_, wake_.get(), kWakeUp));
  thread_ = std::thread([this] { run(); });
  return {};
}

StreamHub::~StreamHub() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  post([] {});
  thread_.join();
  if (runs_subscription_ != 0) engine_.unsubscribe(runs_subscription_);
}

void StreamHub::post(std::function<void()> call) {
  std::lock_guard lock(mutex_);
  calls_.push_back(std::move(call));
  if (calls_.size() > 1) return;
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

void StreamHub::add(std::shared_ptr<StreamSink> sink) {
  post([this, sink = std::move(sink)] {
    if (closing_) return sink->goodbye();
    sinks_.emplace(sink.get(), sink);
    readers_count_ = sinks_.size();
  });
}

void StreamHub::say_goodbye() {
  post([this] {
    closing_ = true;
    for (const auto& [key, sink] : sinks_) {
      sink->goodbye();
      slow_.push_back(key);
    }
  });
}

void StreamHub::remove(const StreamSink* sink) {
  post([this, sink] { forget(sink, nullptr); });
}

void StreamHub::subscribe(std::shared_ptr<StreamSink> sink, StreamTopic topic,
                          std::optional<std::uint64_t> after) {
  Reader reader{std::move(sink), std::move(topic), kNoTask, 1};
  post([this, reader = std::move(reader), after] { take_subscription(reader, after); });
}

void StreamHub::unsubscribe(const StreamSink* sink, std::string topic) {
  post([this, sink, topic = std::move(topic)] { forget(sink, &topic); });
}

StreamHub::Statistics StreamHub::statistics() const {
  return {readers_count_, subscriptions_count_, messages_, dropped_};
}

// -- The thread

void StreamHub::run() {
  next_tick_ = clock_.mono() + kTick;
  epoll_event events[64];
  while (!stopping_) {
    int n = ::epoll_wait(epoll_.get(), events, 64, patience(clock_.mono()));
    for (int i = 0; i < n; ++i) {
      auto mark = events[i].data.u64;
      if (mark == kWakeUp) {
        take_calls();
      } else if (mark == kRunsWatch) {
        clear_event(runs_watch_->fd());
        next_late_ = std::min(next_late_, clock_.mono() + kLate);
      } else if (auto found = runs_.find(RunId{static_cast<std::int64_t>(mark)});
                 found != runs_.end()) {
        read_feed(found->second);
      }
    }
    auto now = clock_.mono();
    if (now >= next_late_) tell_late();
    if (!system_.empty() && now >= next_system_) {
      next_system_ = now + kSystem;
      tell_system();
    }
    if (now >= next_tick_) {
      next_tick_ = now + kTick;
      for (const auto& [key, sink] : sinks_)
        if (!sink->tick()) slow_.push_back(key);
    }
    drop_the_slow();
  }
  runs_.clear();
}

int StreamHub::patience(Mono now) const {
  auto due = std::min(next_tick_, next_late_);
  if (!system_.empty()) due = std::min(due, next_system_);
  auto left = std::chrono::ceil<std::chrono::milliseconds>(due - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void StreamHub::take_calls() {
  clear_event(wake_.get());
  std::vector<std::function<void()>> calls;
  {
    std::lock_guard lock(mutex_);
    calls.swap(calls_);
  }
  for (const auto& call : calls)
    call();
}

bool StreamHub::send(const Reader& reader, const StreamMessage& message) {
  ++messages_;
  if (reader.sink->deliver(message)) return true;
  slow_.push_back(reader.sink.get());
  return false;
}

void StreamHub::drop_the_slow() {
  for (const StreamSink* sink : std::exchange(slow_, {})) {
    if (sinks_.contains(sink)) ++dropped_;
    forget(sink, nullptr);
  }
}

void StreamHub::forget(const StreamSink* sink, const std::string* topic) {
  auto leaves = [&](const Reader& r) {
    return r.sink.get() == sink && (!topic || r.topic.text == *topic);
  };
  std::size_t gone = std::erase_if(lists_, leaves) + std::erase_if(system_, leaves);
  for (auto run = runs_.begin(); run != runs_.end();) {
    gone += std::erase_if(run->second.readers, leaves);
    // Closing the feed's descriptor takes it out of epoll.
    run = run->second.readers.empty() ? runs_.erase(run) : std::next(run);
  }
  subscriptions_count_ -= gone;
  if (lists_.empty() && runs_subscription_ != 0) {
    engine_.unsubscribe(std::exchange(runs_subscription_, 0));
    runs_watch_.reset();
  }
  if (topic) return;
  sinks_.erase(sink);
  readers_count_ = sinks_.size();
}

// -- Subscribing

void StreamHub::take_subscription(Reader reader, std::optional<std::uint64_t> after) {
  if (!sinks_.contains(reader.sink.get())) return;  // it has gone meanwhile
  forget(reader.sink.get(), &reader.topic.text);    // asked for again: it begins again
  Status status;
  auto who = reader;
  switch (reader.topic.kind) {
    case StreamTopic::Kind::runs:
      status = begin_runs(reader);
      break;
    case StreamTopic::Kind::system:
      system_.push_back(std::move(reader));
      next_system_ = {};
      break;
    default:
      status = watch_run(std::move(reader), after);
  }
  if (status.ok()) {
    ++subscriptions_count_;
  } else {
    send(who, stream_error(who.topic.text, status.error()));
  }
}

Status StreamHub::begin_runs(Reader& reader) {
  if (!runs_watch_) {
    auto watch = std::make_shared<RunsWatch>();
    TRY(listen_to(epoll_, watch->fd(), kRunsWatch));
    runs_watch_ = watch;
    runs_subscription_ = engine_.subscribe(RunId{}, watch);
  }
  Json rows = Json::array();
  for (const auto& row : TRY(store_.list_runs(reader.topic.filter)))
    rows.push(run_row_to_json(row));
  Json data = Json::object();
  data.set("items", std::move(rows));
  send(reader, {reader.topic.text, "snapshot", std::nullopt, std::move(data)});
  lists_.push_back(std::move(reader));
  return {};
}

// The feed is opened first: what happens while the past is read waits in it.
Status StreamHub::watch_run(Reader reader, std::optional<std::uint64_t> after) {
  auto found = runs_.find(reader.topic.run);
  if (found == runs_.end()) {
    auto feed = TRY(EngineFeed::open(engine_, reader.topic.run, true));
    TRY(listen_to(epoll_, feed->fd(), static_cast<std::uint64_t>(reader.topic.run.value)));
    found = runs_.emplace(reader.topic.run, Run{std::move(feed), {}, {}}).first;
  }
  auto status = begin(reader, after);
  if (status.ok()) {
    found->second.readers.push_back(std::move(reader));
  } else if (found->second.readers.empty()) {
    runs_.erase(found);
  }
  return status;
}

Status StreamHub::begin(Reader& reader, std::optional<std::uint64_t> after) {
  switch (reader.topic.kind) {
    case StreamTopic::Kind::run:
      return begin_events(reader, after);
    case StreamTopic::Kind::task_logs:
      return begin_lines(reader, after);
    default:
      return {};
  }
}

Status StreamHub::begin_events(Reader& reader, std::optional<std::uint64_t> after) {
  std::optional<Snapshot> now;
  TRY(engine_.inspect(reader.topic.run, [&](const core::Run& run) {
    // One that goes on from where it was needs what it missed, not the whole.
    if (!after || run.next_seq > *after + 1 + kMostBehind) now = take_snapshot(run);
    if (after && *after >= run.next_seq) after = run.next_seq - 1;
  }));
  if (now) return tell_snapshot(reader, *now);
  reader.next = *after + 1;
  return catch_up(reader);
}

Status StreamHub::tell_snapshot(Reader& reader, const Snapshot& snapshot) {
  FeedItem item;
  item.kind = FeedKind::snapshot;
  item.snapshot = std::make_shared<Snapshot>(snapshot);
  reader.next = snapshot.next_seq;
  send(reader, {reader.topic.text, "snapshot", reader.next - 1, item_to_json(item)["run"]});
  return {};
}

// What the store has beyond what the reader had.
Status StreamHub::catch_up(Reader& reader) {
  auto events = TRY(engine::events_of(store_, reader.topic.run, reader.next - 1));
  std::map<TaskId, std::string> paths;
  for (const auto& e : events)
    if (e.task != kNoTask) paths[e.task];
  if (!paths.empty()) {
    TRY(engine_.inspect(reader.topic.run, [&](const core::Run& run) {
      for (auto& [task, path] : paths)
        if (task < run.task_count()) path = run.path(task);
    }));
  }
  for (auto& e : events) {
    FeedItem item;
    if (e.task != kNoTask) item.path = paths[e.task];
    reader.next = e.seq + 1;
    item.event = std::move(e);
    if (!send(reader, {reader.topic.text, "event", item.event.seq, item_to_json(item)})) break;
  }
  return {};
}

Status StreamHub::begin_lines(Reader& reader, std::optional<std::uint64_t> after) {
  TRY(engine_.inspect(reader.topic.run, [&](const core::Run& run) {
    for (TaskId t = 0; t < run.task_count() && reader.task == kNoTask; ++t)
      if (run.path(t) == reader.topic.task) reader.task = t;
  }));
  if (reader.task == kNoTask) {
    return {Errc::not_found,
            str("run ", reader.topic.run.value, " has no task '", reader.topic.task, "'")};
  }
  reader.next = after ? *after + 1 : 0;
  return catch_up_lines(reader, ~0ull);
}

// Lines from reader.next up to `until`, as far as the store has them.
Status StreamHub::catch_up_lines(Reader& reader, std::uint64_t until) {
  constexpr std::uint32_t kAtOnce = 1000;
  while (reader.next < until) {
    auto chunks = TRY(store_.read_logs(
        {reader.topic.run, reader.task, reader.topic.attempt, reader.next, kAtOnce}));
    bool any = false;
    for (auto& chunk : chunks) {
      if (chunk.lines.empty() || chunk.first_line >= until) continue;
      FeedItem item;
      item.kind = FeedKind::log;
      item.task = reader.task;
      item.path = reader.topic.task;
      item.log.fence = {chunk.run, chunk.task, chunk.attempt, 0};
      item.log.first_line = chunk.first_line;
      item.log.lines = std::move(chunk.lines);
      any = true;
      reader.next = item.log.first_line + item.log.lines.size();
      if (!send(reader, {reader.topic.text, "log", reader.next - 1, item_to_json(item)})) return {};
    }
    if (!any) break;
  }
  return {};
}

// -- Telling

void StreamHub::read_feed(Run& run) {
  for (auto& item : run.feed->take())
    tell(run, std::move(item));
  if (!run.progress.empty()) next_late_ = std::min(next_late_, clock_.mono() + kLate);
}

void StreamHub::tell(Run& run, FeedItem item) {
  switch (item.kind) {
    case FeedKind::event:
      return tell_event(run, item);
    case FeedKind::snapshot:
      // The feed lost count, or the run was opened again: nobody loses an event by it.
      for (auto& reader : run.readers) {
        if (reader.topic.kind != StreamTopic::Kind::run) continue;
        if (item.snapshot->next_seq <= reader.next) continue;
        if (!catch_up(reader).ok() || reader.next < item.snapshot->next_seq)
          (void)tell_snapshot(reader, *item.snapshot);
      }
      return;
    case FeedKind::grown:
      return tell_readers(run, StreamTopic::Kind::run, "grown", item);
    case FeedKind::log:
      return tell_log(run, item);
    case FeedKind::progress:
      run.progress[item.task] = std::move(item);
      return;
    case FeedKind::closed:
      return;
  }
}

void StreamHub::tell_event(Run& run, const FeedItem& item) {
  std::optional<StreamMessage> message;
  for (auto& reader : run.readers) {
    if (reader.topic.kind != StreamTopic::Kind::run || item.event.seq < reader.next) continue;
    if (item.event.seq > reader.next) {
      (void)catch_up(reader);
      if (item.event.seq < reader.next) continue;
    }
    if (!message) message.emplace(reader.topic.text, "event", item.event.seq, item_to_json(item));
    reader.next = item.event.seq + 1;
    send(reader, *message);
  }
}

void StreamHub::tell_log(Run& run, const FeedItem& item) {
  tell_readers(run, StreamTopic::Kind::run_logs, "log", item);
  const auto& log = item.log;
  for (auto& reader : run.readers) {
    if (reader.topic.kind != StreamTopic::Kind::task_logs || reader.task != item.task ||
        reader.topic.attempt != log.fence.attempt) {
      continue;
    }
    auto end = log.first_line + log.lines.size();
    if (end <= reader.next) continue;
    if (log.first_line > reader.next) (void)catch_up_lines(reader, log.first_line);
    auto rest = item;
    auto had = std::min<std::uint64_t>(
        reader.next > log.first_line ? reader.next - log.first_line : 0, log.lines.size());
    rest.log.first_line += had;
    rest.log.lines.erase(rest.log.lines.begin(),
                         rest.log.lines.begin() + static_cast<std::ptrdiff_t>(had));
    reader.next = end;
    send(reader, {reader.topic.text, "log", end - 1, item_to_json(rest)});
  }
}

void StreamHub::tell_readers(Run& run, StreamTopic::Kind kind, const char* type,
                             const FeedItem& item) {
  std::optional<StreamMessage> message;
  for (auto& reader : run.readers) {
    if (reader.topic.kind != kind) continue;
    if (!message) message.emplace(reader.topic.text, type, std::nullopt, item_to_json(item));
    send(reader, *message);
  }
}

void StreamHub::tell_late() {
  next_late_ = Mono::max();
  for (auto& [id, run] : runs_) {
    for (auto& [task, item] : std::exchange(run.progress, {}))
      tell_readers(run, StreamTopic::Kind::run, "progress", item);
  }
  tell_runs();
}

void StreamHub::tell_runs() {
  if (!runs_watch_) return;
  auto changed = runs_watch_->take();
  if (changed.size() > kMostRows) {  // more than anybody reads: ask for the list again
    for (const auto& reader : lists_)
      send(reader, {reader.topic.text, "gap", std::nullopt, Json()});
    return;
  }
  for (RunId id : changed) {
    auto row = store_.find_run(id);
    if (!row.ok() || !*row) continue;
    auto any = [&](const Reader& reader) {
      auto filter = reader.topic.filter;
      filter.states = 0xffffffff;  // one that leaves a state is told, too
      return store::matches(filter, (*row)->header, (*row)->workflow_name);
    };
    for (const auto& reader : lists_)
      if (any(reader)) {
        send(reader, {reader.topic.text, "patch", std::nullopt, run_row_to_json(**row)});
      }
  }
}

void StreamHub::tell_system() {
  auto now = engine_.statistics();
  Json data = Json::object();
  data.set("time", format_time(clock_.now())).set("open_runs", now.open_runs);
  data.set("queued_tasks", now.queued).set("tasks_ended", now.tasks_ended);
  data.set("commits", now.commits).set("reading_open_runs", now.scanning);
  if (!now.trouble.ok()) data.set("trouble", now.trouble.error().message);
  for (const auto& reader : system_)
    send(reader, {reader.topic.text, "patch", std::nullopt, data});
}

}  // namespace pawl::server
