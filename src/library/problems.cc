// Everything that is wrong with a definition by itself, found in one pass.
#include <algorithm>
#include <unordered_map>

#include "base/text.h"
#include "library/definition.h"

namespace pawl::v1 {
namespace {

bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

std::string shown(std::string_view text) {
  auto valid = to_valid_utf8(text.substr(0, 80));
  return str("\"", valid, text.size() > 80 ? "...\"" : "\"");
}

class Inspector {
 public:
  explicit Inspector(const Workflow::Impl& w) : w_(w) {
    for (std::size_t i = 0; i < w.steps.size(); ++i) {
      const auto& name = w.steps[i]->name();
      names_.push_back(name);
      first_.emplace(name, i);
    }
  }

  std::vector<Problem> all() {
    look_at_workflow();
    for (std::size_t i = 0; i < w_.steps.size(); ++i)
      look_at_step(i);
    find_cycles();
    return std::move(found_);
  }

 private:
  const StepSpec::Impl& step(std::size_t i) const { return WorkflowAccess::of(*w_.steps[i]); }

  void add(std::string step, std::string code, std::string message, std::string hint = {}) {
    found_.push_back({std::move(step), std::move(code), std::move(message), std::move(hint)});
  }

  void look_at_workflow() {
    const auto& n = w_.name;
    bool good = !n.empty() && n.size() <= kMaxName && n[0] != '-' && n[0] != '_';
    for (char c : n)
      good = good && plain(c) && !(c >= 'A' && c <= 'Z');
    if (!good) {
      add("", "bad_name", str(shown(n), " cannot be the name of a workflow"),
          str("up to ", kMaxName, " of a-z, 0-9, _ and -, beginning with a letter or digit"));
    }
    if (w_.version < 1) add("", "bad_version", str("version ", w_.version), "1, 2, 3, ...");
    if (w_.max_recovery_attempts > 1000) {
      add("", "bad_number", str("max_recovery_attempts ", w_.max_recovery_attempts), "0 to 1000");
    }
    if (w_.steps.empty()) add("", "no_steps", "it has no steps", "workflow.step(NAME, HANDLER)");
    if (!w_.output_of.empty() && !first_.count(w_.output_of)) {
      unknown("", "output_of", w_.output_of);
    }
  }

  void unknown(const std::string& at, std::string_view what, const std::string& name) {
    auto near = nearest(name, names_);
    add(at, "unknown_step", str(what, ": there is no step ", shown(name)),
        near.empty() ? "" : str("did you mean \"", near, "\"?"));
  }

  void look_at_step(std::size_t i) {
    const auto& s = step(i);
    look_at_name(i);
    if (!s.handler) {
      add(s.name, "no_handler", "it has no handler", "a callable, given to workflow.step()");
    }
    needs_.emplace_back();
    for (const auto& need : s.needs)
      look_at_need(i, need);
    look_at_inputs(i);
    look_at_numbers(s);
  }

  void look_at_name(std::size_t i) {
    const auto& s = step(i);
    bool good = !s.name.empty() && s.name.size() <= 63 && s.name[0] != '-';
    for (char c : s.name)
      good = good && plain(c);
    if (!good) {
      add(s.name, "bad_name", str(shown(s.name), " cannot be the name of a step"),
          "up to 63 letters, digits, _ and -, not beginning with -");
    }
    if (first_[s.name] != i) {
      add(s.name, "duplicate_name",
          str("steps ", first_[s.name], " and ", i, " have the same name"),
          "a step's name is unique in its workflow");
    }
  }

  void look_at_need(std::size_t i, const StepSpec::Impl::Need& need) {
    const auto& s = step(i);
    std::size_t target = 0;
    if (need.name.empty()) {
      if (need.index < 0 || static_cast<std::size_t>(need.index) >= w_.steps.size()) {
        return add(s.name, "unknown_step", str("after: there is no step with index ", need.index),
                   str("indexes go from 0 to ", w_.steps.size() - 1));
      }
      target = static_cast<std::size_t>(need.index);
    } else {
      auto at = first_.find(need.name);
      if (at == first_.end()) return unknown(s.name, "after", need.name);
      target = at->second;
    }
    if (target == i) {
      return add(s.name, "self_reference", "it comes after itself");
    }
    if (std::count(needs_[i].begin(), needs_[i].end(), target)) {
      return add(s.name, "duplicate_need", str("after: \"", names_[target], "\" is named twice"));
    }
    needs_[i].push_back(target);
    if (target > i) {
      add(s.name, "forward_reference",
          str("it comes after \"", names_[target], "\", which is defined later"),
          "define steps in an order in which they can run");
    } else if (step(target).at_the_end != s.at_the_end) {
      add(s.name, "mixed_ends",
          str("it comes after \"", names_[target], "\", and only one of them is at_the_end()"));
    }
  }

