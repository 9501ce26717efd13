// consumer DIR: a durable workflow in a program of somebody else's. Twelve steps each add a line to
// DIR/ledger and up their number. Killed at any moment and started again, it goes on where it was,
// and prints the sum at the end.
#include <pawl/pawl.h>

#include <cstdio>
#include <fstream>
#include <string>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::string directory = argv[1];

  pawl::Workflow ledger("ledger", 1);
  constexpr int kSteps = 12;
  for (int i = 0; i < kSteps; ++i) {
    auto& step = ledger.step("entry" + std::to_string(i),
                             [directory](const int& sum, pawl::Step& s) -> pawl::Result<int> {
                               std::ofstream(directory + "/ledger", std::ios::app)
                                   << s.name() << ' ' << s.attempt() << std::endl;
                               if (!s.wait_for(pawl::Millis(50))) {
                                 return pawl::Status::failed("was stopped");
                               }
                               return sum + 1;
                             });
    if (i > 0) step.after(i - 1);
  }

  pawl::Options options;
  options.directory = directory;
  options.process_name = "consumer";
  auto opened = pawl::Orchestrator::open(std::move(options));
  if (!opened.ok()) {
    std::fprintf(stderr, "%s\n", opened.status().text().c_str());
    return 1;
  }
  auto& pawl = **opened;
  if (auto defined = pawl.define(ledger); !defined.ok()) {
    std::fprintf(stderr, "%s\n", defined.text().c_str());
    return 1;
  }
  // The same key is the same run: a second start of this program finds the first one's.
  auto run = pawl.start("ledger", 30, {.job = "consumer", .key = "the-one"});
  auto done = run.ok() ? pawl.wait(*run) : pawl::Result<pawl::RunInfo>(run.status());
  if (!done.ok()) {
    std::fprintf(stderr, "%s\n", done.status().text().c_str());
    return 1;
  }
  std::printf("%s %s\n", pawl::to_string(done->state), done->output.json().c_str());
  return done->state == pawl::RunState::completed ? 0 : 3;
}
