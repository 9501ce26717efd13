#include "manufacturing/page.h"

namespace manufacturing {
namespace {

constexpr char kPage[] = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';
               connect-src 'self'; form-action 'none'; base-uri 'none'">
<title>Manufacturing analysis</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; }
textarea { width: 100%; height: 10rem; font: 14px/1.4 monospace; box-sizing: border-box; }
button { font: inherit; padding: .3rem 1rem; }
ol { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .5rem; }
ol li { border: 2px solid #bbb; border-radius: .4rem; padding: .4rem .8rem; }
ol li[data-state=running], ol li[data-state=retrying] { border-color: #1565c0; }
ol li[data-state=completed] { border-color: #2e7d32; }
ol li[data-state=failed] { border-color: #c62828; }
.badge { font-weight: bold; padding: .2rem .8rem; border-radius: 1rem; color: #fff;
         background: #666; }
.badge[data-verdict=PASS] { background: #2e7d32; }
.badge[data-verdict=WARNING] { background: #8a5a00; }
.badge[data-verdict=FAIL] { background: #c62828; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: left; }
.error { color: #c62828; white-space: pre-wrap; }
</style>
<h1>Manufacturing analysis</h1>
<form id="form">
<p><label for="batch">A batch, as JSON, or a file:</label> <input type="file" id="file">
<p><textarea id="batch" spellcheck="false">{"batch_id": "example", "sensors": {
  "temperature": [20.1, 20.3, 19.9, 20.0, null, 20.2, 20.1, 58.5, 20.0, 19.8, 20.2]}}</textarea>
<p><button>Analyse</button> <span class="error" id="error" role="alert"></span>
</form>
<section id="run" hidden>
<h2 id="title"></h2>
<ol id="tasks" aria-live="polite"></ol>
<p><span class="badge" id="verdict"></span>
<ul id="reasons"></ul>
</section>
<h2>Workflows</h2>
<table><thead><tr><th>Workflow<th>Batch<th>State<th>Verdict<th>Created</thead>
<tbody id="list"></tbody></table>
<script>
"use strict";
const $ = id => document.getElementById(id);
const make = (tag, text) => {
  const e = document.createElement(tag);
  e.textContent = text ?? "";
  return e;
};
let shown = 0, timer = 0;
async function ask(path, options) {
  const response = await fetch(path, options);
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail || body.title);
  return body;
}
async function list() {
  const rows = (await ask("/workflows?limit=20")).workflows.map(w => {
    const row = document.createElement("tr");
    const link = make("a", w.workflow_id);
    link.href = "#" + w.workflow_id;
    row.append(make("td"), make("td", w.batch_id), make("td", w.status), make("td", w.verdict),
               make("td", w.created_at));
    row.firstChild.append(link);
    return row;
  });
  $("list").replaceChildren(...rows);
}
async function show() {
  clearTimeout(timer);
  const id = shown = Number(location.hash.slice(1)) || 0;
  $("run").hidden = !id;
  if (!id) return;
  try {
    const status = await ask("/status/" + id);
    if (id !== shown) return;
    const batch = status.batch_id ? ", batch " + status.batch_id : "";
    $("title").textContent = "Workflow " + id + batch;
    $("tasks").replaceChildren(...status.tasks.map(t => {
      const again = t.attempts > 1 ? ", attempt " + t.attempts : "";
      const item = make("li", t.name + ": " + t.status + again);
      item.dataset.state = t.status;
      item.title = t.error || t.waits || "";
      return item;
    }));
    $("verdict").textContent = status.verdict || status.status;
    $("verdict").dataset.verdict = status.verdict || "";
    $("reasons").replaceChildren(...(status.error ? [make("li", status.error)] : []));
    if (status.status === "completed") {
      const result = await ask("/results/" + id + "?sensors=none");
      if (id !== shown) return;
      $("reasons").replaceChildren(...result.reasons.map(r => {
        const who = r.sensors && r.sensors.length ? ": " + r.sensors.join(", ") : "";
        return make("li", r.message + who);
      }));
    }
    if (["completed", "failed", "cancelled"].includes(status.status)) return await list();
  } catch (e) { $("error").textContent = e.message; }
  timer = setTimeout(show, 1000);
}
$("form").addEventListener("submit", async event => {
  event.preventDefault();
  $("error").textContent = "";
  try {
    const body = $("file").files[0] || $("batch").value;
    const made = await ask("/workflow", { method: "POST", body });
    location.hash = "#" + made.workflow_id;
  } catch (e) { $("error").textContent = e.message; }
});
addEventListener("hashchange", show);
list().catch(e => { $("error").textContent = e.message; });
show();
</script>
</html>
)html";

}  // namespace

const char* page_html() { return kPage; }

}  // namespace manufacturing
