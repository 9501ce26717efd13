// A disk that is filled and freed again, under load. Nothing acknowledged is lost, work goes on
// within seconds of space being there again, and a pause and a cancel can be recorded while it is
// full: the reserve file is for them.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"
#include "base/fs.h"
#include "server/control.h"
#include "tests/torture/clients.h"
#include "tests/torture/ledger.h"
#include "tests/torture/site.h"

namespace pawl::torture {

namespace {

constexpr const char* kEndless = R"(
pawl: 1
name: endless
tasks:
  wait: {action: sleep, with: {for: 1h}}
)";

// A task that a full disk refuses something is tried again, as its workflow says.
constexpr const char* kPatient = R"(
pawl: 1
name: patient
inputs: {ledger: {type: string, required: true}}
defaults:
  retry: {max_attempts: 500, backoff: 20ms..100ms}
tasks:
  one:
    action: shell
    env: {LEDGER: "${{ inputs.ledger }}"}
    run: |
      RUN
  two:
    needs: [one]
    action: shell
    env: {LEDGER: "${{ inputs.ledger }}"}
    run: |
      RUN
)";

std::string patient() {
  std::string text = kPatient;
  const auto run = noted("echo working");
  for (std::size_t at = 0; (at = text.find("RUN\n", at)) != std::string::npos; at += run.size())
    text.replace(at, 3, run);
  return text;
}

