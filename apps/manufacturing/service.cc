#include "manufacturing/service.h"

#include <cstdio>
#include <set>

#include "common/trace.h"
#include "manufacturing/json_tree.h"
#include "manufacturing/page.h"
#include "manufacturing/tasks.h"
#include "manufacturing/timestamp.h"

namespace manufacturing {

using pawl::Code;
using pawl::Result;
using pawl::RunInfo;
using pawl::RunState;
using pawl::Status;
using pawl::Value;

namespace {

std::string file_name(const Dag& dag) {
  return dag.name + "-v" + std::to_string(dag.version) + ".json";
}

}  // namespace

Result<std::unique_ptr<Service>> Service::open(const std::string& directory, Dag dag,
                                               BatchLimits limits) {
  std::unique_ptr<Service> service(new Service(directory, limits));
  for (const auto& folder : {service->batches(), directory + "/dags"})
    if (auto s = make_folders(folder); !s.ok()) return s;
  if (auto s = service->keep(dag); !s.ok()) return s;
  if (auto s = service->load_all(); !s.ok()) return s;
  service->name_ = dag.name;
  service->version_ = dag.version;
  return service;
}

Status Service::keep(const Dag& dag) const {
  const std::string path = directory_ + "/dags/" + file_name(dag);
  auto known = read_file(path);
  if (!known.ok() && known.status().code() != Code::not_found) return known.status();
  if (!known.ok()) return write_file(path, dag.text);
  auto before = read_tree(path, *known), now = read_tree(dag.name, dag.text);
  if (!before.ok()) return before.status();
  if (now.ok() && before->value() == now->value()) return {};
  return {
      Code::conflict,
      "version " + std::to_string(dag.version) + " of " + dag.name + " is another DAG in " + path,
      "give the changed one the next version"};
}

Status Service::load_all() {
  auto names = list_folder(directory_ + "/dags");
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (!name.ends_with(".json")) continue;
    const std::string path = directory_ + "/dags/" + name;
    auto text = read_file(path, 1u << 20);
    if (!text.ok()) return text.status();
    auto dag = read_dag(path, *std::move(text));
    if (!dag.ok()) return dag.status();
    auto key = std::pair(dag->name, dag->version);
    dags_.insert_or_assign(std::move(key), *std::move(dag));
  }
  return {};
}

pawl::App Service::app() {
  using pawl::Role;
  pawl::App app("manufacturing");
  for (const auto& [key, dag] : dags_)
    app.workflow(dag.workflow(batches()));
  auto bind = [this](auto method) {
    return [this, method](pawl::Orchestrator& pawl, const pawl::Request& request) {
      return (this->*method)(pawl, request);
    };
  };
  app.route("GET", "/", Role::viewer, [](pawl::Orchestrator&, const pawl::Request&) {
    return pawl::Response{200, "text/html; charset=utf-8", page_html()};
  });
  app.route("POST", "/workflow", Role::operator_, bind(&Service::post_workflow));
  app.route("GET", "/status/{id}", Role::viewer, bind(&Service::get_status));
  app.route("GET", "/results/{id}", Role::viewer, bind(&Service::get_results));
  app.route("GET", "/workflows", Role::viewer, bind(&Service::get_workflows));
  app.route("GET", "/logs/{id}", Role::viewer, bind(&Service::get_logs));
  return app;
}

Status Service::sweep(pawl::Orchestrator& pawl) const {
  std::set<std::string> known;
  pawl::ListOptions page{.limit = 500};
  while (true) {
    auto runs = pawl.list(page);
    if (!runs.ok()) return runs.status();
    for (const RunInfo& run : *runs)
      known.emplace(run.input.get("folder").as_string());
    if (runs->size() < page.limit) break;
    page.before = runs->back().id;
  }
  auto names = list_folder(batches());
  if (!names.ok()) return names.status();
  for (const std::string& name : *names)
    if (!known.contains(name)) remove_folder(batches() + "/" + name);
  return {};
}

namespace {

Value facts_value(const BatchFacts& facts) {
  Value ignored = Value::array();
  for (const std::string& name : facts.ignored)
    ignored.push(name);
  return Value::object({{"batch_id", facts.id.empty() ? Value() : Value(facts.id)},
                        {"about", facts.about},
                        {"ignored", ignored},
                        {"sensors", facts.sensors},
                        {"readings", facts.readings},
                        {"missing", facts.positions - facts.readings},
                        {"text_times", facts.text_times}});
}

}  // namespace

// Reads a batch into a folder of its own.
Result<Service::Posted> Service::take_in(const std::string& name, ByteSource source) const {
  auto folder = make_unique_folder(batches() + "/b-");
  if (!folder.ok()) return folder.status();
  Posted posted{.folder = *folder};
  auto read = [&]() -> Status {
    auto columns = ColumnWriter::create(*folder + "/" + kColumns);
    if (!columns.ok()) return columns.status();
    JsonReader json(name, std::move(source));
    auto facts = BatchReader(json, **columns, limits_).read();
    if (!facts.ok()) return facts.status();
    posted.facts = facts_value(*facts);
    auto totals = (*columns)->finish();
    if (totals.ok()) posted.hash = totals->hash;
    apps::trace("stored", name);
    return totals.status();
  };
  auto s = read();
  if (s.ok()) return posted;
  remove_folder(*folder);
  return s;
}

// With a key, a batch's folder has a name that the same key and the same batch have again, so that
// a second run is not made and the inputs of both are equal. False: it was there already.
bool Service::settle(Posted& posted, const std::string& key) const {
  if (key.empty()) return true;
  const std::string all =
      name_ + " " + std::to_string(version_) + " " + posted.facts.json() + " " + key;
  char name[32];
  std::snprintf(name, sizeof name, "/k-%016llx",
                static_cast<unsigned long long>(mix(posted.hash, all.data(), all.size())));
  const std::string own = batches() + name;
  const bool fresh = ::rename(posted.folder.c_str(), own.c_str()) == 0;
  if (!fresh) remove_folder(posted.folder);
  posted.folder = own;
  return fresh;
}

Result<pawl::RunId> Service::submit(pawl::Orchestrator& pawl, const std::string& name,
                                    ByteSource source, const std::string& key) const {
  auto posted = take_in(name, std::move(source));
  if (!posted.ok()) return posted.status();
  const bool fresh = settle(*posted, key);
  Order order{posted->folder.substr(posted->folder.rfind('/') + 1), posted->facts};
  const std::string id(posted->facts.get("batch_id").as_string());
  auto run =
      pawl.start(name_, to_value(order), {.job = id, .name = id, .version = version_, .key = key});
  if (!run.ok() && fresh) remove_folder(posted->folder);
  return run;
}

}  // namespace manufacturing
