// What a caller gives for a run, against the workflow's `inputs:`; what a person gives at a gate,
// against its `form:`.

#include "base/text.h"
#include "core/doc.h"
#include "core/findings.h"
#include "core/schema.h"
#include "core/workflow.h"

namespace pawl::core {
namespace {

// What is read: a workflow's inputs or the fields of a form, for messages.
struct Words {
  std::string_view one;   // input
  std::string_view none;  // the workflow has no inputs
};
constexpr Words kInputWords = {"input", "the workflow has no inputs"};
constexpr Words kFormWords = {"field", "the gate has no form"};

const InputDef* find_input(const std::vector<InputDef>& defs, std::string_view name) {
  for (const InputDef& i : defs)
    if (i.name == name) return &i;
  return nullptr;
}

std::string unknown_input(const std::vector<InputDef>& defs, std::string_view name, Words words) {
  std::vector<std::string_view> known;
  std::string all;
  for (const InputDef& i : defs) {
    known.push_back(i.name);
    if (all.size() < 200) all += str(all.empty() ? "" : ", ", i.name);
  }
  std::string near = nearest_name_of(name, known);
  std::string hint = !near.empty() ? did_you_mean(near)
                     : all.empty() ? std::string(words.none)
                                   : str(words.one, "s: ", all);
  return str(words.one, " \"", name, "\" is unknown; ", hint);
}

bool allows(const InputDef& input, std::string_view type) {
  const Json& t = input.schema["type"];
  if (t.is_string()) return t.as_string() == type;
  if (t.is_array())
    for (const Json& one : t.as_array())
      if (one.is_string() && one.as_string() == type) return true;
  return false;
}

Result<Json> check(const std::vector<InputDef>& defs, const Json& given, Words words) {
  if (!given.is_object() && !given.is_null())
    return Error{Errc::invalid_workflow, str(words.one, "s must be one JSON object, found ",
                                             Json::type_name(given.type()))};
  std::string problems;
  auto problem = [&](const std::string& text) {
    problems += str(problems.empty() ? "" : "\n", text);
  };
  Json out = Json::object();
  for (const InputDef& input : defs) {
    const Json* value = given.find(input.name);
    // null for "not given": what a run without the input records, and may be given again.
    if (value != nullptr && value->is_null() && !allows(input, "null") &&
        !input.schema["type"].is_null())
      value = nullptr;
    if (value == nullptr) {
      const Json* fallback = input.schema.find("default");
      if (fallback != nullptr) {
        out.set(input.name, *fallback);
      } else if (input.required) {
        problem(str(words.one, " \"", input.name, "\" is required and was not given"));
      } else {
        out.set(input.name, Json());
      }
      continue;
    }
    for (const SchemaIssue& i : validate(*value, input.schema))
      problem(str(words.one, " \"", input.name, "\"", i.pointer.empty() ? "" : " at ", i.pointer,
                  ": ", input.secret ? std::string("does not satisfy its schema") : i.message,
                  i.hint.empty() ? "" : "; ", i.hint));
    out.set(input.name, *value);
  }
  if (given.is_object())
    for (const auto& [name, value] : given.as_object())
      if (find_input(defs, name) == nullptr) problem(unknown_input(defs, name, words));
  if (!problems.empty()) return Error{Errc::invalid_workflow, std::move(problems)};
  return out;
}

Result<Json> read(const std::vector<InputDef>& defs, std::string_view name, std::string_view text,
                  Words words) {
  const InputDef* input = find_input(defs, name);
  if (input == nullptr) return Error{Errc::invalid_workflow, unknown_input(defs, name, words)};
  auto wrong = [&](std::string_view expected) {
    return Error{Errc::invalid_workflow,
                 str(words.one, " \"", name, "\": expected ", expected,
                     input->secret ? std::string() : str(", found \"", text.substr(0, 80), "\""))};
  };
  bool any = input->schema["type"].is_null();
  bool text_allowed = allows(*input, "string") || any;
  if (allows(*input, "null") && (text == "null" || text.empty())) return Json();
  if ((allows(*input, "boolean") || any) && (text == "true" || text == "false"))
    return Json(text == "true");
  std::int64_t i = 0;
  double d = 0;
  bool integer = allows(*input, "integer"), number = allows(*input, "number");
  if ((integer || number || any) && parse_integer(text, i)) return Json(i);
  if ((number || any) && parse_double(text, d)) return Json(d);
  if (integer && parse_double(text, d) && d > -9e18 && d < 9e18 &&
      d == static_cast<double>(static_cast<std::int64_t>(d)))
    return Json(static_cast<std::int64_t>(d));
  if (allows(*input, "array") || allows(*input, "object") ||
      (any && !text.empty() && (text[0] == '[' || text[0] == '{'))) {
    auto parsed = Json::parse(text);
    if (parsed.ok() && (parsed->is_array() || parsed->is_object())) return parsed;
    if (!text_allowed)
      return wrong(allows(*input, "array") ? "a JSON list such as [\"a\", \"b\"]"
                                           : "a JSON object");
  }
  if (text_allowed) {
    if (!valid_utf8(text)) return wrong("UTF-8 text");
    return Json(text);
  }
  if (integer) return wrong("an integer");
  if (number) return wrong("a number");
  if (allows(*input, "boolean")) return wrong("true or false");
  return wrong("null");
}

}  // namespace

Result<Json> check_inputs(const Workflow& workflow, const Json& given) {
  return check(workflow.inputs, given, kInputWords);
}

Result<Json> check_form(const std::vector<InputDef>& form, const Json& given) {
  return check(form, given, kFormWords);
}

Result<Json> read_input(const Workflow& workflow, std::string_view name, std::string_view text) {
  return read(workflow.inputs, name, text, kInputWords);
}

Result<Json> read_form_field(const std::vector<InputDef>& form, std::string_view name,
                             std::string_view text) {
  return read(form, name, text, kFormWords);
}

}  // namespace pawl::core
