// /metrics: figures of the engine, the store and the server, in Prometheus' text format. Names are
// documented in docs/reference/metrics.md; they stay.
#include "base/text.h"
#include "server/api.h"

namespace pawl::server {
namespace {

class Page {
 public:
  void head(std::string_view name, std::string_view type, std::string_view help) {
    text_ += str("# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
    name_ = name;
  }
  // `labels`: `a="x",b="y"`. REQUIRES: their values need no escapes.
  template <typename N>
  void value(N v, std::string_view labels = {}) {
    text_ += labels.empty() ? str(name_, " ", v, "\n") : str(name_, "{", labels, "} ", v, "\n");
  }
  template <typename N>
  void one(std::string_view name, std::string_view type, std::string_view help, N v) {
    head(name, type, help);
    value(v);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_, name_;
};

void add_engine(Page& page, Api& api) {
  const auto s = api.engine.statistics();
  page.one("pawl_engine_commands_total", "counter", "Commands decided.", s.commands);
  page.one("pawl_engine_commits_total", "counter", "Transactions committed.", s.commits);
  page.one("pawl_engine_runs_written_total", "counter", "Rows of runs written.", s.runs_written);
  page.one("pawl_tasks_ended_total", "counter", "Tasks that reached their end.", s.tasks_ended);
  page.one("pawl_runs_open", "gauge", "Runs that are not at their end.", s.open_runs);
  page.one("pawl_tasks_queued", "gauge", "Tasks that wait for a worker.", s.queued);
  page.one("pawl_engine_cached_runs", "gauge", "Runs held decoded in memory.", s.cached_runs);
  page.one("pawl_engine_cache_bytes", "gauge", "Bytes of those runs.", s.cache_bytes);
  page.one("pawl_store_writable", "gauge", "1 while the store can be written.",
           s.trouble.ok() ? 1 : 0);
}

void add_store(Page& page, Api& api) {
  const auto info = api.store.info();
  if (!info.ok()) return;
  page.one("pawl_store_bytes", "gauge", "Size of the database.", info->bytes);
  page.one("pawl_store_wal_bytes", "gauge", "Size of its write-ahead log.", info->wal_bytes);
  page.one("pawl_store_log_bytes", "gauge", "Size of what tasks printed.", info->log_bytes);
  page.one("pawl_store_runs", "gauge", "Runs stored, roughly.", info->runs);
}

void add_server(Page& page, Api& api) {
  if (api.connections) {
    const auto s = api.connections();
    page.one("pawl_http_connections", "gauge", "Connections now.", s.connections);
    page.one("pawl_http_refused_total", "counter", "Requests refused before they were whole.",
             s.refused);
    page.one("pawl_http_turned_away_total", "counter", "Connections closed at the door.",
             s.turned_away);
  }
  if (!api.router) return;
  page.one("pawl_http_pool_queued", "gauge", "Requests that wait for a thread.",
           api.router->pool().queued());
  const auto tallies = api.router->tally();
  page.head("pawl_http_requests_total", "counter", "Requests answered, by route and class.");
  for (const auto& t : tallies) {
    for (std::size_t c = 1; c < t.by_class.size(); ++c) {
      if (t.by_class[c] == 0) continue;
      page.value(t.by_class[c],
                 str("operation=\"", t.route->operation_id, "\",class=\"", c, "xx\""));
    }
  }
  page.head("pawl_http_request_seconds_total", "counter", "Time until they were answered.");
  for (const auto& t : tallies) {
    if (t.seconds > 0) page.value(t.seconds, str("operation=\"", t.route->operation_id, "\""));
  }
}

void add_stream(Page& page, Api& api) {
  if (!api.stream) return;
  const auto s = api.stream->statistics();
  page.one("pawl_stream_readers", "gauge", "Connections that read the stream.", s.readers);
  page.one("pawl_stream_subscriptions", "gauge", "Topics that they read.", s.subscriptions);
  page.one("pawl_stream_messages_total", "counter", "Messages told.", s.messages);
  page.one("pawl_stream_dropped_total", "counter", "Readers that were too slow.", s.dropped);
}

}  // namespace

std::string metrics_text(Api& api) {
  Page page;
  page.head("pawl_info", "gauge", "The version, as a label.");
  page.value(1, "version=\"" PAWL_VERSION "\"");
  page.one("pawl_start_time_seconds", "gauge", "When the server started.",
           static_cast<double>(api.started.time_since_epoch().count()) / 1e6);
  add_engine(page, api);
  add_store(page, api);
  add_server(page, api);
  add_stream(page, api);
  return page.take();
}

}  // namespace pawl::server
