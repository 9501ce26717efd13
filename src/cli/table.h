#pragma once
// Tables for people and for pipes. On a terminal: upper-case heads, no borders, columns fitted to
// the width. In a pipe: tab-separated values, whole, without heads, colour or marks, so that `pawl
// ls | cut -f1` gives ids and nothing is ever cut.
//
// Fitting goes in steps, each only where the one before was not enough: columns that may be cut
// give way, the widest first, down to kMinimum; then columns with a `drop` rank go, the highest
// rank first. A column that is neither cut nor dropped (an id, a state) is always whole.

#include <string>
#include <string_view>
#include <vector>

#include "cli/term.h"

namespace pawl::cli {

struct Column {
  std::string_view head;  // in upper case
  bool right = false;     // numbers
  bool cut = false;       // may be truncated
  int drop = 0;           // 0: stays; else the higher goes first
};

struct Cell {
  Cell(std::string value) : text(std::move(value)) {}  // NOLINT: implicit
  Cell(const char* value) : text(value) {}             // NOLINT: implicit
  Cell(std::string value, Style look) : text(std::move(value)), style(look) {}
  // A state: its word, with mark and colour where they can be seen.
  static Cell state(std::string word);

  std::string text;  // untrusted text is welcome: the table cleans it
  Style style = Style::plain;
  bool is_state = false;
};

class Table {
 public:
  static constexpr std::size_t kMinimum = 8;  // columns that a cut leaves

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // REQUIRES: a cell a column.
  void add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  // The whole table, each line ended. Without rows: nothing.
  std::string print(const Term& term) const;

 private:
  std::vector<std::size_t> fit(const Term& term) const;  // widths; 0 is a dropped column
  std::string shown(const Cell& cell, const Term& term) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace pawl::cli
