#include "dataset/build_steps.h"

#include <cstdio>

#include "common/trace.h"
#include "dataset/batch_file.h"
#include "dataset/duplicates.h"
#include "dataset/fetch.h"
#include "dataset/manifest.h"
#include "dataset/sha256.h"
#include "dataset/source_list.h"

namespace dataset {

using pawl::Code;
using pawl::Result;
using pawl::Status;
using pawl::Step;
using pawl::Value;

std::string Layout::batch(const std::string& step, int number) const {
  char name[32];
  std::snprintf(name, sizeof name, "/%06d.jsonl", number);
  return work() + "/" + step + name;
}

namespace {

// What plan and deduplicate give: what the next fan-out goes over.
struct Batches {
  std::vector<Batch> batches;
  std::int64_t items = 0;
};

struct Site {
  Config config;
  Layout layout;
};

Result<Site> site_of(const Step& step) {
  auto order = pawl::Codec<Order>::decode(step.run_input());
  if (!order.ok()) return Status::permanent(order.status().text());
  auto config = config_of(order->config);
  if (!config.ok()) return Status::permanent(config.status().text());
  Layout layout{order->output, config->job()};
  return Site{*std::move(config), std::move(layout)};
}

Batch count(int number, const std::vector<Checked>& records) {
  Batch b{.number = number, .items = static_cast<std::int64_t>(records.size())};
  for (const Checked& c : records)
    c.reason.empty() ? b.bytes += c.bytes : ++b.rejected;
  return b;
}

}  // namespace

}  // namespace dataset

template <>
struct pawl::Codec<dataset::Batches> : pawl::Fields<dataset::Batches> {
  static auto fields() {
    return std::tuple(field("batches", &dataset::Batches::batches),
                      field("items", &dataset::Batches::items));
  }
};