class SmallDisk {
 public:
  SmallDisk(std::string path, int mebibytes) : path_(std::move(path)) {
    mounted_ = make_dirs(path_, 0700).ok() && ::mount("tmpfs", path_.c_str(), "tmpfs", 0,
                                                      str("size=", mebibytes, "m").c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }
  // To the last block; again, where something was given up meanwhile.
  void fill() const {
    UniqueFd fd(::open(filler().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    const std::string block(4096, 'x');
    while (::write(fd.get(), block.data(), block.size()) > 0) {
    }
  }
  void free() const { ::unlink(filler().c_str()); }

 private:
  std::string filler() const { return path_ + "/filler"; }
  std::string path_;
  bool mounted_ = false;
};

Result<Json> call(const Site& site, const char* method, Json params) {
  return TRY(server::ControlClient::connect(site.data()))->call(method, std::move(params));
}

Result<std::int64_t> submit_endless(const Site& site, const std::string& key) {
  server::Bundle bundle;
  bundle.files.push_back({"/endless.yaml", kEndless, {}});
  Json request = Json::object();
  request.set("bundle", server::bundle_to_json(bundle)).set("idempotency_key", key);
  request.set("inputs", Json::object());
  return TRY(call(site, "submit", std::move(request)))["run_id"].as_integer();
}

// Quiet but for one person: the disk is full, and a run is paused, another cancelled.
void steer_when_full(const Options& options, Report& report) {
  Scratch scratch("full-steer", options.keep);
  const auto path = scratch.path() + "/site";
  Violations violations;
  std::uint64_t refused = 0, steered = 0;
  const auto rounds = options.dose(3, 40);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    SmallDisk disk(path + "/data", static_cast<int>(24 << round % 2));
    Site site(path, 4);
    site.start();
    if (!site.ready()) {
      violations.add(str("it does not start: ", site.last_words()));
      break;
    }
    auto one = submit_endless(site, "one"), other = submit_endless(site, "other");
    PAWL_ASSERT(one.ok() && other.ok());
    disk.fill();
    // Until the disk has said so: the WAL may have some room of its own.
    for (int i = 0; i < 2000; ++i) {
      auto more = submit_endless(site, str("more ", i));
      if (more.ok()) continue;
      ++refused;
      if (more.error().code != Errc::disk_full) violations.add(more.error().message);
      break;
    }
    auto paused = call(site, "pause", Json::object().set("run_id", *one).set("by", "torture"));
    if (!paused.ok()) violations.add(str("pause: ", paused.error().message));
    auto cancelled =
        call(site, "cancel", Json::object().set("run_id", *other).set("by", "torture"));
    if (!cancelled.ok()) violations.add(str("cancel: ", cancelled.error().message));
    site.kill_engine();
    auto store = site.reader();
    if (!store.ok()) {
      violations.add(store.error().message);
      continue;
    }
    auto is = [&](std::int64_t run, core::RunState state) {
      auto row = (*store)->find_run(RunId(run));
      return row.ok() && row->has_value() && (*row)->header.state == state;
    };
    if (!is(*one, core::RunState::paused)) violations.add("the pause is lost");
    if (!is(*other, core::RunState::cancelled)) violations.add("the cancel is lost");
    steered += 2;
    site.kill_spawner();
  }
  report.holds("a full disk records a pause and a cancel, and says what it refuses", violations);
  report.at_least("submits refused as disk_full", refused, rounds);
  report.at_least("pauses and cancels on a full disk", steered, 2 * rounds);
}

// Filled and freed under load.
void fill_and_free(const Options& options, Report& report) {
  Scratch scratch("full-load", options.keep);
  const auto path = scratch.path() + "/site";
  SmallDisk disk(path + "/data", 32);
  Site site(path, 4);
  Violations lives, told, store, ledger;
  const auto rounds = options.dose(8, 500);
  std::vector<double> resumed;
  std::uint64_t met = 0;
  site.start();
  if (!site.ready()) lives.add(str("it does not start: ", site.last_words()));
  std::uint64_t number = 0;
  Clients clients(site, {.watchers = 2, .submitters = 2, .steer = false, .file = patient()},
                  options.seed);
  for (std::uint64_t round = 0; round < rounds && site.running(); ++round) {
    disk.fill();
    const auto until = system_clock().mono() + std::chrono::seconds(2);
    bool full = false;
    while (!full && system_clock().mono() < until) {
      auto more = submit_endless(site, str("full ", ++number));
      full = !more.ok() && more.error().code == Errc::disk_full;
      if (more.ok()) {
        auto gone = call(site, "cancel", Json::object().set("run_id", *more).set("by", "torture"));
        full = !gone.ok() && gone.error().code == Errc::disk_full;
        disk.fill();
      }
    }
    met += full;
    disk.free();
    const auto freed = system_clock().mono();
    while (site.running()) {
      auto more = submit_endless(site, str("free ", ++number));
      if (more.ok()) {
        (void)call(site, "cancel", Json::object().set("run_id", *more).set("by", "torture")).ok();
        break;
      }
      if (system_clock().mono() - freed > std::chrono::seconds(20)) break;
      let_pass(Millis(5));
    }
    const std::chrono::duration<double> took = system_clock().mono() - freed;
    resumed.push_back(took.count());
  }
  clients.stop();
  if (!site.running()) lives.add(str("it ended: ", site.last_words()));
  for (std::uint64_t i = 1; i <= number; ++i) {  // what was unsure of its cancel
    for (const char* which : {"full ", "free "}) {
      auto reader = site.reader();
      if (!reader.ok()) continue;
      auto key = (*reader)->find_key(str(which, i));
      if (key.ok() && key->has_value()) {
        (void)call(site, "cancel", Json::object().set("run_id", (*key)->run.value)).ok();
      }
    }
  }
  if (!site.all_ended(Millis(60'000))) lives.add("runs are still open");
  site.stop();
  for (auto& found : site.findings())
    store.add(std::move(found));
  check_ledger(read_ledger(site.ledger()), ledger);
  clients.check(told);
  report.figure(rounds, " times filled and freed, ", met, " of them met by a writer; ",
                clients.acknowledged(), " runs acknowledged meanwhile");
  report.holds("the engine lives through it, and all runs end", lives);
  report.holds("nothing acknowledged is lost", told);
  report.holds("no attempt runs twice", ledger);
  report.holds("the store is sound", store);
  report.at_least("fillings that a writer met", met, rounds * 8 / 10);
  report.at_most("seconds until work goes on, the worst",
                 resumed.empty() ? 99 : *std::max_element(resumed.begin(), resumed.end()), 5);
}

}  // namespace

void torture_full(const Options& options, Report& report) {
  {
    Scratch scratch("full-probe", false);
    SmallDisk probe(scratch.path() + "/disk", 2);
    if (!probe.mounted()) return report.skip("full disks", "a small tmpfs needs root");
  }
  steer_when_full(options, report);
  fill_and_free(options, report);
}

}  // namespace pawl::torture
