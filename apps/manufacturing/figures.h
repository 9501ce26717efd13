#pragma once
// Figures: the numbers of a whole batch that rules of the verdict may name, each with the sentence
// that a broken rule becomes. synthesize computes them, verdict holds them against their limits.

#include <pawl/value.h>

#include <string>
#include <string_view>

#include "manufacturing/options.h"

namespace manufacturing {

struct Figure {
  const char* name;
  const char* sentence;  // behind the value
  const char* worst;     // which list of sensors goes with it
  bool share;            // of 1, told in percent
};
// nullptr where there is none of that name.
const Figure* find_figure(std::string_view name);
std::string figure_names();

struct Judgement {
  std::string verdict;  // PASS, WARNING, FAIL
  pawl::Value reasons = pawl::Value::array();
};
// FAIL goes before WARNING, reasons in the order of the rules. A batch without readings fails.
Judgement judge_figures(const pawl::Value& figures, const pawl::Value& worst,
                        const VerdictOptions& options);

}  // namespace manufacturing
