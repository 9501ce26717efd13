// The compiler of expressions: a hand-written lexer and a recursive-descent parser, depth-bounded.
// What can be known without a run is checked here: names of tasks and functions, the number of
// arguments, operators on literals that can never work.

#include <charconv>
#include <set>

#include "base/text.h"
#include "core/doc.h"
#include "core/expr_lexer.h"
#include "core/expr_program.h"
#include "core/findings.h"

namespace pawl::core {
namespace {

constexpr unsigned kMaxDepth = 64;    // of the parser's recursion
constexpr unsigned kMaxHeight = 200;  // of the tree: a + b + c ... leans to the left

class Compiler : public ExprLexer {
 public:
  Compiler(std::string_view text, const TaskNames& names, ExprProgram& program)
      : ExprLexer(text), names_(names), out_(program) {}

  bool compile() {
    next();
    std::uint32_t root = 0;
    if (!expression(root)) return false;
    if (token_ != Token::end) return fail(str("found `", token_text(), "` after the expression"));
    PAWL_ASSERT(root + 1 == out_.nodes.size());
    std::set<TaskId> tasks;
    for (const ExprRef& r : out_.refs)
      if (r.kind == ExprRef::Kind::task && tasks.insert(r.task).second)
        out_.tasks.push_back(r.task);
    return true;
  }

 private:
  using Node = std::uint32_t;

  Node add(ExprNode n) {
    auto height = [&](std::uint32_t i) { return out_.nodes[i].height; };
    unsigned h = 0;
    switch (n.op) {
      case Op::member:
      case Op::not_:
      case Op::negate:
        h = height(n.a);
        break;
      case Op::choose:
        h = std::max({height(n.a), height(n.b), height(n.c)});
        break;
      case Op::call:
      case Op::list:
        for (std::uint32_t i = n.b; i < n.b + n.c; ++i)
          h = std::max<unsigned>(h, height(out_.arguments[i]));
        break;
      case Op::element:
      case Op::and_:
      case Op::or_:
        h = std::max(height(n.a), height(n.b));
        break;
      default:
        if (n.op >= Op::equal && n.op <= Op::remainder) h = std::max(height(n.a), height(n.b));
    }
    n.height = static_cast<std::uint16_t>(h + 1);
    if (n.height > kMaxHeight) fail("the expression is nested too deep");
    out_.nodes.push_back(n);
    return static_cast<Node>(out_.nodes.size() - 1);
  }
  Node constant(Json v, std::size_t from, std::size_t to) {
    out_.constants.push_back(std::move(v));
    ExprNode n{Op::constant};
    n.a = static_cast<std::uint32_t>(out_.constants.size() - 1);
    n.from = static_cast<std::uint32_t>(from);
    n.to = static_cast<std::uint32_t>(to);
    return add(n);
  }
  std::uint32_t intern(std::string_view name) {
    out_.names.emplace_back(name);
    return static_cast<std::uint32_t>(out_.names.size() - 1);
  }

  bool expression(Node& out);
  bool binary(int level, Node& out);
  bool unary(Node& out);
  bool postfix(Node& out);
  bool primary(Node& out);
  bool named(Node& out);
  struct Root {
    std::string_view name;
    Op op;
    ExprRef::Kind kind;
  };
  static constexpr Root kNamedRoots[] = {
      {"inputs", Op::inputs, ExprRef::Kind::inputs},
      {"params", Op::params, ExprRef::Kind::params},
      {"run", Op::run, ExprRef::Kind::run},
      {"secrets", Op::secret, ExprRef::Kind::secret},
  };
  bool root(const Root& r, std::size_t from, Node& out);
  bool call(std::string_view name, std::size_t from, Node& out);
  bool arguments(std::string_view close, std::vector<Node>& out);
  bool task_path(std::size_t from, Node& out);
  bool task_word(std::string& name, std::size_t& at);
  bool no_such_field(const std::string& name, std::size_t at);
  bool check_constants(const ExprNode& n);
  bool node_from(Op op, std::size_t from, Node& out);
  void reference(ExprRef::Kind kind, std::string name, std::size_t from, TaskId task = kNoTask);

