#include "core/workflow.h"

#include <algorithm>

#include "base/text.h"
#include "core/workflow_path.h"

namespace pawl::core {

std::string Workflow::path(TaskId task) const {
  std::vector<TaskId> chain;
  for (TaskId t = task; t != kNoTask; t = nodes_[t].parent)
    chain.push_back(t);
  std::string out;
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    if (!out.empty()) out.push_back('.');
    out += own_name(*it);
  }
  return out;
}

std::span<const TaskId> Workflow::members(TaskId group) const {
  auto it = std::lower_bound(groups_.begin(), groups_.end(), group);
  if (it == groups_.end() || *it != group) return {};
  return row(members_at_, members_, static_cast<TaskId>(it - groups_.begin()));
}

std::optional<TaskId> Workflow::find(std::string_view path) const {
  auto node_hash = [&](TaskId t) {
    TaskId chain[64];
    std::size_t n = 0;
    for (; t != kNoTask && n < 64; t = nodes_[t].parent)
      chain[n++] = t;
    std::uint64_t h = kPathSeed;
    while (n > 0)
      h = path_hash(h, own_name(chain[--n]));
    return h;
  };
  std::uint64_t h = kPathSeed;
  for (std::string_view rest = path;;) {
    auto dot = rest.find('.');
    h = path_hash(h, rest.substr(0, dot));
    if (dot == rest.npos) break;
    rest.remove_prefix(dot + 1);
  }
  auto it =
      std::lower_bound(by_path_.begin(), by_path_.end(), h,
                       [&](std::uint32_t t, std::uint64_t want) { return node_hash(t) < want; });
  for (; it != by_path_.end() && node_hash(*it) == h; ++it)
    if (this->path(*it) == path) return *it;
  return std::nullopt;
}

namespace {

std::size_t json_bytes(const Json& v) {
  switch (v.type()) {
    case Json::Type::string:
      return v.as_string().size() > 15 ? v.as_string().size() + 48 : 0;
    case Json::Type::array: {
      std::size_t n = 40;
      for (const Json& e : v.as_array())
        n += sizeof(Json) + json_bytes(e);
      return n;
    }
    case Json::Type::object: {
      std::size_t n = 40;
      for (const auto& [k, e] : v.as_object())
        n += sizeof(Json::Member) + k.size() + json_bytes(e);
      return n;
    }
    default:
      return 0;
  }
}

// Source and program: the program holds the constants and texts once more, and a node a value.
std::size_t template_bytes(const Template& t) {
  std::size_t n = json_bytes(t.source());
  if (t.is_constant()) return n;
  n *= 2;
  for (const Expr* e : t.expressions())
    n += 400 + 3 * e->text().size();
  return n;
}

template <typename T>
std::size_t vector_bytes(const std::vector<T>& v) {
  return v.capacity() * sizeof(T);
}

std::size_t def_bytes(const TaskDef& d) {
  std::size_t n = d.action.size() + d.title.size() + d.run.size() + d.shell.size() + d.queue.size();
  for (const Template* t : {&d.args, &d.env, &d.cwd, &d.with, &d.params, &d.outputs})
    n += template_bytes(*t);
  if (d.condition) n += 400 + 3 * d.condition->text().size();
  if (d.for_each) n += template_bytes(*d.for_each);
  for (const RecoverRule& r : d.recover)
    n += sizeof r + r.run.size() + template_bytes(r.set);
  return n + vector_bytes(d.resources);
}

}  // namespace

std::size_t Workflow::footprint() const {
  std::size_t n = sizeof *this + vector_bytes(nodes_) + names_.capacity() +
                  vector_bytes(needs_at_) + vector_bytes(dependents_at_) + vector_bytes(needs_) +
                  vector_bytes(dependents_) + vector_bytes(members_at_) + vector_bytes(members_) +
                  vector_bytes(groups_) + vector_bytes(roots_) + vector_bytes(finals_) +
                  vector_bytes(by_path_) + vector_bytes(defs) + vector_bytes(inputs);
  for (const TaskDef& d : defs)
    n += def_bytes(d);
  for (const InputDef& i : inputs)
    n += i.name.size() + json_bytes(i.schema);
  return n + template_bytes(outputs) + template_bytes(run_name);
}

}  // namespace pawl::core
