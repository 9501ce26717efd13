#pragma once
// Service: the app: a directory, the DAGs known there, and the routes over them.
//
//   DIR/dags/NAME-vN.json    every DAG that was ever served here: open runs keep the one they began
//   with DIR/batches/b-XXXXXX/    a run's columns, and what its tasks made of them DIR/state/ the
//   engine's: runs, histories, logs
//
// A batch is read while it is posted: what is wrong with it is the answer, and the JSON is not
// kept. Only when its columns are on disk a run is made; a crash in between leaves a folder that
// nobody knows, which the next start removes.

#include <pawl/app.h>

#include <map>
#include <memory>
#include <string>

#include "manufacturing/batch.h"
#include "manufacturing/dag.h"

namespace manufacturing {

// Which sensors a result lists.
enum class Listed : unsigned char { all, flagged, none };

class Service {
 public:
  // Makes the directory, keeps `dag` there, reads those that are there already. Errors: conflict
  // where its name and version are known with other tasks; io; invalid.
  static pawl::Result<std::unique_ptr<Service>> open(const std::string& directory, Dag dag,
                                                     BatchLimits limits = {});
  std::string state() const { return directory_ + "/state"; }
  std::string batches() const { return directory_ + "/batches"; }

  // Workflows and routes. The service outlives the app.
  pawl::App app();
  // Removes folders that no run knows. REQUIRES: nothing is being posted.
  pawl::Status sweep(pawl::Orchestrator& pawl) const;

  // Reads a batch and starts its run. `key`: the same again gives the same run.
  pawl::Result<pawl::RunId> submit(pawl::Orchestrator& pawl, const std::string& name,
                                   ByteSource source, const std::string& key) const;
  pawl::Value status_of(const pawl::RunInfo& run) const;
  // The text of a JSON object. REQUIRES: a run that has completed.
  pawl::Result<std::string> result_of(const pawl::RunInfo& run, Listed listed) const;

 private:
  struct Posted {
    std::string folder;
    pawl::Value facts;
    std::uint64_t hash = 0;  // of its readings
  };
  Service(std::string directory, BatchLimits limits)
      : directory_(std::move(directory)), limits_(limits) {}
  pawl::Result<Posted> take_in(const std::string& name, ByteSource source) const;
  bool settle(Posted& posted, const std::string& key) const;
  pawl::Status keep(const Dag& dag) const;
  pawl::Status load_all();
  const Dag* dag_of(const pawl::RunInfo& run) const;
  pawl::Value task_of(const pawl::TaskInfo& task, const TaskSpec* spec) const;
  pawl::Result<std::string> sensors_text(const std::string& path, Listed listed) const;

  pawl::Response post_workflow(pawl::Orchestrator& pawl, const pawl::Request& request) const;
  pawl::Response get_status(pawl::Orchestrator& pawl, const pawl::Request& request) const;
  pawl::Response get_results(pawl::Orchestrator& pawl, const pawl::Request& request) const;
  pawl::Response get_workflows(pawl::Orchestrator& pawl, const pawl::Request& request) const;
  pawl::Response get_logs(pawl::Orchestrator& pawl, const pawl::Request& request) const;

  std::string directory_;
  BatchLimits limits_;
  std::map<std::pair<std::string, int>, Dag> dags_;
  std::string name_;  // of the DAG that new runs get
  int version_ = 0;
};

}  // namespace manufacturing