  void look_at_inputs(std::size_t i) {
    const auto& s = step(i);
    std::vector<std::string> fields;
    for (const auto& input : s.inputs) {
      if (std::count(fields.begin(), fields.end(), input.field)) {
        add(s.name, "duplicate_name", str("its input ", shown(input.field), " is set twice"));
      }
      fields.push_back(input.field);
      if (input.from == StepSpec::Impl::Input::From::step) {
        reads(i, input.step, input.member, "its input");
      }
    }
    if (s.fan_out && !s.each_step.empty()) reads(i, s.each_step, s.each_member, "for_each");
    if (!s.fan_out && s.max_parallel > 0) {
      add(s.name, "bad_number", "max_parallel without for_each");
    }
  }

  void reads(std::size_t i, const std::string& name, const std::string& member,
             std::string_view what) {
    const auto& s = step(i);
    if (!first_.count(name)) return unknown(s.name, what, name);
    if (!comes_after(i, first_[name])) {
      add(s.name, "not_upstream",
          str(what, " reads \"", name, "\", and it does not come after that"),
          str(".after(\"", name, "\")"));
    }
    if (!member.empty() && step(first_[name]).fan_out) {
      add(s.name, "no_member",
          str(what, " reads \"", member, "\" of \"", name, "\", whose output is a list"),
          "read the whole list, and take the member in the handler");
    }
  }

  bool comes_after(std::size_t i, std::size_t other) const {
    std::vector<bool> seen(needs_.size());
    std::vector<std::size_t> todo{i};
    while (!todo.empty()) {
      std::size_t at = todo.back();
      todo.pop_back();
      if (at >= needs_.size() || seen[at]) continue;
      seen[at] = true;
      for (std::size_t n : needs_[at]) {
        if (n == other) return true;
        todo.push_back(n);
      }
    }
    return false;
  }

  void look_at_numbers(const StepSpec::Impl& s) {
    constexpr Millis kLongest = std::chrono::hours(24 * 365);
    auto span = [&](const char* what, Millis t, bool may_be_unset) {
      if (may_be_unset && t.count() == 0) return;
      if (t.count() <= 0) {
        add(s.name, "bad_duration", str(what, " must be longer than nothing"));
      } else if (t > kLongest) {
        add(s.name, "bad_duration", str(what, " is longer than a year"));
      }
    };
    span("timeout", s.timeout, true);
    span("heartbeat", s.heartbeat, true);
    span("give_up_after", s.give_up_after, true);
    span("the first retry delay", s.first, false);
    span("the longest retry delay", s.longest, false);
    if (s.first > s.longest) {
      add(s.name, "bad_duration", "the first retry delay is longer than the longest");
    }
    if (s.estimate.count() < -1 || s.estimate > kLongest) {
      add(s.name, "bad_duration", "the estimate is negative, or longer than a year");
    }
    if (s.retries > 999) add(s.name, "bad_number", str("retries ", s.retries), "0 to 999");
    if (s.priority < -100 || s.priority > 100) {
      add(s.name, "bad_number", str("priority ", s.priority), "-100 to 100");
    }
  }

  // A cycle needs a forward reference, which is told by itself; this says what it leads to.
  void find_cycles() {
    enum class Seen : unsigned char { no, open, done };
    struct Place {
      std::size_t step, next_need;
    };
    std::vector<Seen> seen(needs_.size());
    for (std::size_t i = 0; i < needs_.size(); ++i) {
      if (seen[i] != Seen::no) continue;
      std::vector<Place> path{{i, 0}};
      seen[i] = Seen::open;
      while (!path.empty()) {
        auto& [at, next] = path.back();
        if (next == needs_[at].size()) {
          seen[at] = Seen::done;
          path.pop_back();
          continue;
        }
        std::size_t n = needs_[at][next++];
        if (seen[n] == Seen::open) {
          std::vector<std::string> around;
          for (const Place& p : path)
            if (p.step == n || !around.empty()) around.push_back(names_[p.step]);
          tell_cycle(around);
        } else if (seen[n] == Seen::no) {
          seen[n] = Seen::open;
          path.push_back({n, 0});
        }
      }
    }
  }

  void tell_cycle(std::vector<std::string> around) {
    constexpr std::size_t kShown = 8;
    std::string first = around[0];
    if (around.size() > kShown) {
      auto left_out = around.size() - kShown;
      around.resize(kShown);
      around.push_back(str("(", left_out, " more)"));
    }
    around.push_back(first);
    add(first, "cycle", str("a cycle: ", join(around, " -> ")),
        "each waits for the next: none could ever start");
  }

  const Workflow::Impl& w_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::size_t> first_;
  std::vector<std::vector<std::size_t>> needs_;
  std::vector<Problem> found_;
};

}  // namespace

std::vector<Problem> own_problems(const Workflow::Impl& w) { return Inspector(w).all(); }

}  // namespace pawl::v1
