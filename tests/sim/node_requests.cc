// What a client's request becomes inside the node's process, as engine.cc makes it.
#include "base/sha256.h"
#include "tests/sim/node.h"

namespace pawl::sim {

// `reply` is called with what the engine says, at the moment it says it.
void Node::answer(const Reply& reply, const Result<RunId>& result) {
  Answer a;
  a.given = stage_.at();
  a.life = life_;
  a.ok = result.ok();
  if (result.ok()) {
    a.run = *result;
  } else {
    a.code = result.error().code;
    a.message = result.error().message;
  }
  reply(std::move(a));
}

void Node::take_define(const Request& q, Reply reply) {
  auto parsed = core::parse_workflow(q.text, q.name + ".yaml");
  if (!parsed.workflow) {
    std::string all;
    for (const auto& f : parsed.findings)
      all += core::render_diagnostic(f, q.text);
    stage_.breach(str("the workload made a workflow that does not parse:\n", all, q.text));
    return;
  }
  engine::RegisterWorkflow r;
  Json links = Json::object();
  for (const auto& child : parsed.workflow->child_files) {  // registered before, under its own name
    auto row = store_.find_workflow(child.file.substr(0, child.file.size() - 5), 0);
    if (!row.ok()) return answer(reply, row.error());
    if (!*row) return answer(reply, Error{Errc::not_found, "its child is not registered"});
    links.set(child.file, (*row)->id.value);
    r.children.emplace_back(child.file, (*row)->id);
  }
  r.row.name = parsed.workflow->name;
  r.row.text = q.text;
  r.row.file = q.name + ".yaml";
  r.row.links = links.dump();
  r.row.hash = sha256_hex(str(q.text, "\n", r.row.file, "\n", r.row.links));
  r.workflow = parsed.workflow;
  r.registered = [this, reply = std::move(reply)](Result<WorkflowId> id) {
    Answer a;
    a.given = stage_.at();
    a.life = life_;
    a.ok = id.ok();
    if (id.ok()) {
      a.workflow = *id;
    } else {
      a.code = id.error().code;
      a.message = id.error().message;
    }
    reply(std::move(a));
  };
  inbox_.push_back({std::move(r), {}});
}

void Node::take_submit(const Request& q, Reply reply) {
  auto plan = loop_->plan(q.workflow);
  if (!plan.ok()) return answer(reply, plan.error());
  auto inputs =
      core::check_inputs(*(*plan)->workflow, q.inputs.is_null() ? Json::object() : q.inputs);
  if (!inputs.ok()) return answer(reply, inputs.error());
  engine::SubmitRequest s;
  s.workflow = q.workflow;
  s.inputs = q.inputs;
  s.idempotency_key = q.key;
  s.priority = static_cast<std::int32_t>(q.number % 3) - 1;
  inbox_.push_back({engine::SubmitRun{std::move(s), *plan, std::move(*inputs)},
                    [this, reply = std::move(reply)](Result<RunId> r) { answer(reply, r); }});
}

void Node::take(const Request& q, Reply reply) {
  if (!loop_) return;  // nobody listens
  stage_.note("node ", number_, " gets request ", q.number, " ", to_string(q.kind), " ", q.name,
              " run ", q.run.value, " ", q.task);
  wake();
  if (q.kind == RequestKind::define) return take_define(q, std::move(reply));
  if (q.kind == RequestKind::submit) return take_submit(q, std::move(reply));
  auto done = [this, reply = std::move(reply)](Result<RunId> r) { answer(reply, r); };
  auto command = [&](engine::RunCommand c) {
    inbox_.push_back({engine::CommandRun{q.run, std::move(c)}, done});
  };
  switch (q.kind) {
    case RequestKind::pause:
      return command(core::Pause{"someone"});
    case RequestKind::resume:
      return command(core::Resume_{"someone"});
    case RequestKind::cancel:
      return command(core::Cancel{"someone"});
    case RequestKind::retry:
      return command(core::Retry{q.task, q.set, "someone"});
    case RequestKind::approve:
      return command(core::Approve{q.task, q.inputs, "someone", "fine"});
    case RequestKind::reject:
      return command(core::Reject{q.task, "someone", "no"});
    default:
      inbox_.push_back(
          {engine::RecoverRun{q.run, core::Recover{q.task, q.set, "someone"}, q.inputs}, done});
  }
}

}  // namespace pawl::sim
