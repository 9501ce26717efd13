#pragma once
// ExprProgram: a compiled expression, a tree in one vector whose root is the last node. Children
// come before their parents. Shared by the compiler (expr_compile.cc), the evaluator (expr_eval.cc)
// and the functions (expr_functions.cc); nobody else includes it.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/expr.h"

namespace pawl::core {

enum class Op : std::uint8_t {
  constant,  // a: constants
  inputs,
  params,
  run,
  item,
  index,    // roots
  secret,   // a: names
  task,     // a: task, field
  member,   // a: node, b: names
  element,  // a: node, b: node
  not_,
  negate,  // a
  and_,
  or_,     // a, b
  choose,  // a ? b : c
  equal,
  unequal,
  less,
  less_equal,
  greater,
  greater_equal,
  add,
  subtract,
  multiply,
  divide,
  remainder,
  call,    // a: function; arguments b .. b + c in `arguments`
  list,    // elements b .. b + c in `arguments`
  status,  // a: StatusFunction
};

struct ExprNode {
  Op op = Op::constant;
  std::uint8_t field = 0;    // TaskField
  std::uint16_t height = 1;  // of the subtree: bounds the evaluator's recursion
  std::uint32_t a = 0, b = 0, c = 0;
  std::uint32_t from = 0, to = 0;  // the text it was made from
};

struct ExprProgram {
  std::string text;
  std::vector<ExprNode> nodes;
  std::vector<std::uint32_t> arguments;
  std::vector<Json> constants;
  std::vector<std::string> names;
  std::vector<ExprRef> refs;
  std::vector<TaskId> tasks;  // distinct
  std::string_view source(const ExprNode& n) const {
    return std::string_view(text).substr(n.from, n.to - n.from);
  }
};

// What one evaluation may still cost.
class Budget {
 public:
  // False once the bound is passed.
  bool spend(std::uint64_t steps) {
    if (steps > left_) {
      left_ = 0;
      return false;
    }
    left_ -= steps;
    return true;
  }
  std::uint64_t left() const { return left_; }

 private:
  std::uint64_t left_ = kMaxExpressionSteps;
};

struct ExprFunction {
  std::string_view name;
  unsigned min_arguments, max_arguments;
  Result<Json> (*apply)(std::span<const Json> arguments, Budget& budget);  // null: lazy
  std::string_view usage;
};
// In alphabetical order; `default` and `coalesce` are evaluated lazily by the evaluator.
std::span<const ExprFunction> expr_functions();

// Operators on values, shared with constant folding.
Result<Json> apply_binary(Op op, const Json& a, const Json& b);
Result<Json> apply_negate(const Json& a);
// -1, 0, 1; an error where they cannot be ordered.
Result<int> compare_values(const Json& a, const Json& b);
// "the string "abc"", "the integer 3", "a list of 4": for messages, short.
std::string describe_value(const Json& value);

}  // namespace pawl::core
