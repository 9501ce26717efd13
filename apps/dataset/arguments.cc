#include "dataset/arguments.h"

#include <charconv>

namespace dataset {

const char* help_text() {
  return "Builds an image dataset: downloads, validates, deduplicates, labels, splits.\n"
         "\n"
         "  pawl-dataset build CONFIG [--dir DIR] [--threads N] [--json] [--again]\n"
         "  pawl-dataset resume [--dir DIR] [--threads N] [--json]\n"
         "  pawl-dataset status [--dir DIR] [--json]\n"
         "\n"
         "  build    makes the dataset; after a crash, a kill or Ctrl-C the same command goes on\n"
         "  resume   goes on with the newest build of DIR, without its config\n"
         "  status   how far it is\n"
         "\n"
         "  --dir DIR    where the dataset is made (\"output\" of the config, or its name beside "
         "it);\n"
         "               for resume and status: the folder you are in\n"
         "  --threads N  handlers at a time (one a core)\n"
         "  --json       the result as JSON on standard output\n"
         "  --again      build again although nothing has changed\n"
         "\n"
         "Example, dataset.json:\n"
         "\n"
         "  {\n"
         "    \"name\": \"flowers\",\n"
         "    \"sources\": [{\"folder\": \"photos\"}, {\"http\": \"urls.txt\"}],\n"
         "    \"label\": [{\"by\": \"folder\"}, {\"by\": \"size\"}],\n"
         "    \"split\": {\"parts\": {\"train\": 0.8, \"val\": 0.1, \"test\": 0.1}}\n"
         "  }\n"
         "\n"
         "  pawl-dataset build dataset.json\n"
         "\n"
         "Exit codes: 0 built, 1 another failure, 2 the command line is wrong, 3 the build "
         "failed,\n"
         "5 cancelled, 6 the config is invalid, 7 no such file or build, 9 another process has "
         "the\n"
         "folder, 70 a bug, 130 interrupted.\n";
}

Arguments read_arguments(const std::vector<std::string>& words) {
  Arguments a;
  std::vector<std::string> plain;
  for (std::size_t i = 0; i < words.size() && a.error.empty(); ++i) {
    const std::string& word = words[i];
    auto value = [&]() -> std::string {
      if (i + 1 < words.size()) return words[++i];
      a.error = word + " needs a value";
      return "";
    };
    if (word == "--help" || word == "-h") {
      a.command = "help";
      return a;
    }
    if (word == "--dir") {
      a.dir = value();
    } else if (word == "--threads") {
      std::string n = value();
      auto [end, error] = std::from_chars(n.data(), n.data() + n.size(), a.threads);
      bool fine = error == std::errc() && end == n.data() + n.size();
      if (a.error.empty() && (!fine || a.threads < 1 || a.threads > 256))
        a.error = "--threads takes a number from 1 to 256";
    } else if (word == "--json") {
      a.json = true;
    } else if (word == "--again") {
      a.again = true;
    } else if (word.starts_with("-")) {
      a.error = "there is no option " + word;
    } else {
      plain.push_back(word);
    }
  }
  if (!a.error.empty()) return a;
  a.command = plain.empty() ? "help" : plain[0];
  std::size_t wanted = a.command == "build" ? 2 : 1;
  if (a.command != "build" && a.command != "resume" && a.command != "status" &&
      a.command != "help") {
    a.error = "there is no command " + a.command;
  } else if (plain.size() < wanted) {
    a.error = "build needs a config file";
  } else if (plain.size() > wanted) {
    a.error = "too many arguments: " + plain[wanted];
  }
  if (a.command == "build" && wanted == 2 && plain.size() > 1) a.config = plain[1];
  return a;
}

}  // namespace dataset
