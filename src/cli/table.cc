#include "cli/table.h"

#include <algorithm>
#include <numeric>

#include "base/text.h"

namespace pawl::cli {

namespace {

constexpr std::size_t kGap = 2;

std::size_t total(const std::vector<std::size_t>& widths) {
  std::size_t sum = 0, count = 0;
  for (auto width : widths) {
    sum += width;
    count += width > 0;
  }
  return sum + (count ? count - 1 : 0) * kGap;
}

}  // namespace

Cell Cell::state(std::string word) {
  Cell cell(std::move(word));
  cell.is_state = true;
  return cell;
}

void Table::add(std::vector<Cell> row) {
  PAWL_ASSERT(row.size() == columns_.size());
  for (auto& cell : row)
    cell.text = clean_line(cell.text);
  rows_.push_back(std::move(row));
}

std::string Table::shown(const Cell& cell, const Term& term) const {
  if (!cell.is_state) return cell.text;
  auto mark = mark_of(cell.text);
  return str(term.utf8 ? mark.utf8 : mark.ascii, ' ', cell.text);
}

std::vector<std::size_t> Table::fit(const Term& term) const {
  std::vector<std::size_t> widths, least;
  for (std::size_t c = 0; c < columns_.size(); c++) {
    auto width = display_width(columns_[c].head);
    auto least_width = std::max(width, kMinimum);
    for (const auto& row : rows_)
      width = std::max(width, display_width(shown(row[c], term)));
    widths.push_back(width);
    least.push_back(columns_[c].cut ? std::min(width, least_width) : width);
  }
  auto room = static_cast<std::size_t>(term.width);
  while (total(least) > room) {  // even cut as far as may be: a column goes
    std::size_t victim = columns_.size();
    for (std::size_t c = 0; c < columns_.size(); c++) {
      if (least[c] == 0 || columns_[c].drop == 0) continue;
      if (victim == columns_.size() || columns_[c].drop > columns_[victim].drop) victim = c;
    }
    if (victim == columns_.size()) break;
    widths[victim] = least[victim] = 0;
  }
  while (total(widths) > room) {
    std::size_t widest = columns_.size();
    for (std::size_t c = 0; c < columns_.size(); c++) {
      if (widths[c] <= least[c]) continue;
      if (widest == columns_.size() || widths[c] > widths[widest]) widest = c;
    }
    if (widest == columns_.size()) break;
    widths[widest]--;
  }
  return widths;
}

std::string Table::print(const Term& term) const {
  if (rows_.empty()) return {};
  std::string out;
  if (!term.tty) {
    for (const auto& row : rows_) {
      for (std::size_t c = 0; c < row.size(); c++)
        out += str(c ? "\t" : "", row[c].text);
      out += '\n';
    }
    return out;
  }
  auto widths = fit(term);
  auto line = [&](auto text_of, auto style_of) {
    std::string text;
    std::size_t behind = 0;  // blanks owed; none at the end of a line
    bool first = true;
    for (std::size_t c = 0; c < columns_.size(); c++) {
      if (widths[c] == 0) continue;
      if (!first) behind += kGap;
      first = false;
      auto cell = truncate(text_of(c), widths[c], term.utf8);
      auto missing = widths[c] - std::min(widths[c], display_width(cell));
      if (columns_[c].right) behind += missing;
      if (!cell.empty()) {
        text.append(behind, ' ').append(paint(term, style_of(c), cell));
        behind = 0;
      }
      if (!columns_[c].right) behind += missing;
    }
    out += text += '\n';
  };
  line([&](std::size_t c) { return std::string(columns_[c].head); },
       [](std::size_t) { return Style::bold; });
  for (const auto& row : rows_) {
    line(
        [&](std::size_t c) { return shown(row[c], term); },
        [&](std::size_t c) { return row[c].is_state ? mark_of(row[c].text).style : row[c].style; });
  }
  return out;
}

}  // namespace pawl::cli
