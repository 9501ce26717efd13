// The grammar of workflows: every field of the language, in combinations nobody would write.
#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "tests/sim/workload.h"

namespace pawl::sim {
namespace {

struct Known {
  std::string name;
  bool list = false;  // its outputs are a list: it fans out
  bool worker = false;
};

class Writer {
 public:
  Writer(Random random, const std::vector<std::string>& children, const Theme& theme, bool leaf)
      : random_(random),
        children_(children),
        left_(theme.max_tasks),
        crowded_(theme.crowded),
        leaf_(leaf) {}

  WorkflowText write(const std::string& name) {
    text_ = str("pawl: 1\nname: ", name, "\n");
    head();
    text_ += "tasks:\n";
    tasks(1 + below(leaf_ ? 3 : 8), 1, {});
    if (!leaf_ && one_in(3) && left_ > 0) {
      use(Feature::finally);
      text_ += "finally:\n";
      in_finally_ = true;
      tasks(1 + below(2), 1, {});
      in_finally_ = false;
    }
    foot();
    return {name, text_, features_, limit_};
  }

 private:
  std::uint64_t below(std::uint64_t n) { return random_.below(n); }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  void use(Feature f) { features_ |= std::uint64_t{1} << static_cast<unsigned>(f); }
  template <std::size_t N>
  const char* pick(const char* const (&list)[N]) {
    return list[below(N)];
  }

  void head() {
    if (one_in(2)) {
      use(Feature::inputs);
      inputs_ = true;
      text_ +=
          "inputs:\n  n: {type: integer, default: 2, minimum: 0}\n"
          "  list: {type: array, default: [1, 2, 3]}\n  day: {type: string, default: mon}\n";
    }
    if (one_in(4)) {
      use(Feature::run_name);
      text_ += str("run_name: \"r ${{ ", inputs_ ? "inputs.day" : "run.workflow", " }}\"\n");
    }
    if (!leaf_ && (one_in(4) || (crowded_ && !one_in(4)))) concurrency();
    if (one_in(5)) {
      use(Feature::priority);
      text_ += str("priority: ", static_cast<int>(below(20)) - 10, "\n");
    }
    if (one_in(4)) {
      use(Feature::defaults);
      text_ += "defaults: {retry: {max_attempts: 2, backoff: 100ms..1s}, timeout: 1m}\n";
    }
  }

  void concurrency() {
    static constexpr const char* kPolicies[] = {"queue", "queue", "reject", "cancel_older"};
    auto which = below(4);
    use(which == 2   ? Feature::concurrency_reject
        : which == 3 ? Feature::concurrency_cancel
                     : Feature::concurrency_queue);
    limit_ = static_cast<std::uint32_t>(1 + below(crowded_ ? 3 : 2));
    text_ += str("concurrency: {key: ", inputs_ ? "\"${{ inputs.day }}\"" : "all",
                 ", limit: ", limit_, ", on_conflict: ", kPolicies[which], "}\n");
  }

  void foot() {
    if (one_in(3)) {
      use(Feature::outputs);
      text_ += str("outputs: {first: \"${{ tasks.", first_, ".state }}\", n: \"${{ default(tasks.",
                   first_, ".outputs.n, 0) }}\"}\n");
    }
    if (one_in(5)) {
      use(Feature::verdict);
      text_ +=
          str("verdict: \"${{ tasks.", first_, ".state == 'completed' ? 'pass' : 'warning' }}\"\n");
    }
  }

  // Tasks of one group, at `depth` of indentation.
  std::vector<Known> tasks(std::uint64_t count, int depth, std::vector<Known> around) {
    std::vector<Known> here;
    for (std::uint64_t i = 0; i < count && (left_ > 0 || here.empty()); ++i) {
      if (left_ > 0) --left_;
      Known k;
      k.name = str("t", next_++);
      if (first_.empty() && depth == 1) first_ = k.name;
      text_ += str(std::string(static_cast<std::size_t>(depth) * 2, ' '), k.name, ":");
      task(k, here, around, depth);
      here.push_back(std::move(k));
    }
    return here;
  }

