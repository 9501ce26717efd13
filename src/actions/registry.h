#pragma once
// Names of actions and how each is carried out. Open: an app adds its own beside shell, http and
// noop. Filled before a Worker starts; read without a lock after that.

#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "actions/action.h"

namespace pawl::actions {

struct ActionKind {
  std::variant<InlineFunction, PoolFunction, ActionFactory> how;
};

class Registry {
 public:
  // A blocking function, on the pool.
  void add(std::string name, PoolFunction function);
  // A trivial function, in the loop thread: microseconds, no I/O.
  void add_inline(std::string name, InlineFunction function);
  void add_loop(std::string name, ActionFactory factory);
  // nullptr where there is none.
  const ActionKind* find(std::string_view name) const;
  std::vector<std::string> names() const;  // sorted
  // noop, shell, http.
  static Registry built_in();

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  std::unordered_map<std::string, ActionKind, Hash, std::equal_to<>> kinds_;
};

}  // namespace pawl::actions
