// pawl-dataset, with the labelers that come with it.
#include "dataset/program.h"

int main(int argc, char** argv) {
  return dataset::run_program(argc, argv, dataset::builtin_labelers());
}