  void task(Known& k, const std::vector<Known>& here, const std::vector<Known>& around, int depth) {
    std::vector<const Known*> upstream;
    std::string needs;
    for (const Known& other : here) {
      if (!one_in(3)) continue;
      needs += str(needs.empty() ? "" : ", ", other.name);
      upstream.push_back(&other);
    }
    // A group's members may read what the group needs.
    for (const Known& outer : around)
      upstream.push_back(&outer);
    std::string common;
    if (!needs.empty()) {
      use(Feature::needs);
      common += str(", needs: [", needs, "]");
    }
    condition(common, upstream);
    if (one_in(7)) {
      use(Feature::allow_failure);
      common += ", allow_failure: true";
    }
    auto kind = below(24);
    if (!in_finally_ && !leaf_ && depth < 3 && kind < 3) return group(common, here, depth);
    if (kind < 5) return nap(common);
    if (kind < 7 && !leaf_) return gate(common);
    if (kind < (crowded_ ? 15 : 10) && !leaf_ && !children_.empty()) return child(k, common);
    worker(k, common, upstream);
  }

  void condition(std::string& out, const std::vector<const Known*>& upstream) {
    if (!one_in(4)) return;
    static constexpr const char* kFunctions[] = {"always()", "failure()", "none_failed()",
                                                 "success()"};
    if (one_in(2) || upstream.empty()) {
      use(Feature::condition_function);
      out += str(", if: ", pick(kFunctions));
      return;
    }
    use(Feature::condition);
    if (one_in(6)) {  // an error where there are no outputs
      out += str(", if: \"${{ tasks.", upstream[below(upstream.size())]->name, ".outputs.n < ",
                 2 + below(9), " }}\"");
      return;
    }
    out += str(", if: \"${{ default(tasks.", upstream[below(upstream.size())]->name,
               ".outputs.n, 1) < ", 2 + below(9), " }}\"");
  }

  void group(const std::string& common, const std::vector<Known>& here, int depth) {
    use(Feature::group);
    std::string pad(static_cast<std::size_t>(depth + 1) * 2, ' ');
    text_ += "\n";
    // One field a line: its members are lines of their own.
    std::size_t from = common.empty() ? 0 : 2;
    std::string rest = common.substr(from);
    for (const char* field : {"needs: ", "if: ", "allow_failure: "}) {
      auto at = rest.find(field);
      if (at == std::string::npos) continue;
      auto end = rest.find(field[0] == 'n' ? "]" : ", ", at);
      if (field[0] == 'n') {
        end += 1;
      } else if (field[0] == 'i' && rest[at + 4] == '"') {
        end = rest.find('"', at + 5) + 1;
      }
      text_ += str(pad, rest.substr(at, end == std::string::npos ? end : end - at), "\n");
    }
    text_ += pad + "tasks:\n";
    (void)here;
    tasks(1 + below(3), depth + 2, {});
  }