namespace dataset {

namespace {

Result<Batches> plan(Step& step) {
  auto site = site_of(step);
  if (!site.ok()) return site.status();
  auto items = list_items(site->config.sources);
  if (!items.ok()) {
    bool wrong = items.status().code() == Code::invalid;
    return wrong ? Status::permanent(items.status().text()) : items.status();
  }
  if (items->empty()) return Status::permanent("the sources name no file");
  if (auto s = make_folders(site->layout.parts()); !s.ok()) return s;
  if (auto s = make_folders(site->layout.work() + "/plan"); !s.ok()) return s;
  Batches all;
  auto size = static_cast<std::size_t>(site->config.batch);
  for (std::size_t at = 0; at < items->size(); at += size) {
    Batch b{.number = static_cast<int>(all.batches.size())};
    auto end = std::min(items->size(), at + size);
    std::vector<Item> some(items->begin() + static_cast<std::ptrdiff_t>(at),
                           items->begin() + static_cast<std::ptrdiff_t>(end));
    b.items = static_cast<std::int64_t>(some.size());
    if (auto s = write_file(site->layout.batch("plan", b.number), to_lines(some)); !s.ok())
      return s;
    all.batches.push_back(b);
    all.items += b.items;
  }
  step.log(std::to_string(all.items) + " files in " + std::to_string(all.batches.size()) +
           " batches");
  return all;
}

Patience patience_of(Step& step) {
  return {.stopped =
              [&step] {
                step.heartbeat();  // one large file may take its time
                return step.stopped();
              },
          .wait = [&step](int ms) { return step.wait_for(pawl::Millis(ms)); }};
}

Fetch fetch_of(const Site& site, Step& step) {
  return {{site.layout.files(), site.layout.parts()},
          site.config.download,
          site.config.validate.max_bytes,
          patience_of(step)};
}

Result<Batch> download(const Batch& batch, Step& step) {
  auto site = site_of(step);
  if (!site.ok()) return site.status();
  auto items = read_lines<Item>(site->layout.batch("plan", batch.number));
  if (!items.ok()) return items.status();
  Fetch fetch = fetch_of(*site, step);
  auto file = site->layout.batch("download", batch.number);
  auto done = run_batch<Item, Checked>(
      step, *items, file, true,
      [&](const Item& item, Checked& out) { return fetch.fetch(item, out); });
  if (!done.ok()) return done.status();
  return count(batch.number, *done);
}

// A file that is not what was fetched any more: a power cut took it before it was on disk, or
// somebody changed it. It is fetched again.
Status fetch_again(const Site& site, Step& step, int batch, Checked& record) {
  auto items = read_lines<Item>(site.layout.batch("plan", batch));
  if (!items.ok()) return items.status();
  step.log(record.name + " is not what was fetched; fetching it again");
  remove_file(join_path(site.layout.files(), record.name));
  Fetch fetch = fetch_of(site, step);
  for (const Item& item : *items)
    if (item.name == record.name) return fetch.fetch(item, record);
  return Status::permanent(record.name + " is not in the plan");
}

Status validate_one(const Site& site, Step& step, int batch, Checked in, Checked& out) {
  std::string path = join_path(site.layout.files(), in.name);
  auto bytes = in.reason.empty() ? read_file(path) : Result<std::string>(std::string());
  if (in.reason.empty() && (!bytes.ok() || sha256_hex(*bytes) != in.sha256)) {
    if (auto s = fetch_again(site, step, batch, in); !s.ok()) return s;
    if (in.reason.empty()) bytes = read_file(path);
    if (!bytes.ok()) return bytes.status();
  }
  out = in;
  if (!in.reason.empty()) return {};
  apps::trace("decode", in.name);
  FeatureGrid grid;
  Bytes data(reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size());
  Decoded d = decode_image(data, in.name, site.config.validate, grid);
  if (d.rejection.rejected()) {
    out = rejected(in.name, std::move(d.rejection));
    out.sha256 = in.sha256;
    return {};
  }
  out.format = to_string(d.format);
  out.width = static_cast<int>(d.width), out.height = static_cast<int>(d.height);
  set_features(out, grid.features());
  return {};
}

Result<Batch> validate(const Batch& batch, Step& step) {
  auto site = site_of(step);
  if (!site.ok()) return site.status();
  auto in = read_lines<Checked>(site->layout.batch("download", batch.number));
  if (!in.ok()) return in.status();
  auto file = site->layout.batch("validate", batch.number);
  auto done =
      run_batch<Checked, Checked>(step, *in, file, false, [&](const Checked& c, Checked& out) {
        return validate_one(*site, step, batch.number, c, out);
      });
  if (!done.ok()) return done.status();
  return count(batch.number, *done);
}

Result<Batches> deduplicate(const std::vector<Batch>& batches, Step& step) {
  auto site = site_of(step);
  if (!site.ok()) return site.status();
  std::vector<Checked> all;
  std::vector<Candidate> candidates;
  for (const Batch& b : batches) {
    auto some = read_lines<Checked>(site->layout.batch("validate", b.number));
    if (!some.ok()) return some.status();
    for (Checked& c : *some) {
      if (!c.reason.empty()) continue;
      candidates.push_back({.name = c.name,
                            .sha256 = c.sha256,
                            .bytes = static_cast<std::uint64_t>(c.bytes),
                            .pixels = std::uint64_t(c.width) * std::uint64_t(c.height),
                            .features = features_of(c)});
      all.push_back(std::move(c));
    }
  }
  if (all.empty()) return Status::permanent("no image is left: all were rejected");
  auto verdicts = find_duplicates(candidates, site->config.deduplicate);
  std::vector<Copy> copies;
  std::vector<Checked> kept;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Duplicate& d = verdicts[i];
    if (d.kind == Sameness::stays) {
      kept.push_back(std::move(all[i]));
      continue;
    }
    copies.push_back({.name = candidates[i].name,
                      .sha256 = candidates[i].sha256,
                      .of = candidates[d.of].name,
                      .kind = d.kind == Sameness::exact ? "exact" : "near",
                      .distance = d.distance});
  }
  if (auto s = make_folders(site->layout.work() + "/kept"); !s.ok()) return s;
  if (auto s = write_file(site->layout.work() + "/copies.jsonl", to_lines(copies)); !s.ok())
    return s;
  Batches result;
  auto size = static_cast<std::size_t>(site->config.batch);
  for (std::size_t at = 0; at < kept.size(); at += size) {
    auto end = std::min(kept.size(), at + size);
    std::vector<Checked> some(kept.begin() + static_cast<std::ptrdiff_t>(at),
                              kept.begin() + static_cast<std::ptrdiff_t>(end));
    Batch b = count(static_cast<int>(result.batches.size()), some);
    if (auto s = write_file(site->layout.batch("kept", b.number), to_lines(some)); !s.ok())
      return s;
    result.batches.push_back(b);
    result.items += b.items;
  }
  step.log(std::to_string(result.items) + " stay, " + std::to_string(copies.size()) + " go");
  return result;
}

Result<Batch> label(const Batch& batch, Step& step, const Labelers& labelers) {
  auto site = site_of(step);
  if (!site.ok()) return site.status();
  std::vector<std::unique_ptr<Labeler>> made;
  for (const LabelerConfig& l : site->config.label) {
    auto labeler = labelers.make(l.by, l.options);
    if (!labeler.ok()) return Status::permanent(labeler.status().text());
    made.push_back(*std::move(labeler));
  }
  auto in = read_lines<Checked>(site->layout.batch("kept", batch.number));
  if (!in.ok()) return in.status();
  auto file = site->layout.batch("label", batch.number);
  auto done = run_batch<Checked, Labelled>(
      step, *in, file, false, [&](const Checked& c, Labelled& out) -> Status {
        out.image = c;
        Image image{.name = c.name,
                    .path = join_path(site->layout.files(), c.name),
                    .sha256 = c.sha256,
                    .format = c.format,
                    .bytes = static_cast<std::uint64_t>(c.bytes),
                    .width = static_cast<unsigned>(c.width),
                    .height = static_cast<unsigned>(c.height),
                    .features = features_of(c)};
        for (const auto& labeler : made)
          if (auto s = labeler->label(image, out.labels); !s.ok()) return s;
        return {};
      });
  if (!done.ok()) return done.status();
  return batch;
}

Result<Value> manifest(Step& step) {
  auto site = site_of(step);
  if (!site.ok()) return site.status();
  auto checked = pawl::Codec<std::vector<Batch>>::decode(step.output_of("validate"));
  auto labelled = pawl::Codec<std::vector<Batch>>::decode(step.output_of("label"));
  if (!checked.ok()) return Status::permanent(checked.status().text());
  if (!labelled.ok()) return Status::permanent(labelled.status().text());
  Gathered all;
  for (const Batch& b : *checked) {
    auto some = read_lines<Checked>(site->layout.batch("validate", b.number));
    if (!some.ok()) return some.status();
    for (Checked& c : *some) {
      ++all.files;
      if (!c.reason.empty()) all.rejected.push_back(std::move(c));
    }
  }
  for (const Batch& b : *labelled) {
    auto some = read_lines<Labelled>(site->layout.batch("label", b.number));
    if (!some.ok()) return some.status();
    for (Labelled& l : *some)
      all.images.push_back(std::move(l));
  }
  auto copies = read_lines<Copy>(site->layout.work() + "/copies.jsonl");
  if (!copies.ok()) return copies.status();
  all.copies = *std::move(copies);
  Results results = write_results(std::move(all), Splitter(site->config.split, site->config.salt));
  for (const auto& [name, text] : results.files)
    if (auto s = write_file(site->layout.result(name), text); !s.ok()) return s;
  return results.summary;
}

}  // namespace

pawl::Workflow build_workflow(std::shared_ptr<const Labelers> labelers) {
  using std::chrono::hours;
  using std::chrono::minutes;
  pawl::Workflow w(kWorkflow);
  w.title("Build an image dataset");
  w.step("plan", plan).estimate(pawl::Millis(2000));
  w.step("download", download)
      .after("plan")
      .for_each("plan", "batches")
      .retries(3)
      .retry_delay(pawl::Millis(500), minutes(1))
      .heartbeat(minutes(30))
      .estimate(pawl::Millis(10000));
  w.step("validate", validate)
      .after("plan", "download")
      .for_each("plan", "batches")
      .heartbeat(minutes(30))
      .estimate(pawl::Millis(10000));
  w.step("deduplicate", deduplicate).after("validate").estimate(pawl::Millis(1000));
  w.step("label", [labelers](const Batch& b, Step& s) { return label(b, s, *labelers); })
      .after("deduplicate")
      .for_each("deduplicate", "batches")
      .estimate(pawl::Millis(2000));
  w.step("manifest", manifest).after("validate", "label").estimate(pawl::Millis(1000));
  return w;
}

}  // namespace dataset
