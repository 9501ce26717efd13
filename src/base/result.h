#pragma once
// Result<T>: a value, or an Error that says what was tried, on which id, what was found, what to
// do. Expected failures travel as values; TRY(...) passes them up. Exceptions stop at the adapter
// that called the library which throws them. A task that fails is an event of its run, not an
// Error.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/assert.h"

namespace pawl {

// Each code has one HTTP status and one exit code; see exit_code().
enum class Errc {
  usage,             // the command line or request is malformed            exit 2
  invalid_workflow,  // the file or the inputs break their rules            exit 6
  not_found,         // no such run, task, workflow                         exit 7
  forbidden,         // not signed in or not allowed                        exit 8
  conflict,          // refused in this state                               exit 9
  stale_attempt,     // (task, attempt, lease) is no longer the live one    exit 9
  in_use,            // another process owns the data directory             exit 9
  too_large,         // a documented limit was passed                       exit 6
  unavailable,       // cannot be served now; nothing was changed           exit 10
  disk_full,         // no space for a write; nothing was changed           exit 1
  io,                // the operating system said no                        exit 1
  corrupt,           // stored bytes fail their checks; refused, not guessed exit 1
  newer_version,     // written by a newer Pawl                             exit 1
  timeout,           // --timeout passed                                    exit 124
  internal,          // a bug                                               exit 70
};

const char* to_string(Errc code);
int exit_code(Errc code);

struct Error {
  Errc code = Errc::internal;
  std::string message;
};

// The value of a Result<void>.
struct Ok {};

template <typename T>
class [[nodiscard]] Result {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, Ok, T>;
  Result(Value value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit
  Result(Errc code, std::string message)
      : state_(std::in_place_index<1>, Error{code, std::move(message)}) {}
  Result() requires std::is_void_v<T> : state_(std::in_place_index<0>, Ok{}) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  // REQUIRES: ok().
  Value& value() & {
    PAWL_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  const Value& value() const& {
    PAWL_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  Value&& value() && {
    PAWL_ASSERT(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  Value* operator->() { return &value(); }
  const Value* operator->() const { return &value(); }
  Value& operator*() & { return value(); }
  const Value& operator*() const& { return value(); }
  Value&& operator*() && { return std::move(*this).value(); }
  // REQUIRES: !ok().
  const Error& error() const& {
    PAWL_ASSERT(!ok());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    PAWL_ASSERT(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<Value, Error> state_;
};

using Status = Result<void>;

}  // namespace pawl

#define PAWL_CONCAT_(a, b) a##b
#define PAWL_CONCAT(a, b) PAWL_CONCAT_(a, b)
// TRY(expr): the value of a Result, or return its error from this function.
#define TRY(expr) PAWL_TRY_(PAWL_CONCAT(try_result_, __COUNTER__), expr)
#define PAWL_TRY_(name, expr)                       \
  __extension__({                                   \
    auto&& name = (expr);                           \
    if (!name.ok()) return std::move(name).error(); \
    std::move(name).value();                        \
  })