  const TaskNames& names_;
  ExprProgram& out_;
  unsigned depth_ = 0;
};

void Compiler::reference(ExprRef::Kind kind, std::string name, std::size_t from, TaskId task) {
  out_.refs.push_back(
      {kind, std::move(name), task, std::string(text_.substr(from, last_end_ - from)), from});
}

bool Compiler::node_from(Op op, std::size_t from, Node& out) {
  ExprNode n{op};
  n.from = static_cast<std::uint32_t>(from);
  n.to = static_cast<std::uint32_t>(last_end_);
  out = add(n);
  return true;
}

bool Compiler::expression(Node& out) {
  if (++depth_ > kMaxDepth) return fail("the expression is nested too deep");
  std::size_t from = start_;
  if (!binary(0, out)) return false;
  if (accept("?")) {
    ExprNode n{Op::choose};
    n.a = out;
    if (!expression(n.b)) return false;
    if (!accept(":")) return fail(str("found ", found(), ", expected `:` and the other value"));
    if (!expression(n.c)) return false;
    n.from = static_cast<std::uint32_t>(from);
    n.to = static_cast<std::uint32_t>(last_end_);
    out = add(n);
  }
  --depth_;
  return error_.code.empty();
}

struct Operator {
  std::string_view text;
  Op op;
  int level;
};
constexpr Operator kOperators[] = {
    {"||", Op::or_, 0},      {"&&", Op::and_, 1},          {"==", Op::equal, 2},
    {"!=", Op::unequal, 2},  {"<", Op::less, 2},           {"<=", Op::less_equal, 2},
    {">", Op::greater, 2},   {">=", Op::greater_equal, 2}, {"+", Op::add, 3},
    {"-", Op::subtract, 3},  {"*", Op::multiply, 4},       {"/", Op::divide, 4},
    {"%", Op::remainder, 4},
};

bool Compiler::binary(int level, Node& out) {
  if (level == 5) return unary(out);
  std::size_t from = start_;
  if (!binary(level + 1, out)) return false;
  for (int terms = 0;; ++terms) {
    const Operator* hit = nullptr;
    for (const Operator& o : kOperators)
      if (o.level == level && symbol(o.text)) hit = &o;
    if (hit == nullptr) return error_.code.empty();
    // a < b < c would compare a boolean: nobody means that.
    if (level == 2 && terms > 0) return fail("comparisons do not chain", "write a < b && b < c");
    next();
    ExprNode n{hit->op};
    n.a = out;
    if (!binary(level + 1, n.b)) return false;
    n.from = static_cast<std::uint32_t>(from);
    n.to = static_cast<std::uint32_t>(last_end_);
    if (!check_constants(n)) return false;
    out = add(n);
  }
}

bool Compiler::check_constants(const ExprNode& n) {
  const ExprNode &a = out_.nodes[n.a], &b = out_.nodes[n.b];
  if (n.op == Op::and_ || n.op == Op::or_) return true;
  if (a.op == Op::constant && b.op == Op::constant) {
    auto r = apply_binary(n.op, out_.constants[a.a], out_.constants[b.a]);
    if (!r.ok()) return fail_at(n.from, "bad_expression", r.error().message);
  }
  bool division = n.op == Op::divide || n.op == Op::remainder;
  if (division && b.op == Op::constant && out_.constants[b.a] == Json(0))
    return fail_at(b.from, "bad_expression", "this divides by zero");
  return true;
}

bool Compiler::unary(Node& out) {
  if (!symbol("!") && !symbol("-")) return postfix(out);
  if (++depth_ > kMaxDepth) return fail("the expression is nested too deep");
  std::size_t from = start_;
  ExprNode n{symbol("!") ? Op::not_ : Op::negate};
  next();
  if (!unary(n.a)) return false;
  n.from = static_cast<std::uint32_t>(from);
  n.to = static_cast<std::uint32_t>(last_end_);
  const ExprNode& inner = out_.nodes[n.a];
  if (n.op == Op::negate && inner.op == Op::constant && !out_.constants[inner.a].is_number())
    return fail_at(from, "bad_expression",
                   str("cannot negate ", describe_value(out_.constants[inner.a])));
  out = add(n);
  --depth_;
  return true;
}

bool Compiler::postfix(Node& out) {
  std::size_t from = start_;
  if (!primary(out)) return false;
  for (;;) {
    ExprNode n{Op::member};
    n.a = out;
    if (accept(".")) {
      std::string name;
      if (!path_name(name)) return false;
      n.b = intern(name);
    } else if (accept("[")) {
      n.op = Op::element;
      if (!expression(n.b)) return false;
      if (!accept("]")) return fail(str("found ", found(), ", expected `]`"));
    } else {
      return error_.code.empty();
    }
    n.from = static_cast<std::uint32_t>(from);
    n.to = static_cast<std::uint32_t>(last_end_);
    out = add(n);
  }
}

bool Compiler::primary(Node& out) {
  std::size_t from = start_;
  if (token_ == Token::number || token_ == Token::text) {
    Json v = value_;
    next();
    out = constant(std::move(v), from, last_end_);
    return true;
  }
  if (token_ == Token::name) return named(out);
  if (accept("(")) {
    if (!expression(out)) return false;
    if (!accept(")")) return fail(str("found ", found(), ", expected `)`"));
    return true;
  }
  if (accept("[")) {
    std::vector<Node> items;
    if (!arguments("]", items)) return false;
    ExprNode n{Op::list};
    n.b = static_cast<std::uint32_t>(out_.arguments.size());
    n.c = static_cast<std::uint32_t>(items.size());
    out_.arguments.insert(out_.arguments.end(), items.begin(), items.end());
    n.from = static_cast<std::uint32_t>(from);
    n.to = static_cast<std::uint32_t>(last_end_);
    out = add(n);
    return true;
  }
  return fail(token_ == Token::end && from == 0 ? std::string("the expression is empty")
                                                : str("found ", found(), ", expected a value"));
}

bool Compiler::arguments(std::string_view close, std::vector<Node>& out) {
  if (accept(close)) return true;
  do {
    Node n = 0;
    if (!expression(n)) return false;
    out.push_back(n);
  } while (accept(","));
  if (accept(close)) return true;
  return fail(str("found ", found(), ", expected `,` or `", close, "`"));
}

constexpr std::string_view kStatusNames[] = {"success", "none_failed", "failure", "always"};
constexpr std::string_view kRoots[] = {"inputs", "params",  "tasks", "run",   "item",
                                       "index",  "secrets", "true",  "false", "null"};

bool Compiler::named(Node& out) {
  std::size_t from = start_;
  std::string name(token_text());
  next();
  if (symbol("(")) return call(name, from, out);
  if (name == "true" || name == "false") {
    out = constant(Json(name == "true"), from, last_end_);
    return true;
  }
  if (name == "null") {
    out = constant(Json(), from, last_end_);
    return true;
  }
  if (name == "tasks") return task_path(from, out);
  if (name == "item" || name == "index") {
    reference(name == "item" ? ExprRef::Kind::item : ExprRef::Kind::index, "", from);
    return node_from(name == "item" ? Op::item : Op::index, from, out);
  }
  for (const Root& r : kNamedRoots)
    if (name == r.name) return root(r, from, out);
  std::vector<std::string_view> known(std::begin(kRoots), std::end(kRoots));
  std::string near = nearest_name_of(name, known);
  return fail_at(from, "unknown_name", str("\"", name, "\" is unknown"),
                 near.empty()
                     ? "an expression begins with inputs, params, tasks, run, item, index or "
                       "secrets; text stands in quotes"
                     : did_you_mean(near));
}

// inputs.NAME and inputs['NAME'] are known now, and checked now; inputs[expr] only in the run. The
// name is looked at ahead: postfix() reads it again. Secrets have no value without a name.
bool Compiler::root(const Root& r, std::size_t from, Node& out) {
  bool secret = r.op == Op::secret;
  std::string member;
  std::size_t end = last_end_;
  Place before = place();
  if (symbol(".")) {
    next();
    if (!path_name(member)) return false;
    end = last_end_;
    if (!secret) go_back(before);
  } else if (symbol("[")) {
    next();
    if (token_ == Token::text) {
      member = value_.as_string();
      next();
      if (!symbol("]"))
        member.clear();
      else if (secret)
        next();
      end = last_end_;
    }
    if (!secret) go_back(before);
  }
  ExprNode n{r.op};
  n.from = static_cast<std::uint32_t>(from);
  n.to = static_cast<std::uint32_t>(secret ? end : from + r.name.size());
  if (secret) {
    if (member.empty()) return fail_at(from, "bad_expression", "secrets are named: secrets.NAME");
    n.a = intern(member);
  }
  std::string_view shown = member.empty() ? r.name : text_.substr(from, end - from);
  out_.refs.push_back({r.kind, member, kNoTask, std::string(shown), from});
  out = add(n);
  return true;
}

bool Compiler::call(std::string_view name, std::size_t from, Node& out) {
  next();
  std::vector<Node> args;
  if (!arguments(")", args)) return false;
  ExprNode n{Op::status};
  n.from = static_cast<std::uint32_t>(from);
  n.to = static_cast<std::uint32_t>(last_end_);
  for (std::uint32_t i = 0; i < 4; ++i) {
    if (kStatusNames[i] != name) continue;
    if (!args.empty()) return fail_at(from, "bad_arguments", str(name, "() takes no arguments"));
    n.a = i;
    reference(ExprRef::Kind::status, std::string(name), from);
    out = add(n);
    return true;
  }
  auto functions = expr_functions();
  for (std::uint32_t i = 0; i < functions.size(); ++i) {
    const ExprFunction& f = functions[i];
    if (f.name != name) continue;
    if (args.size() < f.min_arguments || args.size() > f.max_arguments)
      return fail_at(from, "bad_arguments",
                     str(name, " takes ", f.min_arguments == f.max_arguments ? "" : "at least ",
                         f.min_arguments, f.min_arguments == 1 ? " argument" : " arguments",
                         ", found ", args.size()),
                     std::string(f.usage));
    n.op = Op::call;
    n.a = i;
    n.b = static_cast<std::uint32_t>(out_.arguments.size());
    n.c = static_cast<std::uint32_t>(args.size());
    out_.arguments.insert(out_.arguments.end(), args.begin(), args.end());
    out = add(n);
    return true;
  }
  std::vector<std::string_view> known(std::begin(kStatusNames), std::end(kStatusNames));
  for (const ExprFunction& f : functions)
    known.push_back(f.name);
  return fail_at(from, "unknown_function", str("there is no function \"", name, "\""),
                 did_you_mean(nearest_name_of(name, known)));
}

constexpr std::string_view kTaskFields[] = {"outputs", "state", "verdict", "attempts"};

bool Compiler::task_path(std::size_t from, Node& out) {
  std::vector<std::string> path;
  std::vector<std::size_t> offsets;
  int field = -1;
  while (field < 0 && (symbol(".") || symbol("["))) {
    std::size_t at = 0;
    std::string name;
    if (!task_word(name, at)) return false;
    // Field names are reserved, so no task hides behind one.
    for (int i = 0; i < 4 && !path.empty(); ++i)
      if (name == kTaskFields[i]) field = i;
    if (field >= 0) break;
    path.push_back(std::move(name));
    offsets.push_back(at);
  }
  if (path.empty())
    return fail_at(from, "bad_expression", "`tasks` needs a name: tasks.NAME.outputs");
  auto found_task = names_.resolve(path);
  if (!found_task.ok()) {
    // The resolver's message carries its hint after a newline.
    std::string message = found_task.error().message, hint;
    if (auto cut = message.find('\n'); cut != message.npos) {
      hint = message.substr(cut + 1);
      message.resize(cut);
    }
    return fail_at(from, "unknown_task", std::move(message), std::move(hint));
  }
  std::size_t used = found_task->length;
  PAWL_ASSERT(used >= 1 && used <= path.size());
  if (used < path.size()) return no_such_field(path[used], offsets[used]);
  if (field < 0) {
    std::string shown(text_.substr(from, last_end_ - from));
    return fail_at(from, "bad_expression", str(shown, " is a task, not a value"),
                   str("a task has outputs, state, verdict, attempts: ", shown, ".outputs"));
  }
  reference(ExprRef::Kind::task, join(path, "."), from, found_task->task);
  ExprNode n{Op::task};
  n.a = found_task->task;
  n.field = static_cast<std::uint8_t>(field);
  n.from = static_cast<std::uint32_t>(from);
  n.to = static_cast<std::uint32_t>(last_end_);
  out = add(n);
  return true;
}

// One step of a task's path: .name or ['name'].
bool Compiler::task_word(std::string& name, std::size_t& at) {
  bool dot = accept(".");
  if (!dot) next();
  at = start_;
  if (dot) return path_name(name);
  if (token_ != Token::text)
    return fail("a task is named by a literal", "tasks['name'], with the name itself");
  name = value_.as_string();
  next();
  return accept("]") || fail(str("found ", found(), ", expected `]`"));
}

bool Compiler::no_such_field(const std::string& name, std::size_t at) {
  std::vector<std::string_view> known(std::begin(kTaskFields), std::end(kTaskFields));
  std::string near = nearest_name_of(name, known);
  return fail_at(
      at, "unknown_task_field", str("a task has no \"", name, "\""),
      near.empty() ? "a task has outputs, state, verdict, attempts" : did_you_mean(near));
}

}  // namespace

std::optional<Expr> Expr::compile(std::string_view text, const TaskNames& names, ExprError& error,
                                  std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    error = {0, "too_large", str("an expression of ", text.size(), " bytes, more than ", max_bytes),
             "compute it in a task"};
    return std::nullopt;
  }
  auto program = std::make_shared<ExprProgram>();
  program->text = std::string(text);
  Compiler compiler(program->text, names, *program);
  if (!compiler.compile() || !compiler.error().code.empty()) {
    error = std::move(compiler.error());
    return std::nullopt;
  }
  program->nodes.shrink_to_fit();
  Expr e;
  e.program_ = std::move(program);
  return e;
}

