// What tasks inherit and how they are tried: defaults, retry, timeout, recover, resources.

#include "base/text.h"
#include "core/workflow_parse.h"

namespace pawl::core {

struct PolicyTables {
  using P = WorkflowParser;
  static constexpr P::Field<Defaults> defaults[] = {
      {"retry", &P::defaults_retry},
      {"timeout", &P::defaults_timeout},
      {"queue", &P::defaults_queue},
      {"priority", &P::defaults_priority},
      {"shell", &P::defaults_shell},
      {"env", &P::defaults_env},
      {"cwd", &P::defaults_cwd},
      {"kill_after", &P::defaults_kill_after},
      {"resources", &P::defaults_resources},
      {"recover", &P::defaults_recover},
  };
  static constexpr P::Field<RetryPolicy> retry[] = {
      {"max_attempts", &P::retry_max_attempts},
      {"backoff", &P::retry_backoff},
  };
  static constexpr P::Field<RetryPolicy> backoff[] = {
      {"first", &P::backoff_first},
      {"factor", &P::backoff_factor},
      {"max", &P::backoff_max},
      {"jitter", &P::backoff_jitter},
  };
  static constexpr P::Field<Timeouts> timeout[] = {
      {"attempt", &P::timeout_attempt},
      {"queue", &P::timeout_queue},
      {"start", &P::timeout_start},
      {"heartbeat", &P::timeout_heartbeat},
  };
  static constexpr P::Field<P::RuleDraft> rule[] = {
      {"on", &P::rule_on},         {"set", &P::rule_set}, {"resume", &P::rule_resume},
      {"action", &P::rule_action}, {"max", &P::rule_max}, {"run", &P::rule_run},
  };
};

void WorkflowParser::read_defaults(DocRef v, Defaults& into) {
  if (is_map(v, "a map of defaults")) fields<Defaults>(v, "defaults", PolicyTables::defaults, into);
}

void WorkflowParser::defaults_env(DocRef v, Defaults& d) {
  Json env;
  std::size_t before = out_.error_count();
  if (v.is_null() || !environment(v, nullptr, env)) return;
  Template checked;
  make_template(v, env, {"`defaults.env`", false, false, false, true}, nullptr, checked);
  if (out_.error_count() == before) d.env.push_back(v);
}

void WorkflowParser::defaults_cwd(DocRef v, Defaults& d) {
  Template checked;
  if (!v.is_string()) return wrong_type(v, "a path");
  std::size_t before = out_.error_count();
  make_template(v, {"`defaults.cwd`", false}, nullptr, checked);
  if (out_.error_count() == before) d.cwd = v;
}

void WorkflowParser::defaults_recover(DocRef v, Defaults& d) {
  d.recover.clear();
  read_recover(v, nullptr, d.recover);
}

void WorkflowParser::read_retry(DocRef v, RetryPolicy& into) {
  if (v.is(DocType::integer)) {
    out_.error(v, "wrong_type", str("expected a map, found the number ", v.text()),
               str("write {max_attempts: ", v.text(), "}, which counts the first attempt"));
    return;
  }
  if (is_map(v, "a map such as {max_attempts: 3, backoff: 1s..60s}"))
    fields<RetryPolicy>(v, "retry", PolicyTables::retry, into);
}

void WorkflowParser::retry_max_attempts(DocRef v, RetryPolicy& r) {
  std::int64_t n = r.max_attempts;
  integer(v, 1, 1'000'000, n);
  r.max_attempts = static_cast<std::uint32_t>(n);
}

// "1s..60s" doubles from one to the other; "5s" always waits that long.
void WorkflowParser::retry_backoff(DocRef v, RetryPolicy& r) {
  std::size_t before = out_.error_count();
  if (v.is_object()) {
    fields<RetryPolicy>(v, "backoff", PolicyTables::backoff, r);
  } else if (v.is_string() && v.text().find("..") != std::string_view::npos) {
    auto cut = v.text().find("..");
    auto first = parse_duration(v.text().substr(0, cut));
    auto max = parse_duration(v.text().substr(cut + 2));
    if (!first.ok() || !max.ok()) {
      out_.error(v, "bad_duration", first.ok() ? max.error().message : first.error().message,
                 "a backoff is FIRST..LONGEST, such as 1s..60s");
      return;
    }
    r.first = *first;
    r.max = *max;
  } else if (duration(v, r.first)) {
    r.max = r.first;
    r.factor = 1;
  }
  if (out_.error_count() == before && r.first > r.max)
    out_.error(v, "contradiction",
               str("the first wait, ", print_duration(r.first), ", is longer than the longest, ",
                   print_duration(r.max)));
}

void WorkflowParser::backoff_first(DocRef v, RetryPolicy& r) { duration(v, r.first); }
void WorkflowParser::backoff_factor(DocRef v, RetryPolicy& r) { number(v, 1, 100, r.factor); }
void WorkflowParser::backoff_max(DocRef v, RetryPolicy& r) { duration(v, r.max); }
void WorkflowParser::backoff_jitter(DocRef v, RetryPolicy& r) { number(v, 0, 1, r.jitter); }

void WorkflowParser::read_timeout(DocRef v, Timeouts& into) {
  if (v.is_object())
    fields<Timeouts>(v, "timeout", PolicyTables::timeout, into);
  else
    duration(v, into.attempt);
}

void WorkflowParser::read_queue(DocRef v, std::string& into) {
  std::string queue;
  if (!literal(v, queue)) return;
  if (name_like(v, "a queue", true)) into = std::move(queue);
}

void WorkflowParser::read_priority(DocRef v, std::int32_t& into) {
  std::int64_t n = into;
  integer(v, -100, 100, n);
  into = static_cast<std::int32_t>(n);
}

void WorkflowParser::read_resources(DocRef v, std::vector<Resource>& into) {
  into.clear();
  if (v.is_null() || !is_map(v, "a map of resources, such as {gpu: 1}")) return;
  if (v.size() > 16)
    return out_.error(v, "too_large", str("a task names ", v.size(), " resources, more than 16"));
  for (auto [key, value] : v.members()) {
    std::int64_t n = 1;
    name_like(key, "a resource", false);
    integer(value, 1, 1'000'000'000, n);
    into.push_back({std::string(key.text()), static_cast<std::uint32_t>(n)});
  }
}

void WorkflowParser::read_recover(DocRef v, TaskDraft* task, std::vector<RecoverRule>& into) {
  if (v.is_null()) return;
  if (!is_list(v, "a list of rules, such as - {on: oom, set: {batch_size: ...}}")) return;
  std::uint32_t covered = 0;
  for (DocRef e : v.elements()) {
    if (!is_map(e, "a rule, such as {on: oom, resume: checkpoint}")) continue;
    RuleDraft r{{}, task};
    fields<RuleDraft>(e, "a recover rule", PolicyTables::rule, r);
    if (!e.find("on"))
      out_.error(e, "missing_field", "the rule has no `on`",
                 "on: a failure class, or a list of them");
    if (r.has_action && r.rule.action != RecoverAction::retry && r.has_change)
      out_.error(e, "contradiction",
                 str("`set`, `resume` and `run` prepare another attempt; there is none where the "
                     "action is ",
                     r.rule.action == RecoverAction::pause ? "pause" : "fail"));
    // A rule without a bound takes all failures of its classes: none is left for those below it.
    if (r.rule.on != 0 && (r.rule.on & ~covered) == 0)
      out_.warning(e, "unreachable_rule", "rules above it take all of its failure classes");
    if (r.rule.max == 0) covered |= r.rule.on;
    into.push_back(std::move(r.rule));
  }
}

void WorkflowParser::rule_on(DocRef v, RuleDraft& r) {
  auto one = [&](DocRef c) {
    if (!c.is_string()) return wrong_type(c, "a failure class");
    auto failure = parse_failure_class(c.text());
    if (failure && *failure != FailureClass::none) {
      r.rule.on |= 1u << static_cast<unsigned>(*failure);
      return;
    }
    std::vector<std::string_view> known;
    std::string all;
    for (int i = 1; i < kFailureClassCount; ++i) {
      known.push_back(to_string(static_cast<FailureClass>(i)));
      all += str(all.empty() ? "" : ", ", known.back());
    }
    std::string near = nearest_name_of(c.text(), known);
    out_.error(c, "unknown_class", str(found(c), " is no failure class"),
               near.empty() ? str("failure classes: ", all) : did_you_mean(near));
  };
  if (!v.is_array()) return one(v);
  if (v.size() == 0) out_.error(v, "missing_field", "the rule names no failure class");
  for (DocRef c : v.elements())
    one(c);
}

void WorkflowParser::rule_set(DocRef v, RuleDraft& r) {
  r.has_change = true;
  if (!is_map(v, "a map of params, such as {batch_size: \"${{ params.batch_size / 2 }}\"}")) return;
  if (r.task == nullptr)
    return out_.error(v, "not_available", "`set` cannot stand in defaults",
                      "params belong to a task: give the rule to the task");
  for (auto [key, value] : v.members()) {
    const auto& known = r.task->params;
    if (std::find(known.begin(), known.end(), key.text()) != known.end()) continue;
    std::string near = nearest_name_of(key.text(), known);
    out_.error(key, "unknown_param", str("the task has no param \"", key.text(), "\""),
               near.empty() ? "what recovery may change is declared under the task's `params:`"
                            : did_you_mean(near));
  }
  make_template(v, {"`set`", true, true, true}, r.task, r.rule.set);
}

void WorkflowParser::rule_resume(DocRef v, RuleDraft& r) {
  static constexpr std::string_view kNames[] = {"checkpoint", "best_checkpoint", "scratch"};
  std::size_t which = 0;
  r.has_change = true;
  choice(v, kNames, which);
  r.rule.resume = static_cast<Resume>(which);
}

void WorkflowParser::rule_action(DocRef v, RuleDraft& r) {
  static constexpr std::string_view kNames[] = {"retry", "pause", "fail"};
  std::size_t which = 0;
  r.has_action = choice(v, kNames, which);
  r.rule.action = static_cast<RecoverAction>(which);
}

void WorkflowParser::rule_max(DocRef v, RuleDraft& r) {
  std::int64_t n = 0;
  integer(v, 1, 1'000'000, n);
  r.rule.max = static_cast<std::uint32_t>(n);
}

void WorkflowParser::rule_run(DocRef v, RuleDraft& r) {
  r.has_change = true;
  shell_text(v, r.rule.run, "run");
}

}  // namespace pawl::core
