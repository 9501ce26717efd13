// pawl-dataset-generate: test data with a known answer. See generate.h.
#include <charconv>
#include <cstdio>
#include <cstring>

#include "dataset/generate.h"

namespace {

constexpr const char* kHelp =
    "Makes images with a known answer, to try pawl-dataset on.\n"
    "\n"
    "  pawl-dataset-generate DIR [--count 1000] [--seed 1] [--http BASE]\n"
    "\n"
    "DIR/images: unique images, exact and near copies, broken files. DIR/expected.json: which\n"
    "is which. DIR/dataset.json: a config to build. --http BASE: DIR/urls.txt as well, with\n"
    "addresses that begin with BASE.\n"
    "\n"
    "  pawl-dataset-generate /tmp/try --count 500 && pawl-dataset build /tmp/try/dataset.json\n";

template <typename T>
bool number(const char* text, T& value) {
  const char* end = text + std::strlen(text);
  auto [at, error] = std::from_chars(text, end, value);
  return error == std::errc() && at == end;
}

int usage(const char* what, const char* which) {
  std::fprintf(stderr, "pawl-dataset-generate: %s %s; see --help\n", what, which);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  dataset::GenerateOptions options;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--help" || word == "-h") {
      std::fputs(kHelp, stdout);
      return 0;
    }
    if (!word.starts_with("-") && options.folder.empty()) {
      options.folder = word;
      continue;
    }
    if (i + 1 == argc) return usage("cannot use", argv[i]);
    const char* value = argv[++i];
    bool fine = word == "--count"  ? number(value, options.count) && options.count > 0
                : word == "--seed" ? number(value, options.seed)
                : word == "--http" ? (options.http = value, true)
                                   : false;
    if (!fine) return usage("cannot use", (word + " " + value).c_str());
  }
  if (options.folder.empty()) return usage("DIR is missing", "");
  auto s = dataset::generate(options);
  if (!s.ok()) std::fprintf(stderr, "pawl-dataset-generate: %s\n", s.text().c_str());
  return s.ok() ? 0 : 1;
}
