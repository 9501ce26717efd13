#include "cli/live_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/golden_testing.h"
#include "base/text.h"

namespace pawl::cli {
namespace {

using core::EventKind;
using core::Reason;
using core::TaskState;
using server::FeedItem;
using server::FeedKind;
using server::LiveTask;

const Time kStart{std::chrono::hours(500'000)};
Time at(int seconds) { return kStart + std::chrono::seconds(seconds); }

LiveTask task(TaskId id, std::string path, TaskState state, int started) {
  LiveTask t;
  t.task = id;
  t.path = std::move(path);
  t.state = state;
  t.started = at(started);
  t.attempt = 1;
  return t;
}

FeedItem snapshot(std::string states, std::vector<LiveTask> tasks) {
  auto s = std::make_shared<server::Snapshot>();
  s->run = RunId{7};
  s->workflow = "nightly-ctr";
  s->name = "train 2026-01-31";
  s->state = core::RunState::running;
  s->created = s->started = kStart;
  s->states = std::move(states);
  s->tasks = std::move(tasks);
  FeedItem item;
  item.kind = FeedKind::snapshot;
  item.snapshot = std::move(s);
  return item;
}

FeedItem moved(TaskId id, std::string path, TaskState to, int seconds, std::string text = {},
               Reason reason = Reason::none) {
  FeedItem item;
  item.task = item.event.task = id;
  item.path = std::move(path);
  item.event.kind = EventKind::task_state;
  item.event.task_state = to;
  item.event.reason = reason;
  item.event.attempt = 1;
  item.event.time = at(seconds);
  item.event.text = std::move(text);
  return item;
}

FeedItem progress(TaskId id, double current, double total, std::string unit) {
  FeedItem item;
  item.kind = FeedKind::progress;
  item.task = id;
  item.progress = {current, total, std::move(unit)};
  return item;
}

// A group (id 0) around eight tasks: every kind of line at once.
RunView everything() {
  RunView view;
  auto gate = task(3, "publish", TaskState::waiting, 10);
  gate.reason = Reason::gate;
  gate.question = "Load into production?";
  view.apply(snapshot("Caadaaaaabbaf", {task(0, "train", TaskState::running, 0), gate}), at(10));
  view.apply(moved(4, "train.fold[3]", TaskState::running, 20), at(20));
  view.apply(progress(4, 10, 40, "epoch"), at(20));
  view.apply(progress(4, 20, 40, "epoch"), at(120));
  FeedItem metric = moved(4, "train.fold[3]", TaskState::running, 100);
  metric.event.kind = EventKind::metric;
  metric.event.text = "loss=0.213 auc=0.941";
  view.apply(metric, at(120));
  view.apply(moved(5, "move.features", TaskState::running, 60), at(60));
  view.apply(progress(5, 4.4e9, 1.03e10, "bytes"), at(60));
  FeedItem log;
  log.kind = FeedKind::log;
  log.task = 6;
  view.apply(moved(6, "evil", TaskState::running, 110), at(110));
  log.log.lines.push_back({at(111), core::Stream::out, "\033[2Jcleared\r\nyour screen"});
  view.apply(log, at(111));
  view.apply(moved(7, "load", TaskState::running, 30), at(30));
  auto retry = moved(7, "load", TaskState::retrying, 40,
                     "exited with code 1; last lines of stderr:\nno route", Reason::backoff);
  auto live = std::make_shared<LiveTask>();
  live->wake = at(150);
  live->max_attempts = 3;
  retry.live = live;
  view.apply(retry, at(40));
  view.apply(moved(8, "rows", TaskState::failed, 50, "exited with code 137", Reason::error),
             at(50));
  return view;
}

std::string shown(const RunView& view, int width, int height, bool utf8) {
  Term term;
  term.tty = true;
  term.width = width;
  term.utf8 = utf8;
  LiveInput in{view, at(125), height, std::chrono::seconds(300)};
  return join(live_lines(in, term), "\n") + "\n";
}

TEST(LiveLines, LookLikeThis) {
  auto view = everything();
  expect_golden("cli/live-80.txt", shown(view, 80, 23, true));
  expect_golden("cli/live-40.txt", shown(view, 40, 15, true));
  expect_golden("cli/live-ascii.txt", shown(view, 80, 23, false));
}

TEST(LiveLines, StayWithinTheScreenAndPutFailuresFirst) {
  auto view = everything();
  for (int height = 4; height < 20; ++height) {
    for (int width : {20, 40, 80, 200}) {
      auto text = shown(view, width, height, true);
      auto lines = split(std::string_view(text).substr(0, text.size() - 1), '\n');
      EXPECT_LE(lines.size(), static_cast<std::size_t>(std::max(4, height)));
      for (auto line : lines)
        EXPECT_LT(display_width(line), static_cast<std::size_t>(width));
      EXPECT_THAT(std::string(lines[2]), testing::HasSubstr("rows"));
    }
  }
}

TEST(LiveLines, APausedRunSaysHowToGoOn) {
  auto view = everything();
  FeedItem paused;
  paused.event.kind = EventKind::run_state;
  paused.event.run_state = core::RunState::paused;
  paused.event.text = "load: auth: permission denied";
  view.apply(paused, at(120));
  auto text = shown(view, 80, 23, false);
  EXPECT_THAT(text, testing::HasSubstr("load: auth: permission denied\n go on: pawl resume 7\n"));
}

TEST(RunView, CountsEachTaskOnceAndHoldersNever) {
  auto view = everything();
  EXPECT_EQ(view.total(), 12u);
  EXPECT_EQ(view.count(TaskState::running), 3u);
  EXPECT_EQ(view.count(TaskState::failed), 1u);
  EXPECT_EQ(view.done(), 2u);
  FeedItem grown;
  grown.kind = FeedKind::grown;
  grown.states = "aaa";
  view.apply(grown, at(130));
  EXPECT_EQ(view.total(), 15u);
  view.apply(moved(14, "more[1]", TaskState::completed, 131), at(131));
  EXPECT_EQ(view.done(), 3u);
  EXPECT_FALSE(view.tasks().contains(14));
}

TEST(RunView, TellsOfAGateOnce) {
  auto view = everything();
  ASSERT_EQ(view.take_opened_gates().size(), 1u);
  EXPECT_TRUE(view.take_opened_gates().empty());
}

TEST(RunView, EtaComesFromTheTasksOwnRate) {
  auto view = everything();
  const auto& fold = view.tasks().at(4);
  // Ten epochs in a hundred seconds, twenty to go.
  EXPECT_EQ(RunView::task_eta(fold, at(120)), std::chrono::seconds(200));
  EXPECT_LT(RunView::task_eta(view.tasks().at(6), at(120)).count(), 0);
}

}  // namespace
}  // namespace pawl::cli
