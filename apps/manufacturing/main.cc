// pawl-manufacturing.
#include "manufacturing/program.h"

int main(int argc, char** argv) { return manufacturing::run_program(argc, argv); }
