#pragma once
// The live view as lines of text: a pure function of the run's view, the time and the size of the
// screen, so that golden files can hold it at 80 and at 40 columns.
//
//   train-nightly  run 7  running  12m41s  ETA ~6m
//   [ 41/58 ] ##########......  + 41  > 4  x 0  ? 1  . 12
//    > train.fold[3]  8m12s  epoch 17/40  loss 0.213  ETA 11m
//    ? publish        gate 3m: Load it?  pawl approve 7 publish
//    . 11 more        8 wait for others, 3 for a slot
//
// Never more than `height` lines: failures first, then gates and pauses, then what has run longest;
// what does not fit is one line that counts it.

#include <string>
#include <vector>

#include "cli/run_view.h"
#include "cli/term.h"

namespace pawl::cli {

struct LiveInput {
  const RunView& view;
  Time now;
  int height = 24;
  Duration expected{-1};  // median of earlier completed runs; negative: none
  bool carried = true;    // by this process
};

std::vector<std::string> live_lines(const LiveInput& in, const Term& term);

// "12m41s": how long, in the few letters a column has.
std::string short_duration(Duration d);

}  // namespace pawl::cli
