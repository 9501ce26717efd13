#pragma once
// Step: what a handler is given of the attempt it carries out: its input, its checkpoint, and the
// ways to say how far it is and to hear that it should stop.
//
// A handler is any callable of one of these shapes; In and Out are types with a Codec:
//
//   Out f(const In&, Step&)     Out f(const In&)     Out f(Step&)     Out f()
//
// where Out may also be void, Status or Result<T>. An exception fails the attempt with its what().
// A Step is valid during the call only. Its methods may be called from threads of the handler's
// own.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "pawl/codec.h"

namespace pawl::PAWL_V1 {

// A run's number, unique within a data directory and increasing. 0: none.
using RunId = std::int64_t;
// Durations of this API.
using Millis = std::chrono::milliseconds;

// Why a handler should come to its end early.
enum class Stop : unsigned char {
  none,       // it should not
  cancelled,  // the run was cancelled
  timeout,    // the attempt's timeout, or its heartbeat's, passed
  closing,    // the orchestrator is being closed; the attempt will be given back, not failed
};

// One attempt of one step, as its handler sees it.
class PAWL_API Step {
 public:
  struct Impl;  // the library's own
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

  // The run it belongs to.
  RunId run() const;
  // The workflow's name.
  std::string workflow() const;
  // The step's name; an element of a fan-out is "resize[3]".
  std::string name() const;
  // 1, 2, ...: grows with every attempt, also of ones that a crash cut short.
  int attempt() const;

  // What the step works on. Where it names inputs of its own, an object of those; else the output
  // of the one step it comes after (an object of outputs by name where there are several); else the
  // run's input. An element of a fan-out has its item.
  Value input() const;
  // The run's input.
  Value run_input() const;
  // The output of a step that this one comes after; null where there is none.
  Value output_of(const std::string& step) const;
  // The element's number in its fan-out; 0 elsewhere.
  int index() const;

  // What an earlier attempt of this step saved; null where there is nothing.
  Value checkpoint() const;
  // The same, as a type; T{} where there is nothing, or it reads as something else.
  template <typename T>
  T checkpoint_as() const {
    auto value = checkpoint();
    if (value.is_null()) return T{};
    auto decoded = Codec<T>::decode(value);
    return decoded.ok() ? *std::move(decoded) : T{};
  }
  // Saves for the next attempt, after a crash too. Returns at once; it is on disk within moments,
  // and no later than the end of the step. At most 1 MiB. Error: too_large.
  Status save(const Value& checkpoint);
  template <typename T>
  requires(!std::is_convertible_v<const T&, Value>) Status save(const T& checkpoint) {
    return save(Codec<T>::encode(checkpoint));
  }
  // Waits until everything saved and logged so far is on disk.
  Status flush();

  // How far it is. A sign of life. `total` 0: unknown.
  void progress(double done, double total, const std::string& unit = {});
  // How far it is, in percent.
  void percent(double value) { progress(value, 100, "%"); }
  // Adds text to the attempt's log, a line for each line. A sign of life.
  void log(std::string_view text);
  // A warning, kept in the run's history.
  void warn(std::string_view text);
  // A figure, such as a loss. Kept with the task, and in the run's history.
  void metric(const std::string& name, double value);
  // A sign of life, for steps with a heartbeat timeout.
  void heartbeat();

  // Whether it should come to its end, and why.
  Stop stop() const;
  // Whether it should come to its end. Ask often; a handler that never asks is given up at last.
  bool stopped() const { return stop() != Stop::none; }
  // Waits. Returns true when the time is over, false as soon as the handler should stop. Under the
  // test kit's clock the time passes by itself.
  bool wait_for(Millis time);

 private:
  friend struct StepAccess;
  explicit Step(Impl* impl) : impl_(impl) {}
  Impl* impl_;
};

// A handler after its types are gone: what Workflow and App keep.
using Handler = std::function<Result<Value>(Step&)>;

namespace detail {

template <typename Out>
struct Answer {
  static Result<Value> from(Out out) { return Codec<Out>::encode(out); }
};
template <typename Out>
struct Answer<Result<Out>> {
  static Result<Value> from(Result<Out> out) {
    if (!out.ok()) return out.status();
    return Codec<Out>::encode(*out);
  }
};
template <>
struct Answer<Status> {
  static Result<Value> from(Status status) {
    if (!status.ok()) return status;
    return Value();
  }
};

template <typename Out, typename Call>
Result<Value> answer(Call&& call) {
  if constexpr (std::is_void_v<Out>) {
    call();
    return Value();
  } else {
    return Answer<Out>::from(call());
  }
}

template <typename In, typename Out, typename F>
Result<Value> call_with_input(F& f, Step& step) {
  auto input = Codec<In>::decode(step.input());
  if (!input.ok()) {
    return Status(Code::permanent, "its input does not fit the handler: " + input.status().text());
  }
  if constexpr (std::is_invocable_v<F&, In&, Step&>) {
    return answer<Out>([&]() -> Out { return f(*input, step); });
  } else {
    return answer<Out>([&]() -> Out { return f(*input); });
  }
}

// The type of a callable's first parameter, and of what it returns.
template <typename F>
struct Signature : Signature<decltype(&F::operator())> {};
template <typename Out, typename... Args>
struct Signature<Out (*)(Args...)> {
  using Result = Out;
  using First = std::tuple_element_t<0, std::tuple<Args..., void>>;
};
template <typename C, typename Out, typename... Args>
struct Signature<Out (C::*)(Args...) const> : Signature<Out (*)(Args...)> {};
template <typename C, typename Out, typename... Args>
struct Signature<Out (C::*)(Args...)> : Signature<Out (*)(Args...)> {};
template <typename Out, typename... Args>
struct Signature<Out (*)(Args...) noexcept> : Signature<Out (*)(Args...)> {};
template <typename C, typename Out, typename... Args>
struct Signature<Out (C::*)(Args...) const noexcept> : Signature<Out (*)(Args...)> {};

}  // namespace detail

// Makes a Handler of a callable. Workflow::step() and App::action() do this for you.
template <typename F>
Handler handler(F f) {
  using S = detail::Signature<std::decay_t<F>>;
  using Out = typename S::Result;
  using First = std::remove_cv_t<std::remove_reference_t<typename S::First>>;
  if constexpr (std::is_same_v<std::decay_t<F>, Handler>) {
    return f;
  } else if constexpr (std::is_void_v<First>) {
    return [f](Step&) mutable { return detail::answer<Out>([&]() -> Out { return f(); }); };
  } else if constexpr (std::is_same_v<First, Step>) {
    return [f](Step& s) mutable { return detail::answer<Out>([&]() -> Out { return f(s); }); };
  } else {
    return [f](Step& s) mutable { return detail::call_with_input<First, Out>(f, s); };
  }
}

}  // namespace pawl::PAWL_V1
