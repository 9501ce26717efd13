// `inputs:` of a workflow, and the form of a gate, which is written the same way.

#include "base/text.h"
#include "core/schema.h"
#include "core/workflow_parse.h"

namespace pawl::core {

void WorkflowParser::read_inputs(DocRef v, std::vector<InputDef>& into, bool gate_form) {
  for (auto [key, value] : v.members()) {
    InputDef input;
    input.name = std::string(key.text());
    name_like(key, gate_form ? "a field" : "an input", false);
    if (is_map(value, "a map of JSON Schema keywords, such as {type: string}"))
      read_input_entry(key, value, input, gate_form);
    into.push_back(std::move(input));
  }
}

void WorkflowParser::read_input_entry(DocRef key, DocRef v, InputDef& into, bool gate_form) {
  warn_lost_zeros(v);
  Json schema = v.to_json();
  // On an entry `required` and `secret` are flags of the input, not keywords of its value.
  if (DocRef required = v.find("required"); required && !required.is_array()) {
    boolean(required, into.required);
    schema.erase("required");
  }
  if (DocRef secret = v.find("secret")) {
    boolean(secret, into.secret);
    schema.erase("secret");
    if (gate_form) out_.error(secret, "not_available", "a gate's answer cannot be secret");
  }
  std::size_t before = out_.error_count();
  for (const SchemaIssue& i : check_schema(schema))
    out_.error(v.locate(i.pointer), i.code, i.message, i.hint);
  DocRef fallback = v.find("default");
  if (fallback && out_.error_count() == before) {
    for (const SchemaIssue& i : validate(fallback.to_json(), schema))
      out_.error(fallback.locate(i.pointer), "bad_default",
                 str("the default of \"", key.text(), "\" breaks its own schema: ", i.message),
                 i.hint);
    if (into.required)
      out_.warning(fallback, "unused_default",
                   str("\"", key.text(), "\" is required: its default is never used"));
  }
  // An example that does not validate misleads whoever copies it.
  if (DocRef examples = v.find("examples");
      examples && examples.is_array() && out_.error_count() == before)
    for (DocRef e : examples.elements())
      for (const SchemaIssue& i : validate(e.to_json(), schema))
        out_.warning(
            e, "bad_example",
            str("this example of \"", key.text(), "\" breaks its own schema: ", i.message));
  if (dynamic(fallback ? fallback : key))
    out_.error(fallback, "expression_not_allowed", "an expression cannot be a default",
               "compute it in `params`: coalesce(inputs.x, ...)");
  into.schema = std::move(schema);
}

}  // namespace pawl::core
