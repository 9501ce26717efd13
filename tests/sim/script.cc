#include "tests/sim/script.h"

#include "base/random.h"
#include "base/text.h"

namespace pawl::sim {
namespace {

using core::FailureClass;
using core::ReportKind;

Duration ms(std::uint64_t n) { return Duration{static_cast<std::int64_t>(n * 1000)}; }

FailureClass draw_class(Random& r) {
  static constexpr FailureClass kClasses[] = {FailureClass::user,     FailureClass::user,
                                              FailureClass::network,  FailureClass::oom,
                                              FailureClass::cuda_oom, FailureClass::diverged,
                                              FailureClass::corrupt,  FailureClass::disk_full,
                                              FailureClass::timeout,  FailureClass::auth};
  return kClasses[r.below(std::size(kClasses))];
}

// What a task is like, in all of its attempts: how often it fails, and mostly of what.
struct Habit {
  FailureClass failure = FailureClass::user;
  std::uint64_t failures = 14;  // in a hundred
};

Habit habit_of(std::uint64_t seed, std::uint32_t node, const core::Assignment& a) {
  std::uint64_t h = seed;
  for (char c : str(node, "/", a.fence.run.value, "/", a.path))
    h = (h ^ static_cast<unsigned char>(c)) * 1099511628211u;
  Random r = Random::stream(h, "habit");
  Habit habit;
  habit.failure = draw_class(r);
  if (r.below(8) == 0) habit.failures = 70;
  return habit;
}

core::Report draw_end(Random& r, Attempt attempt, const Habit& habit) {
  core::Report end;
  end.receipt = true;
  // Later attempts do better, so that every story has an end.
  auto luck = r.below(100);
  if (attempt <= 6 && luck < habit.failures) {
    end.kind = ReportKind::failed;
    end.failure_class = draw_class(r);
    if (r.below(2)) end.failure_class = habit.failure;
    end.exit_code = static_cast<int>(r.below(100)) + 1;
    end.message = str("it failed with ", end.exit_code);
    end.no_retry = r.below(12) == 0;
    end.try_later = attempt <= 3 && !end.no_retry && r.below(10) == 0;
    return end;
  }
  if (attempt <= 6 && luck < habit.failures + 3) {
    end.kind = ReportKind::released;
    return end;
  }
  end.kind = ReportKind::completed;
  auto kind = r.below(40);
  if (kind == 0 && attempt <= 3) {
    end.outputs = Json::array({1, 2});  // not an object: refused, and the task fails
    return end;
  }
  if (kind < 6) return end;
  Json items = Json::array();
  for (std::uint64_t i = 0, n = r.below(4); i < n; ++i)
    items.push(static_cast<std::int64_t>(r.below(100)));
  end.outputs = Json::object();
  end.outputs.set("n", static_cast<std::int64_t>(r.below(10))).set("items", std::move(items));
  if (kind == 38) end.outputs.set("text", std::string(500, 'y'));
  if (kind == 39) end.outputs.set("text", std::string(70'000, 'x'));
  return end;
}

void draw_signs(Random& r, Script& s) {
  for (std::uint64_t i = 0, n = r.below(3); i < n; ++i) {
    Script::Sign sign;
    sign.part = r.unit();
    core::Report& p = sign.report;
    p.kind = ReportKind::progress;
    p.has_progress = true;
    p.progress = {static_cast<double>(i), static_cast<double>(n), "step"};
    if (r.below(3) == 0) p.metrics.emplace_back("loss", r.unit());
    if (r.below(8) == 0) p.warnings.push_back("careful");
    if (r.below(3) == 0) {
      p.has_checkpoint = true;
      p.checkpoint = str("checkpoint ", i, " ", r.below(1000));
      if (r.below(3) == 0) p.checkpoint += std::string(300, 'c');
      p.best_checkpoint = r.below(2);
    }
    s.signs.push_back(std::move(sign));
  }
  for (std::uint64_t i = 0, n = r.below(6) == 0 ? 1 + r.below(3) : 0; i < n; ++i)
    s.lines.emplace_back(r.unit(), str("line ", i));
  auto earlier = [](const auto& a, const auto& b) { return a.part < b.part; };
  std::sort(s.signs.begin(), s.signs.end(), earlier);
  std::sort(s.lines.begin(), s.lines.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
}

core::Report timed_out(const char* what, Duration limit) {
  core::Report end;
  end.receipt = true;
  end.kind = ReportKind::failed;
  end.failure_class = FailureClass::timeout;
  end.message = str("timeout.", what, " of ", print_duration(limit));
  return end;
}

// The worker's part of the four timeouts: what kills the attempt first, if anything.
void apply_timeouts(const core::Timeouts& t, Script& s) {
  if (t.start.count() > 0 && s.start_delay > t.start) {
    s.start_delay = t.start;
    s.length = Duration{0};
    s.signs.clear();
    s.lines.clear();
    s.end = timed_out("start", t.start);
    return;
  }
  Duration silence = t.heartbeat;
  double from = 0;
  Duration limit = s.length;
  if (silence.count() > 0) {
    auto quiet = [&](double to) {
      return std::chrono::duration<double, std::micro>(
                 (to - from) * static_cast<double>(s.length.count())) > silence;
    };
    bool hung = false;
    for (const auto& sign : s.signs) {
      if (hung || quiet(sign.part)) {
        hung = true;
        break;
      }
      from = sign.part;
    }
    if (hung || quiet(1.0)) {
      limit = Duration{static_cast<std::int64_t>(from * static_cast<double>(s.length.count()))} +
              silence;
      s.end = timed_out("heartbeat", silence);
    }
  }
  if (t.attempt.count() > 0 && limit > t.attempt) {
    limit = t.attempt;
    s.end = timed_out("attempt", t.attempt);
  }
  if (limit == s.length) return;
  double part = static_cast<double>(limit.count()) / static_cast<double>(s.length.count());
  std::erase_if(s.signs, [&](const auto& sign) { return sign.part >= part; });
  std::erase_if(s.lines, [&](const auto& line) { return line.first >= part; });
  for (auto& sign : s.signs)
    sign.part /= part;
  for (auto& line : s.lines)
    line.first /= part;
  s.length = limit;
}

}  // namespace

Script script_of(std::uint64_t seed, std::uint32_t node, const core::Assignment& a) {
  std::uint64_t h = seed;
  for (char c : str(node, "/", a.fence.run.value, "/", a.path, "/", a.fence.attempt))
    h = (h ^ static_cast<unsigned char>(c)) * 1099511628211u;
  Random r = Random::stream(h, "script");
  Script s;
  s.start_delay = ms(1 + r.below(r.below(10) ? 30 : 3000));
  // Mostly short; some long enough for all kinds of timeouts and for whole partitions.
  static constexpr std::uint64_t kMost[] = {20, 100, 100, 1000, 1000, 5000, 20'000};
  s.length = ms(1 + r.below(kMost[r.below(std::size(kMost))]));
  s.end = draw_end(r, a.fence.attempt, habit_of(seed, node, a));
  draw_signs(r, s);
  if (a.def) apply_timeouts(a.def->timeout, s);
  return s;
}

}  // namespace pawl::sim
