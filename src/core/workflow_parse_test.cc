// What the goldens cannot show: how a file is understood, what is shared, what limits do.

#include <gtest/gtest.h>

#include "base/random.h"
#include "base/text.h"
#include "core/scope_testing.h"
#include "core/workflow.h"

namespace pawl::core {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const Workflow> parse(std::string_view body) {
  auto p = parse_workflow(str("pawl: 1\nname: x\n", body), "x.yaml");
  std::string all;
  for (const Diagnostic& d : p.findings)
    all += str(d.line, ":", d.column, " ", d.message, "\n");
  EXPECT_TRUE(p.workflow != nullptr) << all << body;
  return p.workflow;
}
std::string codes(const ParsedWorkflow& p) {
  std::string out;
  for (const Diagnostic& d : p.findings)
    out += str(out.empty() ? "" : " ", d.code);
  return out;
}
TaskId id(const Workflow& w, std::string_view path) {
  auto t = w.find(path);
  EXPECT_TRUE(t.has_value()) << path;
  return t.value_or(0);
}

TEST(Parse, DefaultsAreFoldedIn) {
  auto w = parse(R"(
defaults:
  retry: {max_attempts: 3, backoff: 2s..60s}
  timeout: {attempt: 1h, queue: 5m}
  queue: big
  priority: 5
  shell: bash
  env: {A: one, B: "${{ inputs.day }}"}
  cwd: /data
  kill_after: 3s
  resources: {gpu: 1}
  recover: [{on: [oom, cuda_oom], action: pause}]
inputs: {day: {type: string}}
tasks:
  a: {run: x}
  b: {run: x, retry: {max_attempts: 5}, timeout: 10m, queue: small, priority: -1,
      env: {B: two, C: three}, resources: {}, recover: [], cwd: /tmp, shell: zsh}
  c: {action: gate, with: {question: "?"}}
  g:
    defaults: {queue: inner, env: {A: other}, retry: {backoff: 1s}}
    tasks:
      d: {run: x}
      e: {args: [x], env: {D: four}}
)");
  const TaskDef& a = w->def(id(*w, "a"));
  EXPECT_EQ(a.retry, (RetryPolicy{3, 2s, 60s, 2.0, 0.2}));
  EXPECT_EQ(a.timeout, (Timeouts{1h, 5min, 0s, 0s}));
  EXPECT_EQ(a.queue, "big");
  EXPECT_EQ(a.priority, 5);
  EXPECT_EQ(a.shell, "bash");
  EXPECT_EQ(a.env.source().dump(), R"({"A":"one","B":"${{ inputs.day }}"})");
  EXPECT_FALSE(a.env.is_constant());
  EXPECT_EQ(a.cwd.source(), Json("/data"));
  EXPECT_EQ(a.kill_after, 3s);
  ASSERT_EQ(a.resources.size(), 1u);
  EXPECT_TRUE(w->constrained());
  ASSERT_EQ(a.recover.size(), 1u);
  EXPECT_TRUE(a.recover[0].matches(FailureClass::cuda_oom));
  EXPECT_FALSE(a.recover[0].matches(FailureClass::user));
  const TaskDef& b = w->def(id(*w, "b"));
  EXPECT_EQ(b.retry, (RetryPolicy{5, 2s, 60s, 2.0, 0.2}));
  EXPECT_EQ(b.timeout, (Timeouts{10min, 5min, 0s, 0s}));
  EXPECT_EQ(b.queue, "small");
  EXPECT_EQ(b.priority, -1);
  EXPECT_EQ(b.env.source().dump(), R"({"A":"one","B":"two","C":"three"})");
  EXPECT_TRUE(b.env.is_constant());
  EXPECT_TRUE(b.resources.empty());
  EXPECT_TRUE(b.recover.empty());
  EXPECT_EQ(b.cwd.source(), Json("/tmp"));
  EXPECT_EQ(b.shell, "zsh");
  const TaskDef& c = w->def(id(*w, "c"));
  EXPECT_EQ(c.executor, Executor::gate);
  EXPECT_EQ(c.timeout, Timeouts{});  // an hour for an attempt would close every gate
  EXPECT_EQ(c.retry, RetryPolicy{});
  const TaskDef& d = w->def(id(*w, "g.d"));
  EXPECT_EQ(d.queue, "inner");
  EXPECT_EQ(d.env.source().dump(), R"({"A":"other","B":"${{ inputs.day }}"})");
  EXPECT_EQ(d.retry, (RetryPolicy{3, 1s, 1s, 1.0, 0.2}));
  EXPECT_EQ(w->def(id(*w, "g.e")).env.source().dump(),
            R"({"A":"other","B":"${{ inputs.day }}","D":"four"})");
  EXPECT_EQ(w->def(id(*w, "g")).executor, Executor::group);
}

TEST(Parse, TheGraph) {
  auto w = parse(R"(
tasks:
  a: {action: noop}
  g:
    needs: [a]
    tasks:
      b: {action: noop}
      c: {action: noop, needs: [b]}
  d: {action: noop, needs: [g, a]}
finally:
  z: {action: noop}
  y: {action: noop, needs: [z]}
)");
  ASSERT_EQ(w->task_count(), 7u);
  EXPECT_EQ(w->path(3), "g.c");
  EXPECT_EQ(w->node(3).parent, 1u);
  EXPECT_EQ(w->node(0).line, 5u);
  EXPECT_FALSE(w->node(4).is_finally);
  EXPECT_TRUE(w->node(5).is_finally);
  auto list = [](std::span<const TaskId> s) { return std::vector<TaskId>(s.begin(), s.end()); };
  EXPECT_EQ(list(w->needs(4)), (std::vector<TaskId>{1, 0}));
  EXPECT_EQ(list(w->dependents(0)), (std::vector<TaskId>{1, 4}));
  EXPECT_EQ(list(w->members(1)), (std::vector<TaskId>{2, 3}));
  EXPECT_TRUE(w->members(0).empty());
  EXPECT_EQ(list(w->roots()), (std::vector<TaskId>{0, 1, 4}));
  EXPECT_EQ(list(w->finals()), (std::vector<TaskId>{5, 6}));
  EXPECT_EQ(w->edge_count(), 5u);
  EXPECT_EQ(w->find("g.c"), 3u);
  EXPECT_EQ(w->find("c"), std::nullopt);
  EXPECT_EQ(w->find("g.c.d"), std::nullopt);
  EXPECT_EQ(w->find(""), std::nullopt);
  EXPECT_FALSE(w->constrained());
}

TEST(Parse, NamesMeanWhatIsNearest) {
  auto w = parse(R"(
tasks:
  a: {action: noop}
  g:
    needs: [a]
    tasks:
      a: {action: noop}
      b: {action: noop, needs: [a], if: "tasks.a.state == 'completed'"}
  h: {action: noop, needs: [a, g], if: "tasks.a.state == 'completed'"}
)");
  EXPECT_EQ(w->def(id(*w, "g.b")).condition->tasks(), std::vector<TaskId>{id(*w, "g.a")});
  EXPECT_EQ(w->def(id(*w, "h")).condition->tasks(), std::vector<TaskId>{id(*w, "a")});
}

TEST(Parse, TheSameTextIsOneDefinition) {
  auto w = parse(R"(
defaults: {queue: q}
tasks:
  a: {run: x, retry: {max_attempts: 2}}
  b: {run: x, needs: [a], retry: {max_attempts: 2}}
  c: {needs: [a, b], run: x, retry: {max_attempts: 2}}
  d: {run: y, retry: {max_attempts: 2}}
  g:
    tasks:
      e: {run: x, retry: {max_attempts: 2}}
  h:
    defaults: {queue: other}
    tasks:
      f: {run: x, retry: {max_attempts: 2}}
)");
  auto def = [&](std::string_view p) { return w->node(id(*w, p)).def; };
  EXPECT_EQ(def("a"), def("b"));
  EXPECT_EQ(def("a"), def("c"));
  EXPECT_EQ(def("a"), def("g.e"));
  EXPECT_NE(def("a"), def("d"));
  EXPECT_NE(def("a"), def("h.f"));
  EXPECT_EQ(w->def(id(*w, "h.f")).queue, "other");
}

TEST(Parse, ArgumentsKeepTheirText) {
  auto w =
      parse("tasks:\n  a: {args: [./x, 0.10, 012, true, \"${{ 1 }}\"], env: {V: 3.10, N: 1}}\n");
  EXPECT_EQ(w->def(0).args.source().dump(), R"(["./x","0.10","012","true","${{ 1 }}"])");
  EXPECT_EQ(w->def(0).env.source().dump(), R"({"V":"3.10","N":"1"})");
}

TEST(Parse, ActionsAndTheirNeedsOfTheEngine) {
  auto w = parse(R"(
tasks:
  s: {action: sleep, with: {for: 10m}}
  w: {action: workflow, with: {file: child.yaml, inputs: {a: 1}}}
  v: {action: workflow, with: {file: child.yaml}}
  f:
    for_each: "${{ range(3) }}"
    max_parallel: 2
    args: [x, "${{ item }}"]
    params: {n: "${{ index }}"}
    recover: [{on: user, set: {n: "${{ params.n + 1 }}"}, max: 2, resume: scratch}]
  h: {action: http, with: {url: "https://example.com"}, if: failure()}
verdict: "tasks.h.state == 'completed' ? 'pass' : 'fail'"
)");
  EXPECT_EQ(w->def(0).executor, Executor::sleep);
  EXPECT_EQ(w->def(1).executor, Executor::workflow);
  ASSERT_EQ(w->child_files.size(), 1u);
  EXPECT_EQ(w->child_files[0].file, "child.yaml");
  const TaskDef& f = w->def(3);
  EXPECT_EQ(f.max_parallel, 2u);
  EXPECT_EQ(f.for_each->render(FakeScope{})->dump(), "[0,1,2]");
  EXPECT_EQ(f.recover[0].max, 2u);
  EXPECT_EQ(f.recover[0].resume, Resume::scratch);
  EXPECT_TRUE(w->def(4).condition->uses_status());
  EXPECT_TRUE(w->verdict.has_value());
}

TEST(Parse, LimitsHaveTheirOwnMessages) {
  WorkflowLimits small;
  small.max_file_bytes = 100;
  EXPECT_EQ(codes(parse_workflow(std::string(101, ' '), "x", {}, small)), "too_large");
  WorkflowLimits few;
  few.max_tasks = 2;
  EXPECT_EQ(codes(parse_workflow(
                "pawl: 1\nname: x\ntasks: {a: {run: x}, b: {run: x}, c: {run: x}, d: {run: y}}",
                "x", {}, few)),
            "too_many_tasks");
  WorkflowLimits flat;
  flat.max_nesting = 2;
  EXPECT_EQ(
      codes(parse_workflow("pawl: 1\nname: x\ntasks: {a: {tasks: {b: {tasks: {c: {run: x}}}}}}",
                           "x", {}, flat)),
      "too_deep");
  WorkflowLimits brief;
  brief.max_expression_bytes = 10;
  EXPECT_EQ(codes(parse_workflow("pawl: 1\nname: x\ntasks: {a: {args: [\"${{ 1 + 1 + 1 + 1 }}\"]}}",
                                 "x", {}, brief)),
            "too_large");
  WorkflowLimits plain;
  plain.max_alias_nodes = 3;
  EXPECT_EQ(
      codes(parse_workflow("pawl: 1\nname: x\nx-a: &a [1, 2, 3]\nx-b: *a\ntasks: {a: {run: x}}",
                           "x", {}, plain)),
      "alias_budget");
  WorkflowLimits terse;
  terse.max_diagnostics = 3;
  auto many = parse_workflow("pawl: 1\nname: x\na: 1\nb: 1\nc: 1\nd: 1\ne: 1\ntasks: {a: {run: x}}",
                             "x", {}, terse);
  EXPECT_EQ(codes(many), "unknown_field unknown_field unknown_field more_findings");
  EXPECT_EQ(many.findings.back().message, "2 more findings are not shown");
}

TEST(Parse, FindingsStandInTheOrderOfTheFile) {
  auto p = parse_workflow(
      "pawl: 1\nname: X\nverdict: nope\ntasks:\n  a: {runn: x, needs: [b]}\ninputs: {a: {type: "
      "z}}\n",
      "x.yaml");
  std::uint32_t last = 0;
  for (const Diagnostic& d : p.findings) {
    EXPECT_GE(d.line, last);
    last = d.line;
  }
  EXPECT_EQ(codes(p), "bad_name unknown_name unknown_field unknown_task unknown_type");
  EXPECT_EQ(p.workflow, nullptr);
}

std::string layered(int layers, int width) {
  std::string out = R"({"pawl":1,"name":"x","tasks":{)";
  for (int l = 0; l < layers; ++l)
    for (int n = 0; n < width; ++n) {
      out += str(l + n == 0 ? "" : ",", "\"l", l, "n", n, "\":{\"action\":\"noop\"");
      if (l > 0)
        out += str(",\"needs\":[\"l", l - 1, "n", n, "\",\"l", l - 1, "n", (n + 1) % width, "\"]");
      out += "}";
    }
  return out + "}}";
}

TEST(Parse, AHundredThousandTasksAreSmall) {
  auto p = parse_workflow(layered(100, 1000), "x.json");
  ASSERT_TRUE(p.workflow);
  EXPECT_EQ(p.workflow->defs.size(), 1u);
  EXPECT_EQ(p.workflow->edge_count(), 198'000u);
  EXPECT_LE(p.workflow->footprint(), 60u * 100'000);
  EXPECT_EQ(p.workflow->find("l99n999"), 99'999u);
}

TEST(Parse, LongChainsAndLargeCyclesDoNotRecurse) {
  std::string chain = R"({"pawl":1,"name":"x","tasks":{)", ring;
  for (int i = 0; i < 200'000; ++i)
    chain += str(i == 0 ? "" : ",", "\"n", i, "\":{\"action\":\"noop\",\"needs\":[",
                 i == 0 ? std::string("@") : str("\"n", i - 1, "\""), "]}");
  chain += "}}";
  auto at = chain.find('@');
  ring = chain;
  chain.replace(at, 1, "");
  ring.replace(at, 1, "\"n199999\"");
  EXPECT_TRUE(parse_workflow(chain, "x").workflow);
  auto p = parse_workflow(ring, "x");
  ASSERT_EQ(codes(p), "cycle");
  EXPECT_LT(p.findings[0].message.size(), 1000u);
}

TEST(Parse, ReadsOfADenseGraphAreBounded) {
  // Every task of the last layer reads the first layer: each a walk over the whole graph.
  std::string text = layered(60, 200);
  text.resize(text.size() - 2);
  for (int n = 0; n < 2000; ++n)
    text += str(",\"r", n, "\":{\"args\":[\"x\",\"${{ tasks.l0n", n % 200,
                ".outputs.x }}\"],\"needs\":[\"l59n", n % 200, "\"]}");
  auto p = parse_workflow(text + "}}", "x");
  EXPECT_TRUE(codes(p) == "" || codes(p) == "not_upstream" ||
              p.findings.back().code == "unchecked" || p.findings.size() <= 201)
      << codes(p);
}

// Files of every shape, mostly wrong ones: no crash, and a workflow exactly where there is no
// error.
TEST(Parse, RandomFilesAreReadOrRefused) {
  static const char* kFields[] = {"run: x",
                                  "action: noop",
                                  "action: gate",
                                  "needs: [a]",
                                  "needs: [b, zz]",
                                  "if: tasks.a.state == 1",
                                  "for_each: [1, 2]",
                                  "args: [x, \"${{ item }}\"]",
                                  "with: {question: x}",
                                  "retry: {max_attempts: 2}",
                                  "timeout: 5",
                                  "params: {p: 1}",
                                  "env: {A: \"${{ tasks.b.outputs.x + params.p }}\"}",
                                  "tasks: {a: {run: y}}",
                                  "outputs: {o: \"${{ tasks.a.outputs.x }}\"}",
                                  "allow_failure: yes",
                                  "recover: [{on: oom}]",
                                  "queue: q",
                                  "tasks: {}",
                                  "x-a: 1",
                                  "with: {for: 1s}",
                                  "action: sleep",
                                  "defaults: {queue: z, env: {K: v}}"};
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    Random r(seed);
    std::string text = "pawl: 1\nname: x\ntasks:\n";
    for (const char* name : {"a", "b", "c", "d"}) {
      text += str("  ", name, ":\n    title: t\n");
      std::uint64_t used = 0;
      for (auto n = r.below(4) + 1; n > 0; --n) {
        auto which = r.below(std::size(kFields));
        if (used & (1u << which)) continue;
        used |= 1u << which;
        text += str("    ", kFields[which], "\n");
      }
    }
    auto p = parse_workflow(text, "x");
    bool errors = false;
    for (const Diagnostic& d : p.findings) {
      errors = errors || !d.warning;
      EXPECT_GT(d.line, 0u);
      EXPECT_FALSE(render_diagnostic(d, text).empty());
    }
    EXPECT_EQ(p.workflow == nullptr, errors) << text;
  }
}

TEST(Diagnostics, RenderWithoutHarm) {
  Diagnostic d{"x.yaml", 2, 5, "/a", "wrong_type", "m", "h", false};
  EXPECT_EQ(
      render_diagnostic(d, "one\n\x1b[2Jtwo\n"),
      "error[wrong_type]: m\n  --> x.yaml:2:5  /a\n    2 |  [2Jtwo\n      |     ^\n  help: h\n");
  EXPECT_EQ(render_diagnostic(d, ""), "error[wrong_type]: m\n  --> x.yaml:2:5  /a\n  help: h\n");
  d.line = 4'000'000'000;
  EXPECT_FALSE(render_diagnostic(d, "one\n").empty());
  d.line = 1;
  d.column = 4'000'000'000;
  EXPECT_LT(render_diagnostic(d, std::string(100'000, 'x')).size(), 1000u);
  EXPECT_EQ(diagnostic_to_json(d)["severity"], Json("error"));
}

}  // namespace
}  // namespace pawl::core
