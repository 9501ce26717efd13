#pragma once
// pawl-manufacturing: serves the app, analyses one batch, prints or checks a DAG. main() is this
// call alone, so that tests can link everything else.

namespace manufacturing {

int run_program(int argc, char** argv);

}  // namespace manufacturing
