// What travels over the control socket arrives as it was.
#include <gtest/gtest.h>

#include "server/feed.h"

namespace pawl::server {
namespace {

FeedItem there_and_back(const FeedItem& item) {
  auto text = item_to_json(item).dump();
  EXPECT_EQ(text.find('\n'), std::string::npos);
  auto json = Json::parse(text);
  EXPECT_TRUE(json.ok());
  auto back = item_from_json(*json);
  EXPECT_TRUE(back.ok());
  EXPECT_EQ(item_to_json(*back).dump(), text);
  return *back;
}

const Time kNow{std::chrono::milliseconds(1'700'000'000'123)};

TEST(FeedJson, EveryKindComesBackTheSame) {
  FeedItem event;
  event.task = event.event.task = 3;
  event.path = "clean[1]";
  event.event = {41,
                 kNow,
                 core::EventKind::task_state,
                 3,
                 2,
                 core::TaskState::retrying,
                 core::RunState::pending,
                 core::Reason::backoff,
                 "a \"b\"\nc"};
  auto live = std::make_shared<LiveTask>();
  live->task = 3;
  live->path = "clean[1]";
  live->state = core::TaskState::retrying;
  live->wake = kNow;
  live->has_progress = true;
  live->progress = {3, 10, "epoch"};
  live->metrics = {{"loss", 0.25}};
  event.live = live;
  auto back = there_and_back(event);
  EXPECT_EQ(back.event.reason, core::Reason::backoff);
  EXPECT_EQ(back.event.task_state, core::TaskState::retrying);
  EXPECT_EQ(back.event.seq, 41u);
  ASSERT_TRUE(back.live);
  EXPECT_EQ(back.live->wake, kNow);
  EXPECT_EQ(back.live->metrics, live->metrics);

  FeedItem log;
  log.kind = FeedKind::log;
  log.task = log.log.fence.task = 3;
  log.log.first_line = 17;
  log.log.lines = {{kNow, core::Stream::err, "x"}, {kNow, core::Stream::pawl, ""}};
  EXPECT_EQ(there_and_back(log).log.lines[1].stream, core::Stream::pawl);

  FeedItem snapshot;
  snapshot.kind = FeedKind::snapshot;
  auto s = std::make_shared<Snapshot>();
  s->run = RunId{7};
  s->states = "aBc-";
  s->state = core::RunState::paused;
  s->next_seq = 9;
  s->tasks = {*live};
  snapshot.snapshot = s;
  EXPECT_EQ(there_and_back(snapshot).snapshot->tasks[0].path, "clean[1]");

  FeedItem closed;
  closed.kind = FeedKind::closed;
  EXPECT_EQ(there_and_back(closed).kind, FeedKind::closed);
}

TEST(FeedJson, WhatIsNoItemIsRefused) {
  for (const char* text : {"{}", "[]", "7", "null", R"({"event": 3})"}) {
    EXPECT_FALSE(item_from_json(*Json::parse(text)).ok()) << text;
  }
  // An unknown word of a newer owner is not the end: the item comes through as what can be read of
  // it.
  EXPECT_TRUE(item_from_json(*Json::parse(R"({"event": "task_state", "state": "dreaming"})")).ok());
}

}  // namespace
}  // namespace pawl::server
