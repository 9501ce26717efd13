#include "engine/play_testing.h"

#include "base/text.h"

namespace pawl::engine {

Play::Play(Bed& bed, std::uint64_t seed, Act act)
    : bed_(bed), random_(Random::stream(seed, "play")), act_(std::move(act)) {}

WorkflowId Play::define(const std::string& text) {
  for (int i = 0; i < 200; ++i) {
    auto crashes = bed_.crashes();
    auto answer = bed_.post_define(text);
    bed_.settle();
    if (bed_.crashes() == crashes && answer->has_value() && (**answer).ok()) return ***answer;
    bed_.clock.advance(std::chrono::milliseconds(200));
  }
  bed_.ledger.problems.push_back("a workflow could not be registered");
  return {};
}

void Play::submit(WorkflowId workflow, Json inputs, std::string key) {
  Wish w;
  w.request.workflow = workflow;
  w.request.inputs = std::move(inputs);
  w.request.idempotency_key = std::move(key);
  wishes_.push_back(std::move(w));
  runs_.push_back({});
}

bool Play::act_some() {
  bool acted = false;
  for (const auto& w : bed_.workers()) {
    if (!w->present) continue;
    for (const auto& fence : w->held()) {
      if (random_.below(3) == 0) continue;
      const core::Assignment* a = nullptr;
      for (const auto& path : w->paths()) {
        if (const auto* h = w->holds(fence.run, path); h && h->fence == fence) a = h;
      }
      if (!a) continue;
      acted = true;
      core::Assignment copy = *a;
      act_(*w, copy);
    }
  }
  return acted;
}

bool Play::all_ended() {
  for (RunId r : runs_) {
    if (!r || !is_final(bed_.state(r))) return false;
  }
  return true;
}

bool Play::round() {
  for (std::size_t i = 0; i < wishes_.size(); ++i) {
    Wish& w = wishes_[i];
    if (runs_[i]) continue;
    if (w.answer && w.answer->has_value() && (**w.answer).ok()) {
      runs_[i] = ***w.answer;
      continue;
    }
    bool lost = w.answer && w.crashes != bed_.crashes();
    if (w.answer && !w.answer->has_value() && !lost) continue;
    w.crashes = bed_.crashes();
    w.answer = bed_.post_submit(w.request);
  }
  if (disturb && random_.below(4) == 0) disturb();
  bool acted = act_some();
  switch (random_.below(3)) {
    case 0:
      bed_.step();
      break;
    case 1:  // decide on while a flight is out
      if (bed_.decide() && bed_.take() && bed_.decide() && bed_.commit() && bed_.decide())
        bed_.land();
      break;
    default:
      bed_.settle();
  }
  return acted;
}

std::vector<std::string> Play::to_the_end() {
  int quiet = 0;
  for (int i = 0; i < 20'000; ++i) {
    bool acted = round();
    bed_.settle();
    if (all_ended()) break;
    quiet = acted ? 0 : quiet + 1;
    if (quiet > 3) bed_.wake();
    if (quiet > 400) break;  // no time and no worker moves it on
  }
  bed_.store().heal();
  for (int i = 0; bed_.loop().stalled() && i < 10; ++i)
    bed_.wake();
  auto problems = bed_.audit();
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    if (!runs_[i]) {
      problems.push_back(str("submission ", i, " was never answered"));
    } else if (auto run = bed_.stored(runs_[i]); !run) {
      problems.push_back(str("run ", runs_[i].value, " was acknowledged and is lost"));
    } else if (!is_final(run->state)) {
      std::string open;
      for (TaskId t = 0; t < run->task_count(); ++t) {
        if (!is_final(run->rows[t].state)) {
          const auto& row = run->rows[t];
          open += str(" ", run->path(t), ":", to_string(row.state), " attempt ", row.attempt,
                      " lease ", row.lease, " worker ", row.worker.value);
        }
      }
      problems.push_back(str("run ", runs_[i].value, " never ends: ", to_string(run->state), open));
    }
  }
  if (!problems.empty()) {
    for (const auto& w : bed_.workers()) {
      std::string held;
      for (const auto& f : w->held())
        held += str(" ", f.run.value, "/", f.task, "/", f.attempt);
      problems.push_back(str("worker ", w->id.value, w->present ? "" : " (gone)", " with ",
                             w->credits, " slots free holds", held));
    }
  }
  // Each slot that was offered is free again.
  if (problems.empty() && runs_.size() > 0) {
    std::uint32_t offered = 0, known = 0, busy = 0;
    for (const auto& w : bed_.workers())
      offered += w->present ? w->credits : 0;
    for (const auto& q : bed_.loop().situation(runs_[0]).queues) {
      if (q.queue == "default") known = q.slots, busy = q.busy;
    }
    if (known != offered || busy != 0) {
      problems.push_back(str("workers offer ", offered, " slots, the engine knows ", known,
                             " and believes ", busy, " to be busy"));
    }
    for (const auto& r : bed_.loop().situation(runs_[0]).resources) {
      if (r.used != 0) problems.push_back(str("resource ", r.name, " is held by nobody's run"));
    }
  }
  return problems;
}

std::string outcome_of(Bed& bed, const std::vector<RunId>& runs) {
  std::string text;
  for (RunId r : runs) {
    auto run = r ? bed.stored(r) : nullptr;
    if (!run) {
      text += "none\n";
      continue;
    }
    text += str(to_string(run->state), " ", run->outputs.dump());
    for (TaskId t = 0; t < run->task_count(); ++t) {
      text += str(" ", run->path(t), "=", to_string(run->rows[t].state));
    }
    text += "\n";
  }
  return text;
}

}  // namespace pawl::engine
