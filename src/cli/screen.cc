#include "cli/screen.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/fs.h"
#include "base/text.h"

namespace pawl::cli {
namespace {

constexpr std::string_view kShow = "\033[?25h", kHide = "\033[?25l";
int g_fd = -1;

// A fault: the terminal is put right, then the fault takes its course.
void on_fault(int number) {
  if (g_fd >= 0) [[maybe_unused]]
    auto n = ::write(g_fd, kShow.data(), kShow.size());
  ::signal(number, SIG_DFL);
  ::raise(number);
}

// Without the sequences that paint() adds.
std::size_t shown_width(std::string_view text) {
  std::string bare;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\033') {
      while (i < text.size() && text[i] != 'm')
        ++i;
    } else {
      bare.push_back(text[i]);
    }
  }
  return display_width(bare);
}

}  // namespace

Screen::Screen(int fd, const Term& term) : fd_(fd), term_(term) {
  g_fd = fd;
  for (int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    ::signal(number, on_fault);
  measure();
}

Screen::~Screen() {
  clear();
  g_fd = -1;
}

void Screen::measure() {
  winsize size{};
  if (::ioctl(fd_, TIOCGWINSZ, &size) != 0) return;
  if (size.ws_col > 0) term_.width = size.ws_col;
  if (size.ws_row > 0) height_ = size.ws_row;
}

void Screen::write(std::string_view text) const { (void)write_all(fd_, text, "terminal").ok(); }

// Up to the first line that stands. A screen that became narrower has folded them.
std::string Screen::erase() const {
  if (drawn_.empty()) return {};
  auto columns = static_cast<std::size_t>(std::max(1, term_.width));
  std::size_t rows = 0;
  for (auto width : drawn_)
    rows += width == 0 ? 1 : (width + columns - 1) / columns;
  rows = std::min(rows, static_cast<std::size_t>(std::max(1, height_)));
  return str("\r\033[", rows, "A\033[J");
}

void Screen::draw(const std::vector<std::string>& lines) {
  std::string out;
  if (!hidden_) out += kHide;
  hidden_ = true;
  auto columns = static_cast<std::size_t>(std::max(1, term_.width));
  bool folded = std::any_of(drawn_.begin(), drawn_.end(), [&](auto w) { return w > columns; });
  if (folded || lines.size() < drawn_.size()) {
    out += erase();
  } else if (!drawn_.empty()) {
    out += str("\r\033[", drawn_.size(), "A");  // painted over: nothing flickers
  }
  drawn_.clear();
  for (const auto& line : lines) {
    out += str(line, "\033[K\n");
    drawn_.push_back(shown_width(line));
  }
  write(out);
}

void Screen::above(std::string_view text) {
  auto out = erase();
  drawn_.clear();
  out += text;
  write(out);
}

void Screen::clear() {
  auto out = erase();
  drawn_.clear();
  if (hidden_) out += kShow;
  hidden_ = false;
  if (!out.empty()) write(out);
}

}  // namespace pawl::cli