  void nap(const std::string& common) {
    if (one_in(4)) {
      use(Feature::nap_until);
      text_ += str(" {action: sleep, with: {until: \"2023-11-14T22:13:", 20 + below(39), "Z\"}",
                   common, "}\n");
      return;
    }
    use(Feature::nap);
    text_ += str(" {action: sleep, with: {for: ", 100 + below(one_in(5) ? 20'000 : 2000), "ms}",
                 common, "}\n");
  }

  void gate(const std::string& common) {
    use(Feature::gate);
    std::string more;
    if (one_in(2)) {
      static constexpr const char* kThen[] = {"approve", "reject", "fail"};
      use(Feature::gate_timeout);
      more = str(", timeout: ", 1 + below(10), "s, on_timeout: ", pick(kThen));
    }
    if (one_in(4)) {
      use(Feature::gate_form);
      more += ", form: {amount: {type: integer, default: 1}}";
    }
    text_ += str(" {action: gate, with: {question: go on?", more, "}", common, "}\n");
  }

  void child(Known& k, const std::string& common) {
    const auto& name = children_[below(children_.size())];
    bool file = one_in(2);
    use(file ? Feature::sub_workflow_file : Feature::sub_workflow);
    std::string more = common;
    if (one_in(4)) {
      use(Feature::sub_workflow_fan_out);
      k.list = true;
      more += str(", for_each: [a, b]");
    }
    if (one_in(2)) more += ", retry: {max_attempts: 3, backoff: 200ms..1s}";
    if (one_in(5)) more += ", timeout: 20s";
    text_ += str(" {action: workflow, with: {", file ? "file" : "workflow", ": ", name,
                 file ? ".yaml" : "", "}", more, "}\n");
  }

  void worker(Known& k, std::string common, const std::vector<const Known*>& upstream) {
    k.worker = true;
    bool params = one_in(3);
    if (!in_finally_ && one_in(5)) fan_out(k, common, upstream);
    if (params) {
      use(Feature::params);
      common += ", params: {size: 8}";
    }
    retry(common);
    timeouts(common);
    recover(common, params);
    placement(common);
    std::string reads;
    for (const Known* u : upstream) {
      if (!one_in(2)) continue;
      use(Feature::outputs);
      reads += str(reads.empty() ? "" : ", ", "in_", u->name, ": \"${{ ",
                   u->list     ? str("length(tasks.", u->name, ".outputs)")
                   : one_in(8) ? str("tasks.", u->name, ".outputs.n")
                               : str("default(tasks.", u->name, ".outputs.n, 'none')"),
                   " }}\"");
    }
    if (params && one_in(2))
      reads += str(reads.empty() ? "" : ", ", "size: \"${{ params.size }}\"");
    if (k.list && one_in(2)) reads += str(reads.empty() ? "" : ", ", "which: \"${{ index }}\"");
    use(Feature::plain);
    if (one_in(3)) {
      text_ +=
          str(" {run: \"true\"", reads.empty() ? "" : str(", env: {", reads, "}"), common, "}\n");
    } else {
      text_ +=
          str(" {action: noop", reads.empty() ? "" : str(", with: {", reads, "}"), common, "}\n");
    }
  }

  void fan_out(Known& k, std::string& common, const std::vector<const Known*>& upstream) {
    use(Feature::for_each);
    k.list = true;
    std::string list = str("\"${{ range(", below(5), ") }}\"");
    if (inputs_ && one_in(3)) list = "\"${{ inputs.list }}\"";
    if (!upstream.empty() && one_in(2)) {
      const Known& u = *upstream[below(upstream.size())];
      if (u.worker && !u.list) {
        use(Feature::for_each_dynamic);
        list = one_in(3) ? str("[\"${{ default(tasks.", u.name, ".outputs.n, 0) }}\", 1]")
                         : str("\"${{ default(tasks.", u.name, ".outputs.items, []) }}\"");
      }
    }
    auto one = std::find_if(upstream.begin(), upstream.end(),
                            [](const Known* u) { return u->worker && !u->list; });
    if (one != upstream.end() && common.find("if: ") == std::string::npos && !one_in(3)) {
      use(Feature::for_each_again);
      common += ", if: always()";
      list = str("[\"${{ tasks.", (*one)->name, ".attempts }}\", -1, -2]");
    }
    common += str(", for_each: ", list);
    if (one_in(2)) {
      use(Feature::max_parallel);
      common += str(", max_parallel: ", 1 + below(3));
    }
  }

  void retry(std::string& out) {
    if (one_in(3)) return;
    use(Feature::retry);
    if (one_in(2)) {
      out += str(", retry: {max_attempts: ", 1 + below(5), ", backoff: ", 50 + below(500), "ms..",
                 1 + below(4), "s}");
    } else {
      out += str(", retry: {max_attempts: ", 1 + below(5),
                 ", backoff: {first: 100ms, factor: ", 1 + below(3), ", max: 3s, jitter: 0.",
                 below(10), "}}");
    }
  }

  void timeouts(std::string& out) {
    if (!one_in(4)) return;
    std::string t;
    auto add = [&](Feature f, const char* name, std::uint64_t least, std::uint64_t most) {
      if (!one_in(2)) return;
      use(f);
      t += str(t.empty() ? "" : ", ", name, ": ", least + below(most - least), "ms");
    };
    add(Feature::timeout_attempt, "attempt", 200, 5000);
    add(Feature::timeout_queue, "queue", 2000, 30'000);
    add(Feature::timeout_start, "start", 20, 500);
    add(Feature::timeout_heartbeat, "heartbeat", 100, 2000);
    if (!t.empty()) out += str(", timeout: {", t, "}");
  }

  void recover(std::string& out, bool params) {
    if (!one_in(4)) return;
    std::string rules;
    auto rule = [&](const std::string& text) {
      rules += str(rules.empty() ? "" : ", ", "{", text, "}");
    };
    if (params && one_in(2)) {
      use(Feature::recover_set);
      rule("on: [oom, cuda_oom], set: {size: \"${{ params.size / 2 }}\"}, run: \"true\"");
    } else if (one_in(2)) {
      use(Feature::recover_retry);
      rule(str("on: [oom, cuda_oom], max: ", 1 + below(3)));
    }
    if (one_in(3)) {
      use(Feature::recover_best);
      rule("on: diverged, resume: best_checkpoint");
    }
    if (one_in(3)) {
      use(Feature::recover_scratch);
      rule("on: corrupt, resume: scratch");
    }
    if (one_in(3)) {
      use(Feature::recover_pause);
      rule("on: disk_full, action: pause");
    }
    if (one_in(3)) {
      use(Feature::recover_fail);
      rule("on: network, action: fail");
    }
    if (one_in(3)) {
      use(Feature::recover_lost);
      rule(str("on: lost, max: ", 1 + below(5)));
    }
    if (!rules.empty()) out += str(", recover: [", rules, "]");
  }

  void placement(std::string& out) {
    if (one_in(5)) {
      use(Feature::priority);
      out += str(", priority: ", static_cast<int>(below(40)) - 20);
    }
    if (one_in(4)) {
      use(Feature::queue);
      out += one_in(2) ? ", queue: gpu" : ", queue: slow";
    }
    if (one_in(5)) {
      use(Feature::resources);
      out += one_in(3) ? ", resources: {gpu: 2, disk: 1}" : ", resources: {gpu: 1}";
    }
  }

  Random random_;
  const std::vector<std::string>& children_;
  std::uint32_t left_;
  bool crowded_, leaf_;
  bool in_finally_ = false, inputs_ = false;
  std::string text_, first_;
  std::uint64_t features_ = 0;
  std::uint32_t limit_ = 0;
  int next_ = 0;
};

constexpr const char* kFeatures[] = {"plain",
                                     "needs",
                                     "group",
                                     "for_each",
                                     "for_each_dynamic",
                                     "for_each_again",
                                     "max_parallel",
                                     "condition",
                                     "condition_function",
                                     "finally",
                                     "gate",
                                     "gate_timeout",
                                     "gate_form",
                                     "sleep",
                                     "nap_until",
                                     "sub_workflow",
                                     "sub_workflow_file",
                                     "sub_workflow_fan_out",
                                     "retry",
                                     "timeout_attempt",
                                     "timeout_queue",
                                     "timeout_start",
                                     "timeout_heartbeat",
                                     "recover_retry",
                                     "recover_pause",
                                     "recover_fail",
                                     "recover_set",
                                     "recover_best",
                                     "recover_scratch",
                                     "recover_lost",
                                     "allow_failure",
                                     "priority",
                                     "queue",
                                     "concurrency_queue",
                                     "concurrency_reject",
                                     "concurrency_cancel",
                                     "resources",
                                     "outputs",
                                     "verdict",
                                     "run_name",
                                     "inputs",
                                     "params",
                                     "defaults",
                                     "same_key",
                                     "other_key_inputs",
                                     "no_key"};
static_assert(std::size(kFeatures) == kFeatureCount);

}  // namespace

const char* to_string(Feature f) { return kFeatures[static_cast<std::size_t>(f)]; }

WorkflowText draw_workflow(Random random, const std::string& name,
                           const std::vector<std::string>& children, const Theme& theme,
                           bool leaf) {
  return Writer(random, children, theme, leaf).write(name);
}

}  // namespace pawl::sim
