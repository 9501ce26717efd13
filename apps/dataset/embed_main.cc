// Embedding Pawl, in one file: a service that answers "how many good images are in this folder, and
// how bright are they?" and does not lose its place when it is killed.
//
//   pawl-dataset-embed STATE FOLDER      kill -9 it, start it again: it goes on
//
// A consumer outside of this tree has find_package(pawl), links pawl::pawl, and looks the same.
#include <pawl/pawl.h>

#include <cstdio>

#include "common/trace.h"
#include "dataset/features.h"
#include "dataset/files.h"

// What steps hand on are structs of yours; a Codec says how they read as JSON.
struct Folder {
  std::string path;
};
struct Part {  // some files of it
  std::string path;
  std::vector<std::string> names;
};
struct Count {
  int good = 0, bad = 0;
  std::int64_t brightness = 0;  // the sum over the good ones
};

template <>
struct pawl::Codec<Folder> : pawl::Fields<Folder> {
  static auto fields() { return std::tuple(field("path", &Folder::path)); }
};
template <>
struct pawl::Codec<Part> : pawl::Fields<Part> {
  static auto fields() {
    return std::tuple(field("path", &Part::path), field("names", &Part::names));
  }
};
template <>
struct pawl::Codec<Count> : pawl::Fields<Count> {
  static auto fields() {
    return std::tuple(field("good", &Count::good), field("bad", &Count::bad),
                      field("brightness", &Count::brightness));
  }
};

namespace {

// A handler: typed in, typed out. What it cannot do is a Status, and is tried again.
pawl::Result<std::vector<Part>> split(const Folder& folder) {
  auto names = dataset::list_files(folder.path);
  if (!names.ok()) return names.status();
  std::vector<Part> parts;
  for (std::size_t i = 0; i < names->size(); ++i) {
    if (i % 25 == 0) parts.push_back({folder.path, {}});
    parts.back().names.push_back((*names)[i]);
  }
  return parts;
}

// One of many at a time, each on its own: what is done when the process dies is not done again.
pawl::Result<Count> count(const Part& part, pawl::Step& step) {
  Count sum;
  for (std::size_t i = 0; i < part.names.size(); ++i) {
    if (step.stopped()) return pawl::Status::failed("stopped");
    auto bytes = dataset::read_file(dataset::join_path(part.path, part.names[i]));
    if (!bytes.ok()) return bytes.status();
    apps::trace("count", part.names[i]);
    dataset::FeatureGrid grid;
    dataset::Bytes data(reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size());
    bool good = !dataset::decode_image(data, part.names[i], {}, grid).rejection.rejected();
    good ? ++sum.good : ++sum.bad;
    if (good) sum.brightness += grid.features().brightness;
    step.progress(static_cast<double>(i + 1), static_cast<double>(part.names.size()), "images");
  }
  return sum;
}

Count total(const std::vector<Count>& counts) {
  Count sum;
  for (const Count& c : counts) {
    sum.good += c.good, sum.bad += c.bad;
    sum.brightness += c.brightness;
  }
  return sum;
}

int fail(const pawl::Status& status) {
  std::fprintf(stderr, "pawl-dataset-embed: %s\n", status.text().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: pawl-dataset-embed STATE FOLDER\n", stderr);
    return 2;
  }
  // Open: what an earlier process left unfinished is in there.
  pawl::Options options;
  options.directory = argv[1];
  auto opened = pawl::Orchestrator::open(std::move(options));
  if (!opened.ok()) return fail(opened.status());
  pawl::Orchestrator& orchestrator = **opened;

  // Define: map and reduce, over as many threads as there are cores.
  pawl::Workflow workflow("count-images");
  pawl::templates::map_reduce(workflow, {"split", split}, {"count", count}, {"total", total});
  if (auto s = orchestrator.define(workflow); !s.ok()) return fail(s);

  // Watch: events come on a thread of the library's, after they are on disk.
  auto watch = orchestrator.subscribe(0, [](const pawl::Event& event) {
    if (event.kind == pawl::Event::Kind::task && event.task_state == pawl::TaskState::completed)
      std::fprintf(stderr, "%s done\n", event.task.c_str());
  });
  if (!watch.ok()) return fail(watch.status());

  // Start: the same key is the same run, however often this program begins.
  auto input = pawl::Codec<Folder>::encode({argv[2]});
  auto run = orchestrator.start("count-images", input, {.job = argv[2], .key = argv[2]});
  if (!run.ok()) return fail(run.status());
  auto done = orchestrator.wait(*run);
  if (!done.ok()) return fail(done.status());
  if (done->state != pawl::RunState::completed) {
    std::fprintf(stderr, "%s: %s\n", pawl::to_string(done->state), done->error.c_str());
    return 3;
  }
  auto sum = pawl::Codec<Count>::decode(done->output);
  if (!sum.ok()) return fail(sum.status());
  std::printf("%d images, mean brightness %lld; %d files are none\n", sum->good,
              static_cast<long long>(sum->good ? sum->brightness / sum->good : 0), sum->bad);
  return 0;
}
