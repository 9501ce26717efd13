#include "core/findings.h"

#include <algorithm>

#include "base/text.h"

namespace pawl::core {

void Findings::put(Found f) {
  if (!f.warning) ++errors_;
  if (full())
    ++left_out_;
  else
    found_.push_back(std::move(f));
}

void Findings::error(DocRef at, std::string code, std::string message, std::string hint) {
  put({at.index(), at.node().line, at.node().column, false, std::move(code), std::move(message),
       std::move(hint)});
}

void Findings::warning(DocRef at, std::string code, std::string message, std::string hint) {
  put({at.index(), at.node().line, at.node().column, true, std::move(code), std::move(message),
       std::move(hint)});
}

void Findings::error_inside(DocRef at, std::size_t skip, std::string code, std::string message,
                            std::string hint) {
  put({at.index(), at.node().line, at.node().column + static_cast<std::uint32_t>(skip), false,
       std::move(code), std::move(message), std::move(hint)});
}

void Findings::error_on_line(DocRef at, std::uint32_t line, std::string_view what, std::string code,
                             std::string message, std::string hint) {
  std::uint32_t column = 1;
  std::string_view rest = text_;
  // Only for files that a person wrote: each call walks from the start.
  if (text_.size() < (4u << 20)) {
    for (std::uint32_t l = 1; l < line && !rest.empty(); ++l)
      rest = rest.substr(std::min(rest.size(), rest.find('\n') + 1));
    rest = rest.substr(0, rest.find('\n'));
    auto place = rest.find(what);
    for (char c : rest.substr(0, place == rest.npos ? 0 : place))
      column += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }
  put({at.index(), line, column, false, std::move(code), std::move(message), std::move(hint)});
}

void Findings::add_document(const Doc& doc) {
  for (const DocProblem& p : doc.problems())
    put({p.node, p.line, p.column, p.warning, p.code, p.message, p.hint});
  left_out_ += doc.problems_left_out();
  errors_ += doc.problems_left_out();
}

std::vector<Diagnostic> Findings::take(const Doc& doc) {
  std::stable_sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  if (found_.size() > max_) {
    left_out_ += found_.size() - max_;
    found_.resize(max_);
  }
  std::vector<Diagnostic> out;
  for (Found& f : found_) {
    std::string pointer = f.node == DocProblem::kNoNode ? std::string() : doc.pointer(f.node);
    out.push_back({file_, f.line, f.column, std::move(pointer), std::move(f.code),
                   std::move(f.message), std::move(f.hint), f.warning});
  }
  if (left_out_ > 0 && !out.empty()) {
    Diagnostic more = out.back();
    more.code = "more_findings";
    more.message = str(left_out_, " more findings are not shown");
    more.hint = "mend these first";
    more.warning = errors_ == 0;
    out.push_back(std::move(more));
  }
  found_.clear();
  return out;
}

std::string nearest_name_of(std::string_view word, const std::vector<std::string_view>& names) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  if (word.size() > 200) return {};
  for (std::string_view n : names) {
    if (n.size() > 200) continue;
    std::size_t d = edit_distance(word, n);
    // Half of the letters at least must be the same, however short both are.
    if (d < best_distance && d * 2 <= std::max(word.size(), n.size())) {
      best = n;
      best_distance = d;
    }
  }
  return std::string(best);
}

std::string did_you_mean(std::string_view name) {
  return name.empty() ? std::string() : str("did you mean \"", name, "\"?");
}

}  // namespace pawl::core
