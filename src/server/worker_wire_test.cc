#include "server/worker_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace pawl::server {
namespace {

using core::Fence;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

const Fence kFence{RunId{41}, 3, 2, 7};

core::Assignment full_assignment() {
  auto workflow = std::make_shared<core::Workflow>();
  auto& def = workflow->defs.emplace_back();
  def.action = "shell";
  def.run = "echo \"$A\"\n";
  def.shell = "bash";
  def.kill_after = std::chrono::milliseconds(1500);
  def.timeout.attempt = std::chrono::hours(2);
  def.timeout.start = std::chrono::microseconds(333'333);
  def.timeout.heartbeat = std::chrono::seconds(9);
  core::Assignment a;
  a.fence = kFence;
  a.def = &workflow->defs[0];
  a.workflow = workflow;
  a.path = "clean[0]";
  a.with = Json::object().set("url", "http://x/");
  a.env = Json::object().set("A", "s3cret");
  a.args = Json::array().push("a").push("b");
  a.cwd = "/tmp";
  a.input = Json::object().set("inputs", Json::object().set("n", 3));
  a.base_dir = "/flows";
  a.resume = core::Resume::best_checkpoint;
  a.before = "rm -f x";
  a.checkpoint = std::string("\0\xff\n", 3);
  a.secrets = {{"A", "s3cret"}};
  return a;
}

std::string text_of(const core::Assignment& a) {
  std::string out;
  append_assignment(out, a);
  return out;
}

TEST(WorkerWire, AnAssignmentComesBackWhole) {
  const auto a = full_assignment();
  auto back = assignment_from_json(*Json::parse(text_of(a)));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->fence, a.fence);
  EXPECT_EQ(back->path, a.path);
  EXPECT_EQ(back->with, a.with);
  EXPECT_EQ(back->env, a.env);
  EXPECT_EQ(back->args, a.args);
  EXPECT_EQ(back->cwd, a.cwd);
  EXPECT_EQ(back->input, a.input);
  EXPECT_EQ(back->base_dir, a.base_dir);
  EXPECT_EQ(back->resume, a.resume);
  EXPECT_EQ(back->before, a.before);
  EXPECT_EQ(back->checkpoint, a.checkpoint);
  EXPECT_THAT(back->secrets, ElementsAre(Pair("A", "s3cret")));
  ASSERT_TRUE(back->def);
  EXPECT_EQ(back->def->action, "shell");
  EXPECT_EQ(back->def->run, a.def->run);
  EXPECT_EQ(back->def->shell, "bash");
  EXPECT_EQ(back->def->kill_after, a.def->kill_after);
  EXPECT_EQ(back->def->timeout, a.def->timeout);
  EXPECT_EQ(text_of(*back), text_of(a));
}

TEST(WorkerWire, WhatHasItsDefaultIsNotSent) {
  auto workflow = std::make_shared<core::Workflow>();
  workflow->defs.emplace_back().action = "noop";
  core::Assignment a;
  a.fence = kFence;
  a.workflow = workflow;
  a.def = &workflow->defs[0];
  a.path = "a";
  EXPECT_EQ(text_of(a), R"({"fence":"41.3.2.7","path":"a","action":"noop"})");
  auto back = assignment_from_json(*Json::parse(text_of(a)));
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(back->env.is_null());
  EXPECT_EQ(back->def->kill_after, std::chrono::seconds(10));
}

TEST(WorkerWire, EveryKindOfReportComesBackWhole) {
  for (int kind = 0; kind <= static_cast<int>(core::ReportKind::lost); ++kind) {
    core::Report r;
    r.fence = kFence;
    r.kind = static_cast<core::ReportKind>(kind);
    r.outputs = Json::object().set("rows", 12);
    r.failure_class = core::FailureClass::oom;
    r.message = "killed\n";
    r.exit_code = -9;
    r.no_retry = r.try_later = r.unconfirmed = true;
    r.has_progress = true;
    r.progress = {1.5, 3, "rows"};
    r.metrics = {{"loss", 0.25}, {"loss", 0.125}};
    r.warnings = {"one", "two"};
    r.has_checkpoint = true;
    r.checkpoint = std::string("\0\1", 2);
    r.best_checkpoint = r.receipt = true;
    std::string once, twice;
    append_report(once, r);
    auto back = report_from_json(*Json::parse(once));
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(back->kind, r.kind);
    EXPECT_EQ(back->checkpoint, r.checkpoint);
    EXPECT_THAT(back->metrics, ElementsAre(Pair("loss", 0.25), Pair("loss", 0.125)));
    append_report(twice, *back);
    EXPECT_EQ(once, twice);
    EXPECT_THAT(once, HasSubstr(R"("exit_code":-9)"));
  }
}

TEST(WorkerWire, AnEmptyCheckpointIsNotNone) {
  core::Report r;
  r.fence = kFence;
  r.has_checkpoint = true;
  std::string text;
  append_report(text, r);
  EXPECT_TRUE(report_from_json(*Json::parse(text))->has_checkpoint);
  EXPECT_FALSE(
      report_from_json(*Json::parse(R"({"fence":"1.0.1.1","kind":"started"})"))->has_checkpoint);
}

TEST(WorkerWire, LogLinesComeBackWhole) {
  core::LogBatch b;
  b.fence = kFence;
  b.first_line = 10;
  b.lines = {{Time(Duration(1'700'000'000'000'001)), core::Stream::err, "\xc3\xa4\t\"x\""},
             {Time(Duration(5)), core::Stream::pawl, ""}};
  std::string text;
  append_log_batch(text, b);
  auto back = log_batch_from_json(*Json::parse(text));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->fence, b.fence);
  EXPECT_EQ(back->first_line, 10u);
  ASSERT_EQ(back->lines.size(), 2u);
  EXPECT_EQ(back->lines[0].time, b.lines[0].time);
  EXPECT_EQ(back->lines[0].stream, core::Stream::err);
  EXPECT_EQ(back->lines[0].text, b.lines[0].text);
  EXPECT_EQ(back->lines[1].stream, core::Stream::pawl);
}

TEST(WorkerWire, WorkerInfoComesBackWhole) {
  core::WorkerInfo info{"gpu-3:17", {"gpu", "default"}, {"shell"}, {{"zone", "b"}}};
  auto back = worker_info_from_json(worker_info_to_json(info));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->name, info.name);
  EXPECT_EQ(back->queues, info.queues);
  EXPECT_EQ(back->actions, info.actions);
  EXPECT_EQ(back->labels, info.labels);
}

TEST(WorkerWire, AFenceHasOneSpelling) {
  EXPECT_EQ(*fence_from_text("41.3.2.7"), kFence);
  EXPECT_EQ(fence_to_text(kFence), "41.3.2.7");
  EXPECT_TRUE(fence_from_text("9223372036854775807.4294967295.4294967295.4294967295").ok());
  for (const char* text :
       {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "01.2.3.4", "1.02.3.4", "+1.2.3.4",
        "-1.2.3.4", "1.2.3.-4", "1.4294967296.3.4", "9223372036854775808.1.1.1", "1.2.3.4 ",
        "1 .2.3.4", "1.2.3.0x4", "1.2.3.00"}) {
    EXPECT_FALSE(fence_from_text(text).ok()) << text;
  }
}

TEST(WorkerWire, ErrorsNameTheMemberAndWhatIsExpected) {
  auto problem = [](const char* text) {
    return report_from_json(*Json::parse(text)).error().message;
  };
  EXPECT_THAT(problem("[]"), HasSubstr("expected an object"));
  EXPECT_THAT(problem(R"({"kind":"completed"})"), HasSubstr("\"fence\": found null"));
  EXPECT_THAT(problem(R"({"fence":"1.0.1.1","kind":"done"})"),
              HasSubstr("\"kind\": an unknown word, expected one of started"));
  EXPECT_THAT(problem(R"({"fence":"1.0.1.1","kind":"failed","exit_code":1.5})"),
              HasSubstr("\"exit_code\": found number, expected a whole number"));
  EXPECT_THAT(problem(R"({"fence":"1.0.1.1","kind":"failed","failure_class":"bad"})"),
              HasSubstr("failure_class"));
  EXPECT_THAT(problem(R"({"fence":"1.0.1.1","kind":"progress","checkpoint":"a"})"),
              HasSubstr("expected base64"));
  EXPECT_THAT(problem(R"({"fence":"1.0.1.1","kind":"progress","metrics":{"a":1}})"),
              HasSubstr("[name, value]"));
  EXPECT_FALSE(
      log_batch_from_json(*Json::parse(R"({"fence":"1.0.1.1","lines":[[1,"out","a\nb"]]})")).ok());
  EXPECT_FALSE(
      log_batch_from_json(*Json::parse(R"({"fence":"1.0.1.1","lines":[[1,"in","a"]]})")).ok());
  EXPECT_FALSE(
      log_batch_from_json(*Json::parse(R"({"fence":"1.0.1.1","first_line":-1,"lines":[]})")).ok());
}

TEST(WorkerWire, ErrorsQuoteNoSecret) {
  auto json = *Json::parse(text_of(full_assignment()));
  json.set("env", Json::array().push("s3cret"));
  EXPECT_THAT(assignment_from_json(json).error().message, Not(HasSubstr("s3cret")));
  json.set("env", Json()).set("secrets", Json::array().push("s3cret"));
  EXPECT_THAT(assignment_from_json(json).error().message, Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace pawl::server
