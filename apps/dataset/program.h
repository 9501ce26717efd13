#pragma once
// The program pawl-dataset: build, resume, status. With labelers of yours it is your program:
//
//   int main(int argc, char** argv) {
//     auto labelers = dataset::builtin_labelers();
//     labelers.add("faces", make_faces);
//     return dataset::run_program(argc, argv, std::move(labelers));
//   }
//
// Exit codes are pawl's (docs/reference/exit-codes.md).

#include "dataset/label.h"

namespace dataset {

int run_program(int argc, char** argv, Labelers labelers);

}  // namespace dataset
