// `with`: what each built-in action takes. Only what is written as a constant is checked here; a
// value that is an expression is checked by the action, in the run.

#include <algorithm>

#include "base/text.h"
#include "core/schema.h"
#include "core/workflow_parse.h"

namespace pawl::core {

struct WithTables {
  using P = WorkflowParser;
  using Draft = P::WithDraft;
  static constexpr P::Field<Draft> http[] = {
      {"method", &P::with_method},       {"url", &P::with_url},
      {"headers", &P::with_headers},     {"body", &P::with_any},
      {"expect", &P::with_expect},       {"timeout", &P::with_duration},
      {"redirects", &P::with_redirects}, {"allow_link_local", &P::with_flag},
      {"ca_file", &P::with_text},
  };
  static constexpr P::Field<Draft> sleep[] = {
      {"for", &P::with_duration},
      {"until", &P::with_until},
  };
  static constexpr P::Field<Draft> gate[] = {
      {"question", &P::with_text},    {"preview", &P::with_any},
      {"timeout", &P::with_duration}, {"on_timeout", &P::with_on_timeout},
      {"form", &P::with_form},
  };
  static constexpr P::Field<Draft> workflow[] = {
      {"file", &P::with_file},
      {"workflow", &P::with_workflow},
      {"inputs", &P::with_inputs},
  };
};

void WorkflowParser::read_with(TaskDraft& t, DocRef v) {
  if (v.is_null()) return;
  if (!is_map(v, "a map of what the action takes")) return;
  WithDraft w{&t};
  auto need = [&](std::string_view field, std::string hint) {
    if (!v.find(field))
      out_.error(DocRef(doc_, v.index() - 1), "missing_field", str("`with` has no `", field, "`"),
                 std::move(hint));
  };
  auto one_of = [&](std::string_view a, std::string_view b) {
    bool has_a = static_cast<bool>(v.find(a)), has_b = static_cast<bool>(v.find(b));
    if (has_a == has_b)
      out_.error(
          DocRef(doc_, v.index() - 1), has_a ? "contradiction" : "missing_field",
          str("`with` takes one of `", a, "` and `", b, "`, found ", has_a ? "both" : "none"));
  };
  switch (t.kind) {
    case kHttp:
      fields<WithDraft>(v, "`with` of http", WithTables::http, w);
      need("url", "url: \"https://...\"");
      break;
    case kSleep:
      fields<WithDraft>(v, "`with` of sleep", WithTables::sleep, w);
      one_of("for", "until");
      break;
    case kGate:
      fields<WithDraft>(v, "`with` of a gate", WithTables::gate, w);
      need("question", "what is the person asked?");
      if (DocRef what = v.find("on_timeout"); what && !v.find("timeout"))
        out_.error(what, "contradiction", "`on_timeout` without `timeout`");
      break;
    case kChild:
      fields<WithDraft>(v, "`with` of workflow", WithTables::workflow, w);
      one_of("file", "workflow");
      break;
    default:
      break;
  }
  make_template(v, {"`with`", true, true, true, true}, &t, t.def.with);
}

void WorkflowParser::with_text(DocRef v, WithDraft&) {
  std::string ignored;
  text(v, ignored);
}

void WorkflowParser::with_flag(DocRef v, WithDraft&) {
  bool ignored = false;
  if (!dynamic(v)) boolean(v, ignored);
}

void WorkflowParser::with_duration(DocRef v, WithDraft&) {
  Duration ignored{};
  if (!dynamic(v)) duration(v, ignored);
}

void WorkflowParser::with_method(DocRef v, WithDraft&) {
  static constexpr std::string_view kMethods[] = {"GET",   "HEAD",   "POST",   "PUT",
                                                  "PATCH", "DELETE", "OPTIONS"};
  std::size_t ignored = 0;
  if (!dynamic(v)) choice(v, kMethods, ignored);
}

void WorkflowParser::with_url(DocRef v, WithDraft&) {
  std::string url;
  if (!text(v, url, 8192)) return;
  if (dynamic(v) && url.starts_with("${{")) return;
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return out_.error(v, "bad_url", str(found(v), " is no http or https address"),
                      "https://HOST/PATH");
  std::string_view rest = std::string_view(url).substr(url.find("//") + 2);
  std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  bool bad = host.empty();
  for (char c : url)
    bad = bad || (!dynamic(v) && static_cast<unsigned char>(c) <= 0x20);
  if (bad)
    return out_.error(v, "bad_url", str(found(v), " is no address"),
                      "https://HOST/PATH, no blanks");
  if (host.find('@') != host.npos && !dynamic(v))
    out_.error(v, "secret_leak", "an address with a user name or password in it",
               "use headers: {Authorization: \"Bearer ${{ secrets.NAME }}\"}");
}

void WorkflowParser::with_headers(DocRef v, WithDraft&) {
  if (dynamic(v)) return;
  if (!is_map(v, "a map of headers")) return;
  for (auto [key, value] : v.members()) {
    std::string_view name = key.text();
    bool good = !name.empty();
    for (char c : name)
      good = good && (std::isalnum(static_cast<unsigned char>(c)) ||
                      std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
    if (!good)
      out_.error(key, "bad_name",
                 str("\"", name.substr(0, 80), "\" cannot be the name of a header"));
    if (!value.is_string())
      wrong_type(value, "a string", value.is_null() ? "" : str("quote it: \"", value.text(), "\""));
    else if (value.text().find_first_of("\r\n") != std::string_view::npos)
      out_.error(value, "bad_text", "a header holds a line end");
  }
}

void WorkflowParser::with_expect(DocRef v, WithDraft&) {
  if (dynamic(v)) return;
  auto one = [&](DocRef e) {
    std::int64_t ignored = 0;
    if (dynamic(e)) return;
    // "200-299": a range.
    if (e.is_string() && e.text().size() == 7 && e.text()[3] == '-' &&
        std::count_if(e.text().begin(), e.text().end(),
                      [](char c) { return c >= '0' && c <= '9'; }) == 6)
      return;
    integer(e, 100, 599, ignored);
  };
  if (!v.is_array()) return one(v);
  if (v.size() == 0) out_.error(v, "missing_field", "`expect` is empty: no answer would do");
  for (DocRef e : v.elements())
    one(e);
}

void WorkflowParser::with_redirects(DocRef v, WithDraft&) {
  std::int64_t ignored = 0;
  if (!dynamic(v)) integer(v, 0, 20, ignored);
}

void WorkflowParser::with_until(DocRef v, WithDraft&) {
  if (dynamic(v)) return;
  if (!v.is_string() || !parse_time(v.text()).ok())
    wrong_type(v, "a time such as 2026-01-31T12:00:00Z");
}

void WorkflowParser::with_on_timeout(DocRef v, WithDraft&) {
  static constexpr std::string_view kNames[] = {"approve", "reject", "fail"};
  std::size_t ignored = 0;
  if (!dynamic(v)) choice(v, kNames, ignored);
}

void WorkflowParser::with_form(DocRef v, WithDraft& w) {
  if (is_map(v, "a map of fields, written like `inputs`")) read_inputs(v, w.task->def.form, true);
}

void WorkflowParser::with_file(DocRef v, WithDraft& w) {
  (void)w;
  std::string file;
  if (!literal(v, file)) return;
  if (file.empty()) return out_.error(v, "missing_field", "`file` is empty");
  auto& files = builder_.workflow().child_files;
  for (const ChildFile& f : files)
    if (f.file == file) return;
  files.push_back({std::move(file), v.line()});
}

void WorkflowParser::with_workflow(DocRef v, WithDraft&) {
  std::string name;
  if (literal(v, name)) name_like(v, "a workflow", true);
}

void WorkflowParser::with_inputs(DocRef v, WithDraft&) {
  if (!dynamic(v) && !v.is_null()) is_map(v, "a map of the other workflow's inputs");
}

}  // namespace pawl::core
