#pragma once
// Screen: the last lines of a terminal, repainted in place. What is written above them stays and
// scrolls away like any output. The cursor is hidden while lines stand, and back when they are
// taken away, also where the process is ended by a fault.

#include <string>
#include <string_view>
#include <vector>

#include "cli/term.h"

namespace pawl::cli {

class Screen {
 public:
  Screen(int fd, const Term& term);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Size as it is now; call again after SIGWINCH.
  void measure();
  const Term& term() const { return term_; }
  int height() const { return height_; }

  void draw(const std::vector<std::string>& lines);
  void above(std::string_view text);  // whole lines; the next draw() stands below them
  void clear();                       // takes the lines away and shows the cursor

 private:
  std::string erase() const;
  void write(std::string_view text) const;

  int fd_;
  Term term_;
  int height_ = 24;
  std::vector<std::size_t> drawn_;  // display width of each line that stands
  bool hidden_ = false;
};

}  // namespace pawl::cli
