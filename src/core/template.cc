// Templates: JSON values in whose strings expressions stand. Compiled to a tree of the same shape
// in which whatever holds no expression is one shared constant.

#include "base/text.h"
#include "core/expr.h"

namespace pawl::core {

struct TemplatePiece {
  std::string text;          // before the expression
  std::optional<Expr> expr;  // none in the last piece
  std::size_t offset = 0;    // of the expression's text in the string
};

struct TemplateNode {
  enum class Kind : std::uint8_t { constant, whole, concat, list, map };
  Kind kind = Kind::constant;
  Json constant;
  std::string key;                    // of a map's member
  std::vector<TemplatePiece> pieces;  // whole: one; concat: several
  std::vector<TemplateNode> members;
};

struct TemplateProgram {
  TemplateNode root;
};

namespace {

// Where the expression that begins at `at` (after `${{`) ends: the place of its `}}`, outside
// quotes.
std::size_t find_close(std::string_view s, std::size_t at) {
  char quote = 0;
  for (; at < s.size(); ++at) {
    if (quote != 0) {
      if (s[at] == '\\' && quote == '"')
        ++at;
      else if (s[at] == quote)
        quote = 0;
    } else if (s[at] == '\'' || s[at] == '"') {
      quote = s[at];
    } else if (s[at] == '}' && at + 1 < s.size() && s[at + 1] == '}') {
      return at;
    }
  }
  return s.npos;
}

std::string pointer_token(std::string_view key) {
  std::string out = "/";
  for (char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out.push_back(c);
  }
  return out;
}

class Compiler {
 public:
  Compiler(const TaskNames& names, std::vector<TemplateError>& errors, std::size_t max_bytes)
      : names_(names), errors_(errors), max_bytes_(max_bytes) {}

  // True where `value` holds an expression (or a broken one).
  bool compile(const Json& value, const std::string& pointer, TemplateNode& out) {
    if (value.is_string()) return text(value, pointer, out);
    bool any = false;
    if (value.is_array()) {
      std::size_t i = 0;
      for (const Json& e : value.as_array()) {
        out.members.emplace_back();
        any |= compile(e, str(pointer, "/", i++), out.members.back());
      }
      out.kind = TemplateNode::Kind::list;
    } else if (value.is_object()) {
      for (const auto& [k, v] : value.as_object()) {
        if (k.find("${{") != k.npos)
          errors_.push_back({pointer,
                             {0, "bad_expression", str("an expression in the key \"", k, "\""),
                              "expressions stand in values only"}});
        out.members.emplace_back().key = k;
        any |= compile(v, pointer + pointer_token(k), out.members.back());
      }
      out.kind = TemplateNode::Kind::map;
    }
    if (!any) {
      out.members.clear();
      out.members.shrink_to_fit();
      out.kind = TemplateNode::Kind::constant;
      out.constant = value;
    }
    return any;
  }

 private:
  bool text(const Json& value, const std::string& pointer, TemplateNode& out) {
    std::string_view s = value.as_string();
    if (s.find("${{") == s.npos) {
      out.constant = value;
      return false;
    }
    std::string before;
    for (std::size_t at = 0;;) {
      std::size_t open = s.find("${{", at);
      if (open != s.npos && open > 0 && s[open - 1] == '$' && open > at) {
        before += s.substr(at, open - 1 - at);  // $${{ is a literal ${{
        before += "${{";
        at = open + 3;
        continue;
      }
      before += s.substr(at, open == s.npos ? s.npos : open - at);
      if (open == s.npos) break;
      std::size_t close = find_close(s, open + 3);
      if (close == s.npos) {
        std::string_view rest = s.substr(open + 3);
        bool quote = rest.find("}}") != rest.npos;
        errors_.push_back({pointer,
                           {open, "bad_expression", "`${{` without its `}}`",
                            quote ? "a quote before it is not closed" : ""}});
        return true;
      }
      ExprError error;
      auto expr = Expr::compile(s.substr(open + 3, close - open - 3), names_, error, max_bytes_);
      if (!expr) {
        error.offset += open + 3;
        errors_.push_back({pointer, std::move(error)});
      }
      out.pieces.push_back({std::move(before), std::move(expr), open + 3});
      before.clear();
      at = close + 2;
    }
    bool whole = out.pieces.size() == 1 && out.pieces[0].text.empty() && before.empty();
    if (!before.empty()) out.pieces.push_back({std::move(before), std::nullopt, 0});
    out.kind = whole ? TemplateNode::Kind::whole : TemplateNode::Kind::concat;
    return true;
  }

