// Apps: actions that files name, routes that are called without a socket.
#include <gtest/gtest.h>

#include <stdexcept>

#include "library/library_testing.h"

namespace {

using library_testing::Folder;
using library_testing::text;
using pawl::Request;
using pawl::Response;
using pawl::Role;
using pawl::RunState;
using pawl::Value;

constexpr const char* kFile = R"(
pawl: 1
name: labels
inputs: {size: {type: integer, default: 3}}
tasks:
  make: {action: label, with: {n: "${{ inputs.size }}"}}
  list: {needs: [make], for_each: "${{ tasks.make.outputs.items }}", action: shout}
  rest: {needs: [list], action: noop}
outputs: {first: "${{ tasks.list.outputs[0].value }}"}
)";

pawl::App labels() {
  pawl::App app("labels");
  app.action("label", [](const Value& with) {
    Value items = Value::array();
    for (std::int64_t i = 0; i < with.get("n").as_integer(); ++i)
      items.push("item" + std::to_string(i));
    return Value::object({{"items", items}});
  });
  app.action("shout",
             [](pawl::Step& s) { return std::string(s.input().get("item").as_string()) + "!"; });
  return app;
}

TEST(App, CarriesOutAFileWithItsActions) {
  Folder folder;
  auto app = labels();
  auto workflow = pawl::Workflow::parse(kFile, "labels.yaml");
  ASSERT_TRUE(workflow.ok()) << workflow.status().text();
  EXPECT_EQ(workflow->name(), "labels");
  app.workflow(*std::move(workflow));
  auto pawl = open(folder, app.options());
  ASSERT_EQ(text(app.attach(*pawl)), "ok");
  auto run = pawl->execute("labels", Value::object({{"size", 2}}));
  ASSERT_TRUE(run.ok()) << run.status().text();
  EXPECT_EQ(run->state, RunState::completed) << run->error;
  EXPECT_EQ(run->output.json(), R"({"first":"item0!"})");
  EXPECT_EQ(run->input.json(), R"({"size":2})");
  EXPECT_EQ(run->task("make")->type, "label");
  auto wrong = pawl->start("labels", Value::object({{"sise", 2}}));
  EXPECT_EQ(wrong.status().code(), pawl::Code::invalid);
}

TEST(App, AFileWhoseActionIsGoneFailsAndIsMended) {
  Folder folder;
  pawl::RunId run = 0;
  auto workflow = pawl::Workflow::parse(kFile);
  {
    auto app = labels();
    auto pawl = open(folder, app.options());
    ASSERT_EQ(text(pawl->define(*workflow)), "ok");
    run = *pawl->create("labels");
  }
  {
    auto pawl = open(folder);
    ASSERT_EQ(text(pawl->start(run)), "ok");
    auto ended = pawl->wait(run);
    ASSERT_TRUE(ended.ok()) << ended.status().text();
    EXPECT_EQ(ended->state, RunState::failed);
    EXPECT_NE(ended->error.find("no handler for action \"label\""), std::string::npos)
        << ended->error;
  }
  auto app = labels();
  auto pawl = open(folder, app.options());
  ASSERT_TRUE(pawl->recover(run).ok());
  EXPECT_EQ(pawl->wait(run)->state, RunState::completed);
}

TEST(App, RefusesAFileWithUnknownActions) {
  Folder folder;
  auto pawl = open(folder);
  auto workflow = pawl::Workflow::parse(kFile, "labels.yaml");
  auto refused = pawl->define(*workflow);
  EXPECT_EQ(refused.code(), pawl::Code::invalid);
  EXPECT_NE(refused.message().find("there is no action \"label\""), std::string::npos);
  auto broken =
      pawl::Workflow::parse("pawl: 1\nname: x\ntasks: {a: {neds: [b], run: x}}", "b.yaml");
  EXPECT_EQ(broken.status().code(), pawl::Code::invalid);
  EXPECT_NE(broken.status().message().find("b.yaml:3"), std::string::npos)
      << broken.status().message();
  EXPECT_EQ(pawl::Workflow::load("/nowhere/x.yaml").status().code(), pawl::Code::not_found);
}

TEST(App, AnswersRoutes) {
  Folder folder;
  auto pawl = open(folder);
  pawl::App app("web");
  app.route("GET", "/things/{id}", Role::viewer, [](pawl::Orchestrator&, const Request& r) {
    return Response::json(Value::object({{"id", r.path_args.at("id")}}));
  });
  app.route("GET", "/things/newest", Role::viewer,
            [](pawl::Orchestrator&, const Request&) { return Response::json("newest"); });
  app.route("POST", "/things", Role::operator_, [](pawl::Orchestrator& o, const Request&) {
    return Response::problem(o.start("nothing").status());
  });
  app.route("GET", "/broken", Role::viewer, [](pawl::Orchestrator&, const Request&) -> Response {
    throw std::runtime_error("oh");
  });
  Request get;
  get.method = "GET";
  get.path = "/things/17";
  EXPECT_EQ(app.handle(get).status, 503);
  ASSERT_EQ(text(app.attach(*pawl)), "ok");
  EXPECT_EQ(app.handle(get).body, R"({"id":"17"})");
  get.path = "/things/newest/";
  EXPECT_EQ(app.handle(get).body, R"("newest")");
  get.path = "/things";
  EXPECT_EQ(app.handle(get).status, 405);
  get.path = "/nothing";
  EXPECT_EQ(app.handle(get).status, 404);
  get.path = "/broken";
  EXPECT_EQ(app.handle(get).status, 500);
  EXPECT_NE(app.handle(get).body.find("the route threw: oh"), std::string::npos);
  Request post;
  post.method = "POST";
  post.path = "/things";
  EXPECT_EQ(app.handle(post).status, 403);
  post.role = Role::admin;
  EXPECT_EQ(app.handle(post).status, 404);
  app.route("GET", "/things/{other}", Role::viewer,
            [](pawl::Orchestrator&, const Request&) { return Response(); });
  EXPECT_EQ(app.attach(*pawl).code(), pawl::Code::invalid);
}

}  // namespace
