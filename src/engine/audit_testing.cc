// What a bed's store holds, read without the engine, and whether it keeps the promises: numbered
// events without gap, ends that absorb, one completion a task, attempts without gap, and agreement
// with what the workers' own ledger says.
#include <set>

#include "base/text.h"
#include "core/run_codec.h"
#include "engine/engine_testing.h"
#include "engine/run_io.h"

namespace pawl::engine {
namespace {

using core::EventKind;
using core::RunState;
using core::TaskState;

struct TaskStory {
  Attempt attempt = 0;
  TaskState state = TaskState::pending;
};

// Follows one run's events from its first to its last.
class Story {
 public:
  Story(const core::Run& run, const Ledger& ledger, std::vector<std::string>& problems)
      : run_(run), ledger_(ledger), problems_(problems) {}

  void follow(const std::vector<core::Event>& events) {
    std::uint64_t seq = 0;
    for (const auto& e : events) {
      if (e.seq != ++seq) problem(str("event ", e.seq, " where ", seq, " was due"));
      if (e.kind == EventKind::run_state) run_moves(e);
      if (e.kind == EventKind::task_state) task_moves(e);
    }
    if (events.empty() || seq + 1 != run_.next_seq) {
      problem(str("its last event is ", seq, ", its next number ", run_.next_seq));
    }
    if (state_ != run_.state) {
      problem(str("its events end in ", to_string(state_), ", it is ", to_string(run_.state)));
    }
    for (const auto& [task, story] : tasks_) {
      if (story.state != run_.rows[task].state && !dead(task)) {
        problem(str(run_.path(task), ": its events end in ", to_string(story.state), ", it is ",
                    to_string(run_.rows[task].state)));
      }
    }
  }

 private:
  bool dead(TaskId t) const { return run_.is_child(t) && run_.fan_out_of_child(t).dead; }
  void problem(std::string text) { problems_.push_back(str("run ", run_.id.value, ": ", text)); }

  void run_moves(const core::Event& e) {
    if (is_final(state_) && e.run_state != RunState::recovering) {
      problem(str("left ", to_string(state_), " for ", to_string(e.run_state)));
    }
    state_ = e.run_state;
  }

  void task_moves(const core::Event& e) {
    TaskStory& t = tasks_[e.task];
    if (is_final(t.state) && e.task_state != TaskState::pending &&
        e.task_state != TaskState::running) {
      problem(
          str("task ", e.task, " went from ", to_string(t.state), " to ", to_string(e.task_state)));
    }
    bool by_worker =
        run_.def(e.task).executor == core::Executor::worker && !run_.is_fan_out(e.task);
    if (by_worker && e.task_state == TaskState::running) {
      if (run_.source) t.attempt = std::max(t.attempt, e.attempt - 1);  // counts on from its source
      if (e.attempt != t.attempt + 1) {
        problem(str("task ", e.task, ": attempt ", e.attempt, " after ", t.attempt));
      }
      t.attempt = e.attempt;
    }
    if (by_worker && e.task_state == TaskState::completed) {
      auto known = ledger_.work.find({run_.id, e.task, e.attempt});
      if (known == ledger_.work.end() || !known->second.completed) {
        problem(str("task ", e.task, " attempt ", e.attempt, " completed; no worker said so"));
      }
      if (!completed_.insert({e.task, e.attempt}).second) {
        problem(str("task ", e.task, " attempt ", e.attempt, " completed twice"));
      }
    }
    t.state = e.task_state;
  }

  const core::Run& run_;
  const Ledger& ledger_;
  std::vector<std::string>& problems_;
  RunState state_ = RunState::pending;
  std::map<TaskId, TaskStory> tasks_;
  std::set<std::pair<TaskId, Attempt>> completed_;
};

}  // namespace

std::shared_ptr<const core::Plan> Bed::stored_plan(WorkflowId id) {
  auto& plan = plans_[id];
  if (plan) return plan;
  auto row = store_->load_workflow(id);
  PAWL_ASSERT(row.ok() && *row);
  auto parsed = core::parse_workflow((*row)->text, (*row)->file);
  PAWL_ASSERT(parsed.workflow);
  plan = core::make_plan(id, (*row)->version, parsed.workflow, "", {});
  return plan;
}

std::unique_ptr<core::Run> Bed::stored(RunId run) {
  auto image = store_->load_run(run);
  PAWL_ASSERT(image.ok());
  if (!*image) return nullptr;
  auto read = run_of(**image, [&](WorkflowId id) -> Result<std::shared_ptr<const core::Plan>> {
    return stored_plan(id);
  });
  PAWL_ASSERT(read.ok());
  return std::move(*read);
}

core::RunState Bed::state(RunId run) {
  auto r = stored(run);
  PAWL_ASSERT(r);
  return r->state;
}

core::TaskState Bed::task(RunId run, std::string_view path) {
  auto r = stored(run);
  PAWL_ASSERT(r && r->find(path));
  return r->rows[*r->find(path)].state;
}

Json Bed::output(RunId run, std::string_view path) {
  auto r = stored(run);
  PAWL_ASSERT(r && r->find(path));
  const auto* x = r->extra(*r->find(path));
  return x ? x->output : Json();
}

std::vector<core::Event> Bed::events(RunId run) {
  auto r = stored(run);
  PAWL_ASSERT(r);
  std::vector<core::Event> all;
  auto chunks = store_->read_events(run, 0);
  PAWL_ASSERT(chunks.ok());
  auto take = [&](std::string_view bytes, std::uint64_t first) {
    auto events = core::decode_events(bytes, first, r->created);
    PAWL_ASSERT(events.ok());
    all.insert(all.end(), events->begin(), events->end());
  };
  for (const auto& c : *chunks)
    take(c.bytes, c.first_seq);
  take(r->tail, r->tail_first);
  return all;
}

std::vector<std::string> Bed::audit() {
  std::vector<std::string> problems = ledger.problems;
  auto last = store_->last_run_id();
  PAWL_ASSERT(last.ok());
  for (std::int64_t i = 1; i <= last->value; ++i) {
    auto run = stored(RunId(i));
    if (!run) continue;
    Story(*run, ledger, problems).follow(events(run->id));
    auto row = store_->find_run(run->id);
    PAWL_ASSERT(row.ok() && *row);
    if ((*row)->header.state != run->state || (*row)->header.open == is_final(run->state)) {
      problems.push_back(str("run ", i, ": its columns disagree with its state"));
    }
    if (!is_final(run->state)) continue;
    for (TaskId t = 0; t < run->task_count(); ++t) {
      const auto& r = run->rows[t];
      bool dead = run->is_child(t) && run->fan_out_of_child(t).dead;
      if (!dead && (!is_final(r.state) || r.lease != 0)) {
        problems.push_back(str("run ", i, " is at its end, ", run->path(t), " is not"));
      }
    }
  }
  for (const auto& [key, work] : ledger.work) {
    if (!work.recorded || !work.completed) continue;
    auto run = stored(work.fence.run);
    // A receipt says that the report is durable: nothing may have forgotten the attempt.
    if (!run || run->rows[work.fence.task].attempt < work.fence.attempt) {
      problems.push_back(str("run ", work.fence.run.value, " ", work.path, " attempt ",
                             work.fence.attempt, " was recorded and is lost"));
    }
  }
  return problems;
}

}  // namespace pawl::engine