  const TaskNames& names_;
  std::vector<TemplateError>& errors_;
  std::size_t max_bytes_;
};

Result<Json> render_node(const TemplateNode& n, const Scope& scope, const std::string& pointer) {
  auto at = [&](Error e) {
    if (!pointer.empty()) e.message = str(pointer, ": ", e.message);
    return e;
  };
  switch (n.kind) {
    case TemplateNode::Kind::constant:
      return n.constant;
    case TemplateNode::Kind::whole: {
      auto r = n.pieces[0].expr->evaluate(scope);
      if (!r.ok()) return at(std::move(r).error());
      return r;
    }
    case TemplateNode::Kind::concat: {
      std::string out;
      for (const TemplatePiece& p : n.pieces) {
        out += p.text;
        if (!p.expr) continue;
        auto r = p.expr->evaluate(scope);
        if (!r.ok()) return at(std::move(r).error());
        if (r->is_string())
          out += r->as_string();
        else if (!r->is_null())
          r->dump_to(out);
        if (out.size() > kMaxTextResult)
          return at({Errc::too_large, str("a text longer than ", kMaxTextResult, " bytes")});
      }
      return Json(std::move(out));
    }
    case TemplateNode::Kind::list: {
      Json::Array items;
      items.reserve(n.members.size());
      for (const TemplateNode& m : n.members)
        items.push_back(TRY(render_node(m, scope, str(pointer, "/", items.size()))));
      return Json::array(std::move(items));
    }
    case TemplateNode::Kind::map: {
      Json::Object members;
      members.reserve(n.members.size());
      for (const TemplateNode& m : n.members)
        members.emplace_back(m.key, TRY(render_node(m, scope, pointer + pointer_token(m.key))));
      return Json::object(std::move(members));
    }
  }
  return Json();
}

void collect(const TemplateNode& n, const std::string& pointer,
             std::vector<Template::Located>& out) {
  for (const TemplatePiece& p : n.pieces)
    if (p.expr) out.push_back({&*p.expr, pointer, p.offset});
  std::size_t i = 0;
  for (const TemplateNode& m : n.members) {
    collect(
        m,
        n.kind == TemplateNode::Kind::list ? str(pointer, "/", i) : pointer + pointer_token(m.key),
        out);
    ++i;
  }
}

}  // namespace

std::optional<std::string_view> whole_expression(std::string_view text) {
  text = trim(text);
  if (text.substr(0, 3) != "${{") return std::nullopt;
  std::size_t close = find_close(text, 3);
  if (close == text.npos || close + 2 != text.size()) return std::nullopt;
  return text.substr(3, close - 3);
}

std::optional<Template> Template::compile(const Json& value, const TaskNames& names,
                                          std::vector<TemplateError>& errors, std::size_t max_bytes,
                                          const std::function<void(const Located&)>& visit) {
  std::size_t before = errors.size();
  auto program = std::make_shared<TemplateProgram>();
  bool dynamic = Compiler(names, errors, max_bytes).compile(value, "", program->root);
  if (visit && dynamic) {
    std::vector<Located> all;
    collect(program->root, "", all);
    for (const Located& l : all)
      visit(l);
  }
  if (errors.size() > before) return std::nullopt;
  Template t;
  t.source_ = value;
  if (dynamic) t.exprs_ = std::move(program);
  return t;
}

Result<Template> Template::compile(const Json& value, const TaskNames& names) {
  std::vector<TemplateError> errors;
  if (auto t = compile(value, names, errors)) return std::move(*t);
  std::string message;
  for (const TemplateError& e : errors) {
    message += str(message.empty() ? "" : "\n", e.pointer, e.pointer.empty() ? "" : ": ", "column ",
                   e.error.offset + 1, ": ", e.error.message);
    if (!e.error.hint.empty()) message += str(" (", e.error.hint, ")");
  }
  return Error{Errc::invalid_workflow, std::move(message)};
}

Template Template::constant(Json value) {
  Template t;
  t.source_ = std::move(value);
  return t;
}

Result<Json> Template::render(const Scope& scope) const {
  if (exprs_ == nullptr) return source_;
  return render_node(exprs_->root, scope, "");
}

std::vector<const Expr*> Template::expressions() const {
  std::vector<const Expr*> out;
  std::vector<Located> all;
  if (exprs_ != nullptr) collect(exprs_->root, "", all);
  out.reserve(all.size());
  for (const Located& l : all)
    out.push_back(l.expr);
  return out;
}

}  // namespace pawl::core
