#pragma once
// StreamHub: one thread that carries what happens in the engine to whoever reads a topic.
//
//   engine --EngineFeed (one a run that is watched)--> hub thread --StreamSink::deliver()-->
//   readers
//
// A reader of a run is given a snapshot, or the events after the one it names, and then each later
// event once, in order. State changes are never left out: what a reader missed is read from the
// store. A reader that is too slow is told so and dropped; it loses nothing, as it can name the
// last number it had. Progress is told ten times a second at most.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/fs.h"
#include "server/feed.h"
#include "server/stream_topic.h"

namespace pawl::server {

// Who reads. Called on the hub's thread; must not block.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  // False: it is gone, or too slow; it is not called again.
  virtual bool deliver(const StreamMessage& message) = 0;
  // Now and then: a sign of life is due. False: the reader gave none, and was dropped.
  virtual bool tick() = 0;
  // The server stops: whoever reads comes back later.
  virtual void goodbye() = 0;
};

class StreamHub {
 public:
  // All outlive the hub.
  StreamHub(engine::Engine& engine, store::Store& store, const Clock& clock);
  ~StreamHub();
  Status start();

  // From any thread. A sink is ticked from add() to remove().
  void add(std::shared_ptr<StreamSink> sink);
  void remove(const StreamSink* sink);
  // `after`: the last number that the reader had; without it, it is told how things stand first.
  // What is wrong with the topic comes as a message of type "error".
  void subscribe(std::shared_ptr<StreamSink> sink, StreamTopic topic,
                 std::optional<std::uint64_t> after);
  void unsubscribe(const StreamSink* sink, std::string topic);

  // Ends all that read now, and whoever comes.
  void say_goodbye();

  struct Statistics {
    std::size_t readers = 0, subscriptions = 0;
    std::uint64_t messages = 0, dropped = 0;
  };
  Statistics statistics() const;

 private:
  class RunsWatch;
  struct Reader {  // of one topic
    std::shared_ptr<StreamSink> sink;
    StreamTopic topic;
    TaskId task = kNoTask;   // task_logs
    std::uint64_t next = 1;  // the first event or line that it has not had
  };
  struct Run {  // one that is watched
    std::unique_ptr<EngineFeed> feed;
    std::vector<Reader> readers;
    std::map<TaskId, FeedItem> progress;  // the latest, until it is told
  };

  void run();
  void post(std::function<void()> call);
  void take_calls();
  void take_subscription(Reader reader, std::optional<std::uint64_t> after);
  Status watch_run(Reader reader, std::optional<std::uint64_t> after);
  Status begin(Reader& reader, std::optional<std::uint64_t> after);
  Status begin_events(Reader& reader, std::optional<std::uint64_t> after);
  Status begin_lines(Reader& reader, std::optional<std::uint64_t> after);
  Status catch_up(Reader& reader);
  Status catch_up_lines(Reader& reader, std::uint64_t until);
  Status tell_snapshot(Reader& reader, const Snapshot& snapshot);
  Status begin_runs(Reader& reader);
  void read_feed(Run& run);
  void tell(Run& run, FeedItem item);
  void tell_event(Run& run, const FeedItem& item);
  void tell_log(Run& run, const FeedItem& item);
  void tell_readers(Run& run, StreamTopic::Kind kind, const char* type, const FeedItem& item);
  void tell_late();
  void tell_runs();
  void tell_system();
  bool send(const Reader& reader, const StreamMessage& message);
  void forget(const StreamSink* sink, const std::string* topic);
  void drop_the_slow();
  int patience(Mono now) const;

  engine::Engine& engine_;
  store::Store& store_;
  const Clock& clock_;
  UniqueFd epoll_, wake_;
  std::thread thread_;
  std::mutex mutex_;  // guards calls_
  std::vector<std::function<void()>> calls_;
  std::atomic<bool> stopping_{false};

  // Of the hub's thread:
  std::unordered_map<const StreamSink*, std::shared_ptr<StreamSink>> sinks_;
  std::map<RunId, Run> runs_;
  std::vector<Reader> lists_, system_;  // of "runs" and "system"
  std::shared_ptr<RunsWatch> runs_watch_;
  std::uint64_t runs_subscription_ = 0;
  std::vector<const StreamSink*> slow_;
  bool closing_ = false;
  Mono next_tick_{}, next_late_ = Mono::max(), next_system_{};

  std::atomic<std::size_t> readers_count_{0}, subscriptions_count_{0};
  std::atomic<std::uint64_t> messages_{0}, dropped_{0};
};

}  // namespace pawl::server
