#pragma once
// Status and Result<T>: how everything in this API says that it could not do what was asked.
//
// Nothing throws across the library's boundary. A Status carries a code to decide by, a message
// that says what was tried and found, and a hint that says what to do. Handlers return the same
// types: Status::failed() is tried again, Status::permanent() is not, Status::try_later() costs no
// attempt.

#include <optional>
#include <string>
#include <utility>

#include "pawl/export.h"

namespace pawl::PAWL_V1 {

// What kind of thing went wrong; the message says more.
enum class Code : unsigned char {
  ok,             // nothing did
  invalid,        // a definition, an input or an argument breaks its rules
  not_found,      // no such run, workflow, step
  conflict,       // refused in this state; or a version was defined in another way before
  in_use,         // another process owns the data directory
  exhausted,      // every allowed recovery was used
  misplaced,      // called where it would hang: in a handler, in a callback, in a forked child
  too_large,      // a documented limit was passed
  timeout,        // the time given was over
  unavailable,    // cannot be served now; nothing was changed
  disk_full,      // no space for a write; nothing was changed
  io,             // the operating system said no
  corrupt,        // stored bytes fail their checks
  newer_version,  // written by a newer Pawl
  failed,         // a handler's own failure: tried again while retries are left
  permanent,      // ... that another attempt would not mend
  try_later,      // not ready yet: tried again after the longest delay, costs no retry
  internal,       // a bug in Pawl
};

// The code's name, as in "not_found".
PAWL_API const char* to_string(Code code);

// What came of a call: fine, or what went wrong.
class [[nodiscard]] Status {
 public:
  // Fine.
  Status() = default;
  // Something went wrong. `hint` says what to do about it; it may be empty.
  Status(Code code, std::string message, std::string hint = {})
      : code_(code), message_(std::move(message)), hint_(std::move(hint)) {}

  // For handlers: this attempt failed; another one may not.
  static Status failed(std::string message) { return {Code::failed, std::move(message)}; }
  // For handlers: no further attempt would help.
  static Status permanent(std::string message) { return {Code::permanent, std::move(message)}; }
  // For handlers: not ready yet. Asked again after the longest delay, as often as it takes.
  static Status try_later(std::string message) { return {Code::try_later, std::move(message)}; }

  // Whether all went well.
  bool ok() const { return code_ == Code::ok; }
  // The same.
  explicit operator bool() const { return ok(); }
  // What kind of thing went wrong.
  Code code() const { return code_; }
  // What was tried, on what, what was found.
  const std::string& message() const { return message_; }
  // What to do about it; may be empty.
  const std::string& hint() const { return hint_; }
  // Message and hint, for people.
  std::string text() const { return hint_.empty() ? message_ : message_ + " (" + hint_ + ")"; }

 private:
  Code code_ = Code::ok;
  std::string message_, hint_;
};

// Ends the process with a message: value() of a Result that has none is a bug of the caller.
[[noreturn]] PAWL_API void value_of_failure(const Status& status);

// A value, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  // A value.
  Result(T value) : value_(std::move(value)) {}  // NOLINT: implicit
  // No value. REQUIRES: !status.ok().
  Result(Status status) : status_(std::move(status)) {  // NOLINT: implicit
    if (status_.ok()) status_ = Status(Code::internal, "a result without a value or an error");
  }
  // No value, in short.
  Result(Code code, std::string message, std::string hint = {})
      : status_(code, std::move(message), std::move(hint)) {}

  // Whether there is a value.
  bool ok() const { return value_.has_value(); }
  // The same.
  explicit operator bool() const { return ok(); }
  // Why there is no value; ok() where there is one.
  const Status& status() const { return status_; }
  // The value. REQUIRES: ok(); else the process ends with the status's text.
  T& value() & {
    need();
    return *value_;
  }
  const T& value() const& {
    need();
    return *value_;
  }
  T&& value() && {
    need();
    return std::move(*value_);
  }
  // The value, or `otherwise`.
  T value_or(T otherwise) const { return value_ ? *value_ : std::move(otherwise); }
  // As value().
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  void need() const {
    if (!value_) value_of_failure(status_);
  }
  std::optional<T> value_;
  Status status_;
};

}  // namespace pawl::PAWL_V1
