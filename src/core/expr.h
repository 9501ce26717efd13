#pragma once
// Expressions `${{ ... }}`: small, total, bounded. No user code, no loops, no I/O.
//
// An Expr is compiled once, with the workflow, and evaluated against a Scope, which is a run seen
// from one of its tasks. A Template is a JSON value in whose strings expressions may stand; a
// string that is one whole expression keeps the value's type, other strings are concatenations.
//
// Grammar (loosest first):  a ? b : c   ||   &&   == != < <= > >=   + -   * / %   ! -   postfix
//   postfix: .name  .name-with-dashes  [expr]     primary: literals, paths, (expr), function(args)
// Roots: inputs params tasks run item index secrets. `tasks.a.b.outputs|state|verdict|attempts`.
// Missing keys are errors that name the path; `default(x, y)` forgives exactly that.
// `x / y` of two integers is an integer, rounded toward zero: batch_size / 2 stays a count.
// Overflow and division by zero are errors. `&&` and `||` give booleans; `==` of different types is
// false, `<` of different types is an error.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"

namespace pawl::core {

enum class StatusFunction : std::uint8_t { success, none_failed, failure, always };
enum class TaskField : std::uint8_t { outputs, state, verdict, attempts };

// A run as an expression sees it. Errors are of the run's own making (a missing key), never bugs.
class Scope {
 public:
  virtual ~Scope() = default;
  virtual Result<Json> inputs() const = 0;
  virtual Result<Json> params() const = 0;
  virtual Result<Json> run() const = 0;   // {id, name, workflow, version, state, ...}
  virtual Result<Json> item() const = 0;  // error outside a fan-out
  virtual Result<Json> index() const = 0;
  virtual Result<Json> secret(std::string_view name) const = 0;
  virtual Result<Json> task(TaskId task, TaskField field) const = 0;
  virtual bool status(StatusFunction f) const = 0;
};

// Resolves task names while compiling. Returns the task that `path` (as written after `tasks.`, one
// element a name) begins with and how many elements it took, or an error with the nearest name.
class TaskNames {
 public:
  virtual ~TaskNames() = default;
  struct Found {
    TaskId task;
    std::size_t length;
  };
  virtual Result<Found> resolve(std::span<const std::string> path) const = 0;
};

inline constexpr std::size_t kMaxExpressionBytes = 4096;
// Bounds of evaluation: what an expression may cost, whatever the inputs are.
inline constexpr std::size_t kMaxTextResult = 1u << 20;   // bytes of a string it makes
inline constexpr std::size_t kMaxListResult = 1'000'000;  // elements of a list it makes
inline constexpr std::uint64_t kMaxExpressionSteps = 20'000'000;

// Why an expression does not compile. `offset` counts bytes from the start of its text.
struct ExprError {
  std::size_t offset = 0;
  std::string code;  // bad_expression, unknown_function, unknown_task, too_large, ...
  std::string message;
  std::string hint;
};

// Something outside the expression that it reads.
struct ExprRef {
  enum class Kind : std::uint8_t { inputs, params, task, run, item, index, secret, status };
  Kind kind = Kind::inputs;
  std::string name;  // the input, param, run field, secret or status function; "" the whole root
  TaskId task = kNoTask;  // Kind::task
  std::string text;       // as written: "tasks.train.outputs"
  std::size_t offset = 0;
};

class Expr {
 public:
  // `text` is what stands between `${{` and `}}`. Errors carry "column N of the expression".
  // REQUIRES: text.size() <= 4 KiB (else Errc::too_large).
  static Result<Expr> compile(std::string_view text, const TaskNames& names);
  // The same, with the parts of the error apart. Fails where it returns nullopt.
  static std::optional<Expr> compile(std::string_view text, const TaskNames& names,
                                     ExprError& error, std::size_t max_bytes = kMaxExpressionBytes);
  // Errors: Errc::not_found for a missing key, Errc::too_large for a bound, else invalid_workflow.
  Result<Json> evaluate(const Scope& scope) const;

  // What it reads, for static checks.
  const std::vector<TaskId>& tasks() const;
  bool uses_status() const;  // calls success(), none_failed(), failure() or always()
  bool uses_root(std::string_view root) const;
  std::vector<std::string> input_names() const;  // inputs.NAME it names literally
  std::vector<std::string> param_names() const;
  const std::vector<ExprRef>& references() const;
  const std::string& text() const;

 private:
  std::shared_ptr<const struct ExprProgram> program_;
};

// false, null, 0, "" and empty containers are false.
bool truthy(const Json& value);

// An error inside a template: which string of the value (a JSON pointer), and where in it.
struct TemplateError {
  std::string pointer;
  ExprError error;  // offset counts from the start of the string
};

// The text between `${{` and `}}` where the whole string is one expression, else nullopt.
std::optional<std::string_view> whole_expression(std::string_view text);

class Template {
 public:
  Template() = default;  // renders to null
  // Strings inside `value` may hold expressions. Errors are prefixed with the JSON pointer inside
  // value.
  static Result<Template> compile(const Json& value, const TaskNames& names);
  struct Located {
    const Expr* expr;
    std::string pointer;  // of the string that holds it, inside source()
    std::size_t offset;   // of the expression's text in that string
  };
  // The same with all errors at once. Fails where it returns nullopt. `visit` sees every expression
  // that compiles, also where others do not.
  static std::optional<Template> compile(const Json& value, const TaskNames& names,
                                         std::vector<TemplateError>& errors,
                                         std::size_t max_bytes = kMaxExpressionBytes,
                                         const std::function<void(const Located&)>& visit = {});
  // A value without any expression.
  static Template constant(Json value);
  bool is_constant() const { return exprs_ == nullptr; }
  const Json& source() const { return source_; }
  Result<Json> render(const Scope& scope) const;
  // All expressions inside, for static checks.
  std::vector<const Expr*> expressions() const;

 private:
  Json source_;
  std::shared_ptr<const struct TemplateProgram> exprs_;
};

}  // namespace pawl::core
