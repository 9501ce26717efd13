// graph: the tasks of a file, or of a run with their states, as a tree, for Graphviz or as Mermaid.
#include <algorithm>

#include "base/fs.h"
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/load.h"
#include "cli/session.h"
#include "core/run_json.h"

namespace pawl::cli {
namespace {

struct Node {
  std::string path, label, state, parent;
  std::vector<std::string> needs;
  bool holds = false;
};

std::string own_name(const std::string& path) { return path.substr(path.rfind('.') + 1); }

Node node_of(const core::Workflow& w, TaskId t) {
  Node node;
  node.path = w.path(t);
  node.label = own_name(node.path);
  for (TaskId need : w.needs(t))
    node.needs.push_back(w.path(need));
  if (w.node(t).parent != kNoTask) node.parent = w.path(w.node(t).parent);
  node.holds = w.def(t).executor == core::Executor::group;
  return node;
}

std::vector<Node> nodes_of(const core::Workflow& w) {
  std::vector<Node> out;
  for (TaskId t = 0; t < w.task_count(); ++t)
    out.push_back(node_of(w, t));
  return out;
}

// Elements of a fan-out are one node: their counts say more than a thousand boxes.
std::vector<Node> nodes_of(const core::Run& run) {
  std::vector<Node> out;
  for (TaskId t = 0; t < run.workflow().task_count(); ++t) {
    auto node = node_of(run.workflow(), t);
    node.state = core::to_string(run.rows[t].state);
    if (const auto* f = run.fan_out_of(t)) {
      std::uint32_t done = 0;
      for (TaskId c = f->first; c < f->first + f->count; ++c)
        done += core::is_final(run.rows[c].state);
      node.label += str(" [", done, '/', f->count, ']');
    }
    out.push_back(std::move(node));
  }
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : clean_line(text)) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

std::size_t index_of(const std::vector<Node>& nodes, const std::string& path) {
  auto at = std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return n.path == path; });
  return static_cast<std::size_t>(at - nodes.begin());
}

std::string dot(const std::string& name, const std::vector<Node>& nodes) {
  auto out = str("digraph \"", escaped(name), "\" {\n  rankdir=LR;\n  node [shape=box];\n");
  auto color = [](const std::string& state) {
    return state == "completed" ? "palegreen"
           : state == "failed"  ? "salmon"
           : state == "running" ? "lightblue"
           : state == "skipped" ? "gray90"
                                : "white";
  };
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    out += str("  n", i, " [label=\"",
               escaped(nodes[i].parent.empty() ? nodes[i].label : nodes[i].path), '"');
    if (!nodes[i].state.empty()) out += str(", style=filled, fillcolor=", color(nodes[i].state));
    out += "];\n";
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const auto& need : nodes[i].needs)
      out += str("  n", index_of(nodes, need), " -> n", i, ";\n");
    if (!nodes[i].parent.empty()) {
      out += str("  n", index_of(nodes, nodes[i].parent), " -> n", i, " [style=dotted];\n");
    }
  }
  return out + "}\n";
}

std::string mermaid(const std::vector<Node>& nodes) {
  std::string out = "flowchart LR\n";
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    // Mermaid has no escape for a quotation mark but the entity.
    std::string label;
    for (char c : clean_line(nodes[i].parent.empty() ? nodes[i].label : nodes[i].path)) {
      label += c == '"' ? std::string("#quot;") : std::string(1, c);
    }
    if (!nodes[i].state.empty()) label += str(" (", nodes[i].state, ')');
    out += str("  n", i, "[\"", label, "\"]\n");
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const auto& need : nodes[i].needs)
      out += str("  n", index_of(nodes, need), " --> n", i, '\n');
    if (!nodes[i].parent.empty()) {
      out += str("  n", index_of(nodes, nodes[i].parent), " -.-> n", i, '\n');
    }
  }
  return out;
}

// Groups hold their members; what a task needs stands behind it.
void tree(std::string& out, const std::vector<Node>& nodes, const std::string& parent,
          const std::string& indent, const Term& term) {
  std::vector<const Node*> members;
  for (const auto& node : nodes) {
    if (node.parent == parent) members.push_back(&node);
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    bool last = i + 1 == members.size();
    const char* branch = term.utf8 ? (last ? "└─ " : "├─ ") : (last ? "`- " : "|- ");
    out += str(indent, branch);
    if (!members[i]->state.empty()) {
      auto mark = mark_of(members[i]->state);
      out += str(paint(term, mark.style, term.utf8 ? mark.utf8 : mark.ascii), ' ');
    }
    out += clean_line(members[i]->label);
    if (!members[i]->needs.empty()) {
      std::vector<std::string> needs;
      for (const auto& need : members[i]->needs)
        needs.push_back(clean_line(own_name(need)));
      out += paint(term, Style::dim, str(term.utf8 ? "  ← " : "  <- ", join(needs, ", ")));
    }
    out += '\n';
    if (members[i]->holds) {
      tree(out, nodes, members[i]->path,
           str(indent, last        ? "   "
                       : term.utf8 ? "│  "
                                   : "|  "),
           term);
    }
  }
}

}  // namespace

Result<int> run_graph(const Ask& ask) {
  std::vector<Node> nodes;
  std::string name;
  // A file that is there is meant; anything else names a run.
  if (ask.run() == "-" || file_exists(ask.run())) {
    auto loaded = TRY(load_workflow(ask.run()));
    if (!TRY(accept(ask, loaded))) return kExitInvalid;
    nodes = nodes_of(*loaded.workflow());
    name = loaded.workflow()->name;
  } else {
    auto session = TRY(Session::open(ask, Access::read));
    auto run = TRY(session->find(ask.run()));
    TRY(session->inspect(run, [&](const core::Run& r) {
      nodes = nodes_of(r);
      name = r.workflow().name;
    }));
  }
  if (ask.json()) {
    Json out = Json::array();
    for (const auto& node : nodes) {
      Json needs = Json::array();
      for (const auto& need : node.needs)
        needs.push(need);
      Json j = Json::object();
      j.set("name", node.path).set("parent", node.parent.empty() ? Json() : Json(node.parent));
      j.set("needs", std::move(needs));
      if (!node.state.empty()) j.set("state", node.state);
      out.push(std::move(j));
    }
    ask.print_json(out);
    return 0;
  }
  auto format = ask.text("format");
  std::string out;
  if (format == "dot") {
    out = dot(name, nodes);
  } else if (format == "mermaid") {
    out = mermaid(nodes);
  } else {
    out = str(clean_line(name), '\n');
    tree(out, nodes, "", "", ask.io.out_term());
  }
  ask.print(out);
  return 0;
}

}  // namespace pawl::cli