Result<Expr> Expr::compile(std::string_view text, const TaskNames& names) {
  ExprError error;
  if (auto e = compile(text, names, error, kMaxExpressionBytes)) return std::move(*e);
  return Error{error.code == "too_large" ? Errc::too_large : Errc::invalid_workflow,
               str("column ", error.offset + 1, " of the expression: ", error.message,
                   error.hint.empty() ? "" : " (", error.hint, error.hint.empty() ? "" : ")")};
}

const std::vector<TaskId>& Expr::tasks() const { return program_->tasks; }
const std::string& Expr::text() const { return program_->text; }
const std::vector<ExprRef>& Expr::references() const { return program_->refs; }

bool Expr::uses_status() const {
  for (const ExprRef& r : program_->refs)
    if (r.kind == ExprRef::Kind::status) return true;
  return false;
}

bool Expr::uses_root(std::string_view root) const {
  static constexpr std::string_view kNames[] = {"inputs", "params", "tasks",   "run",
                                                "item",   "index",  "secrets", ""};
  for (const ExprRef& r : program_->refs)
    if (kNames[static_cast<int>(r.kind)] == root) return true;
  return false;
}

namespace {
std::vector<std::string> ref_names(const ExprProgram& p, ExprRef::Kind kind) {
  std::vector<std::string> out;
  for (const ExprRef& r : p.refs)
    if (r.kind == kind && !r.name.empty()) out.push_back(r.name);
  return out;
}
}  // namespace

std::vector<std::string> Expr::input_names() const {
  return ref_names(*program_, ExprRef::Kind::inputs);
}
std::vector<std::string> Expr::param_names() const {
  return ref_names(*program_, ExprRef::Kind::params);
}

}  // namespace pawl::core
