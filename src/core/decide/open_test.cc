// Needs, conditions and groups: what becomes of a task when what it waits for has ended.
#include <gtest/gtest.h>

#include "core/run_testing.h"

namespace pawl::core {
namespace {

TEST(Needs, EachTaskStartsWhenTheLastOfItsNeedsEnds) {
  TestRun r(R"(
tasks:
  a: {action: noop}
  b: {action: noop}
  c: {needs: [a, b], action: noop}
  d: {needs: [c], action: noop}
)");
  r.start();
  EXPECT_EQ(r.states(), "a=queued b=queued c=pending d=pending");
  r.claim();
  r.complete("b");
  EXPECT_EQ(r.states(), "a=running b=completed c=pending d=pending");
  EXPECT_EQ(r.row("c").waits, 1u);
  r.complete("a");
  EXPECT_EQ(r.states(), "a=completed b=completed c=queued d=pending");
  r.work();
  EXPECT_EQ(r.states(), "a=completed b=completed c=completed d=completed");
  EXPECT_EQ(r.run_state(), "completed");
}

TEST(Needs, AFailureStopsWhatNeedsItNotItsNeighbours) {
  TestRun r(R"(
tasks:
  a: {action: noop}
  b: {needs: [a], action: noop}
  c: {needs: [b], action: noop}
  other: {action: noop}
)");
  r.start();
  r.claim();
  r.fail("a");
  EXPECT_EQ(r.reasons(),
            "a=failed(error) b=skipped(upstream_failed) c=skipped(upstream_failed) other=running");
  EXPECT_EQ(r.run_state(), "running");
  r.complete("other");
  EXPECT_EQ(r.run_state(), "failed");
}

// What a task with `if` becomes after its need ended in each way.
struct IfCase {
  const char* condition;
  const char* completed;
  const char* failed;
  const char* skipped;
  const char* after_failed_skip;  // its need was skipped because of a failure
};

class Condition : public testing::TestWithParam<IfCase> {};

TEST_P(Condition, DependsOnHowTheNeedEnded) {
  const IfCase& c = GetParam();
  auto text = [&](const char* need_if) {
    return std::string("tasks:\n  first: {action: noop}\n  need: {needs: [first], action: noop") +
           need_if + "}\n  t: {needs: [need], action: noop" +
           (*c.condition ? std::string(", if: \"") + c.condition + "\"" : "") + "}\n";
  };
  auto outcome = [](TestRun& r) {
    auto all = r.reasons();
    return all.substr(all.find(" t=") + 3);
  };
  {
    TestRun r(text(""));
    r.start();
    r.claim(), r.complete("first");
    r.claim(), r.complete("need");
    EXPECT_EQ(outcome(r), c.completed);
  }
  {
    TestRun r(text(""));
    r.start();
    r.claim(), r.complete("first");
    r.claim(), r.fail("need");
    EXPECT_EQ(outcome(r), c.failed);
  }
  {
    TestRun r(text(", if: 'false'"));
    r.start();
    r.claim(), r.complete("first");
    EXPECT_EQ(outcome(r), c.skipped);
  }
  {
    TestRun r(text(""));
    r.start();
    r.claim(), r.fail("first");
    EXPECT_EQ(outcome(r), c.after_failed_skip);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Condition,
    testing::Values(
        IfCase{"", "queued(slot)", "skipped(upstream_failed)", "skipped(upstream_skipped)",
               "skipped(upstream_failed)"},
        IfCase{"success()", "queued(slot)", "skipped(upstream_failed)", "skipped(upstream_skipped)",
               "skipped(upstream_failed)"},
        IfCase{"none_failed()", "queued(slot)", "skipped(upstream_failed)", "queued(slot)",
               "skipped(upstream_failed)"},
        IfCase{"failure()", "skipped(condition)", "queued(slot)", "skipped(upstream_skipped)",
               "queued(slot)"},
        IfCase{"always()", "queued(slot)", "queued(slot)", "queued(slot)", "queued(slot)"},
        // Without a status function: success() && condition.
        IfCase{"1 == 1", "queued(slot)", "skipped(upstream_failed)", "skipped(upstream_skipped)",
               "skipped(upstream_failed)"},
        IfCase{"1 == 2", "skipped(condition)", "skipped(upstream_failed)",
               "skipped(upstream_skipped)", "skipped(upstream_failed)"},
        IfCase{"always() && tasks.need.state == 'failed'", "skipped(condition)", "queued(slot)",
               "skipped(upstream_skipped)", "skipped(upstream_failed)"}));

TEST(Condition, OneThatCannotBeEvaluatedFailsItsTask) {
  TestRun r("tasks: {a: {action: noop}, b: {needs: [a], action: noop, if: tasks.a.outputs.x.y}}");
  r.start();
  r.work();
  EXPECT_EQ(r.reasons(), "a=completed b=failed(expression)");
  EXPECT_EQ(r.run_state(), "failed");
  EXPECT_EQ(r.run.error.substr(0, 7), "b: if: ");
}

TEST(Condition, AnAllowedFailureCountsAsSuccess) {
  TestRun r(R"(
tasks:
  a: {action: noop, allow_failure: true}
  b: {needs: [a], action: noop}
  c: {needs: [a], action: noop, if: failure()}
)");
  r.start();
  r.claim();
  r.fail("a");
  EXPECT_EQ(r.reasons(), "a=failed(error) b=queued(slot) c=skipped(condition)");
  r.work();
  EXPECT_EQ(r.run_state(), "completed/warning");
}

TEST(Condition, TheReasonOfASkipIsTheWorstOfItsNeeds) {
  TestRun r(R"(
tasks:
  skip: {action: noop, if: 'false'}
  bad: {action: noop}
  both: {needs: [skip, bad], action: noop}
)");
  r.start();
  r.claim();
  r.fail("bad");
  EXPECT_EQ(r.reasons(), "skip=skipped(condition) bad=failed(error) both=skipped(upstream_failed)");
}

constexpr const char* kGroup = R"(
tasks:
  before: {action: noop}
  g:
    needs: [before]
    tasks:
      x: {action: noop}
      y: {needs: [x], action: noop}
      z: {action: noop}
  after: {needs: [g], action: noop}
)";

TEST(Group, OpensWithItsMembersAndEndsWithThem) {
  TestRun r(kGroup);
  r.start();
  r.claim();
  r.complete("before");
  EXPECT_EQ(r.states(),
            "before=completed g=running g.x=queued g.y=pending g.z=queued after=pending");
  r.claim();
  r.complete("g.x");
  r.complete("g.z");
  EXPECT_EQ(r.row("g").waits, 1u);
  r.claim();
  r.complete("g.y");
  EXPECT_EQ(r.states(),
            "before=completed g=completed g.x=completed g.y=completed g.z=completed "
            "after=queued");
}

TEST(Group, IsSkippedWithItsMembers) {
  TestRun r(kGroup);
  r.start();
  r.claim();
  r.fail("before");
  EXPECT_EQ(r.reasons(),
            "before=failed(error) g=skipped(upstream_failed) g.x=skipped(group_skipped) "
            "g.y=skipped(group_skipped) g.z=skipped(group_skipped) after=skipped(upstream_failed)");
  EXPECT_EQ(r.run.error, "before: it broke");
}

// How the members x (which y needs) and z end, and what the group becomes.
struct GroupCase {
  const char* x_if;
  const char* z_if;
  const char* z_extra;
  char x, z;  // c completes, f fails, - is skipped
  const char* group;
};

class GroupRollUp : public testing::TestWithParam<GroupCase> {};

TEST_P(GroupRollUp, FollowsItsMembers) {
  const GroupCase& c = GetParam();
  TestRun r(std::string("tasks:\n  g:\n    tasks:\n      x: {action: noop") + c.x_if +
            "}\n      z: {action: noop" + c.z_if + c.z_extra + "}\n");
  r.start();
  r.claim();
  if (c.x == 'c') r.complete("g.x");
  if (c.x == 'f') r.fail("g.x");
  if (c.z == 'c') r.complete("g.z");
  if (c.z == 'f') r.fail("g.z");
  EXPECT_EQ(r.reasons().substr(2, r.reasons().find(' ') - 2), c.group);
}

constexpr const char* kNo = ", if: 'false'";
INSTANTIATE_TEST_SUITE_P(
    All, GroupRollUp,
    testing::Values(GroupCase{"", "", "", 'c', 'c', "completed"},
                    GroupCase{"", "", "", 'c', 'f', "failed(members)"},
                    GroupCase{"", "", "", 'f', 'f', "failed(members)"},
                    GroupCase{kNo, "", "", '-', 'c', "completed"},
                    GroupCase{kNo, "", "", '-', 'f', "failed(members)"},
                    GroupCase{kNo, kNo, "", '-', '-', "skipped(condition)"},
                    GroupCase{"", "", ", allow_failure: true", 'c', 'f', "completed"},
                    GroupCase{kNo, "", ", allow_failure: true", '-', 'f', "completed"},
                    GroupCase{"", "", ", allow_failure: true", 'f', 'f', "failed(members)"}));

TEST(Group, AnAllowedFailureOfAGroupLetsTheRunComplete) {
  TestRun r(R"(
tasks:
  g: {allow_failure: true, tasks: {x: {action: noop}}}
  after: {needs: [g], action: noop}
)");
  r.start();
  r.claim();
  r.fail("g.x");
  r.work();
  EXPECT_EQ(r.states(), "g=failed g.x=failed after=completed");
  EXPECT_EQ(r.run_state(), "completed/warning");
}

TEST(Group, NestedGroupsRollUpLevelByLevel) {
  TestRun r(R"(
tasks:
  a:
    tasks:
      b:
        tasks:
          c: {tasks: {deep: {action: noop}}}
          side: {action: noop, if: 'false'}
      next: {needs: [b], action: noop}
)");
  r.start();
  r.claim();
  EXPECT_EQ(r.states(),
            "a=running a.b=running a.b.c=running a.b.c.deep=running a.b.side=skipped "
            "a.next=pending");
  r.fail("a.b.c.deep");
  EXPECT_EQ(r.reasons(),
            "a=failed(members) a.b=failed(members) a.b.c=failed(members) a.b.c.deep=failed(error) "
            "a.b.side=skipped(condition) a.next=skipped(upstream_failed)");
  EXPECT_EQ(r.run.error, "a.b.c.deep: it broke");
}

TEST(Group, AConditionThatFailsEndsItAndItsMembers) {
  TestRun r(R"(
tasks:
  a: {action: noop}
  g: {needs: [a], if: tasks.a.outputs.x.y, tasks: {h: {tasks: {x: {action: noop}}}}}
)");
  r.start();
  r.work();
  EXPECT_EQ(r.reasons(),
            "a=completed g=failed(expression) g.h=skipped(upstream_failed) "
            "g.h.x=skipped(upstream_failed)");
}

TEST(Group, PutsOutWhatItDeclaresOrWhatItsMembersDo) {
  TestRun r(R"(
tasks:
  g: {tasks: {x: {action: noop}, y: {action: noop}}}
  h: {tasks: {x: {action: noop}}, outputs: {sum: "${{ tasks.x.outputs.n + 1 }}"}}
  after:
    needs: [g, h]
    action: noop
    with: {a: "${{ tasks.g.outputs.x.n }}", b: "${{ tasks.h.outputs.sum }}"}
)");
  r.start();
  r.claim();
  r.complete("g.x", Json::object().set("n", 5));
  r.complete("g.y");
  r.complete("h.x", Json::object().set("n", 6));
  r.claim();
  EXPECT_EQ(r.held("after").with.dump(), R"({"a":5,"b":7})");
}

}  // namespace
}  // namespace pawl::core
