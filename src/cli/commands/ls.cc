// ls: runs, the newest first, with what tells them apart.
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/live_lines.h"
#include "cli/load.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/views.h"
#include "server/api.h"

namespace pawl::cli {
namespace {

std::string text_of(const Json& j) { return j.is_string() ? j.as_string() : std::string(); }

Result<store::RunFilter> filter_of(const Ask& ask) {
  store::RunFilter filter;
  if (ask.args.given("state")) {
    filter.states = 0;
    for (const auto& word : ask.args.all("state")) {
      filter.states |= 1u << static_cast<unsigned>(core::parse_run_state(word).value());
    }
  }
  if (ask.args.given("verdict")) {
    filter.verdicts = 0;
    for (const auto& word : ask.args.all("verdict")) {
      filter.verdicts |= 1u << static_cast<unsigned>(core::parse_verdict(word).value());
    }
  }
  filter.workflow = ask.text("workflow");
  filter.labels = ask.args.pairs("label");
  if (auto since = ask.args.text("since")) {
    auto ago = parse_duration(*since);
    auto time = ago.ok() ? Result<Time>(system_clock().now() - *ago) : parse_time(*since);
    if (!time.ok()) {
      return {Errc::usage,
              str("--since: found '", *since,
                  "', expected a duration such as 2d, or a time such as ", "2026-01-31T12:00:00Z")};
    }
    filter.since = *time;
  }
  return filter;
}

Result<std::vector<store::RunRow>> fetch(Session& session, store::RunFilter filter,
                                         std::uint64_t limit) {
  std::vector<store::RunRow> rows;
  auto* store = TRY(session.store());
  while (rows.size() < limit) {
    filter.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(500, limit - rows.size()));
    auto page = TRY(store->list_runs(filter));
    for (auto& row : page)
      rows.push_back(std::move(row));
    if (page.size() < filter.limit) break;
    filter.before = rows.back().header.id;
  }
  return rows;
}

}  // namespace

Result<int> run_ls(const Ask& ask) {
  auto filter = TRY(filter_of(ask));
  auto session = TRY(Session::open(ask, Access::read));
  auto limit = static_cast<std::uint64_t>(ask.args.integer("limit").value_or(50));
  auto rows = TRY(fetch(*session, filter, limit));
  Json out = Json::array();
  for (const auto& row : rows)
    out.push(server::run_row_to_json(row));
  print_runs(ask, out);
  return 0;
}

void print_runs(const Ask& ask, const Json& rows) {
  if (ask.json()) return ask.print_json(rows);
  if (ask.quiet()) {
    std::string ids;
    for (const auto& row : rows.as_array())
      ids += str(text_of(row["run_id"]), '\n');
    return ask.print(ids);
  }
  Table table({{.head = "RUN", .right = true},
               {.head = "WORKFLOW", .cut = true},
               {.head = "STATE"},
               {.head = "VERDICT", .drop = 3},
               {.head = "TASKS", .right = true, .drop = 2},
               {.head = "BEGUN", .drop = 4},
               {.head = "TOOK", .right = true, .drop = 1},
               {.head = "NAME", .cut = true, .drop = 5}});
  const auto now = system_clock().now();
  const bool tty = ask.io.out_term().tty;
  for (const auto& row : rows.as_array()) {
    const auto created = parse_time(text_of(row["created_at"]));
    const auto started = parse_time(text_of(row["started_at"]));
    const auto finished = parse_time(text_of(row["finished_at"]));
    const auto took = started.ok() ? format_duration((finished.ok() ? *finished : now) - *started)
                                   : std::string();
    const auto begun = tty && created.ok() ? str(short_duration(now - *created), " ago")
                                           : text_of(row["created_at"]);
    const auto verdict = text_of(row["verdict"]);
    table.add({text_of(row["run_id"]), text_of(row["workflow"]), Cell::state(text_of(row["state"])),
               verdict.empty() ? Cell("") : Cell::state(verdict),
               str(row["tasks_done"].dump(), '/', row["tasks"].dump()), begun, took,
               text_of(row["name"])});
  }
  ask.print(table.print(ask.io.out_term()));
  if (rows.size() == 0) ask.note("no runs");
}

}  // namespace pawl::cli
