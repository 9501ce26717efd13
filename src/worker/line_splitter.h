#pragma once
// Bytes of a pipe into lines of a log. A line ends with \n or \r\n; one longer than 64 KiB is cut.
// What a progress bar overwrites with \r is dropped, but once every five seconds its current state
// becomes a line of its own, so that a bar which runs for hours is seen to move. Secrets are masked
// here, before a line is kept anywhere. Bytes stay as they are otherwise: UTF-8 is mended by the
// reader.

#include <string>
#include <string_view>

#include "actions/mask.h"
#include "base/clock.h"

namespace pawl::worker {

inline constexpr std::size_t kMaxLine = 64u << 10;

class LineSplitter {
 public:
  // Calls emit(std::string_view line) for each line that `data` completes.
  template <typename Emit>
  void feed(std::string_view data, const actions::Masker& masker, Time now, Emit&& emit) {
    while (true) {
      const auto end = data.find('\n');
      if (end == std::string_view::npos) break;
      if (pending_.empty()) {
        whole(data.substr(0, end), masker, emit);
      } else {
        pending_.append(data.substr(0, end));
        const std::string line = std::move(pending_);
        pending_.clear();
        whole(line, masker, emit);
      }
      data.remove_prefix(end + 1);
    }
    if (data.empty()) return;
    pending_.append(data);
    if (pending_.find('\r') != std::string::npos) overwrite(masker, now, emit);
    // Some slack, so that a secret across the cut is seen whole.
    const std::size_t slack = masker.longest();
    std::size_t from = 0;
    while (pending_.size() - from > kMaxLine + slack) {
      from += piece(std::string_view(pending_).substr(from), masker, emit);
    }
    pending_.erase(0, from);
  }

  // The last line, where the stream ended without a newline.
  template <typename Emit>
  void finish(const actions::Masker& masker, Emit&& emit) {
    const std::string line = std::move(pending_);
    pending_.clear();
    if (!line.empty()) whole(line, masker, emit);
  }

 private:
  // What a terminal would show of text with carriage returns.
  static std::string_view visible(std::string_view text) {
    while (text.ends_with('\r'))
      text.remove_suffix(1);
    const auto at = text.rfind('\r');
    return at == std::string_view::npos ? text : text.substr(at + 1);
  }

  template <typename Emit>
  void whole(std::string_view line, const actions::Masker& masker, Emit&& emit) {
    line = visible(line);
    while (line.size() > kMaxLine)
      line.remove_prefix(piece(line, masker, emit));
    give(line, masker, emit);
  }

  // Emits the start of an overlong text; returns how much of it.
  template <typename Emit>
  std::size_t piece(std::string_view text, const actions::Masker& masker, Emit&& emit) {
    std::size_t cut = masker.empty() ? kMaxLine : masker.safe_cut(text, kMaxLine);
    // Not inside a UTF-8 sequence, where there is one.
    for (int back = 0; back < 3 && cut > 1 && cut < text.size() &&
                       (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80;
         ++back) {
      --cut;
    }
    give(text.substr(0, cut), masker, emit);
    return cut;
  }

  template <typename Emit>
  void give(std::string_view line, const actions::Masker& masker, Emit&& emit) {
    if (masker.empty()) return emit(line);
    emit(std::string_view(masker.masked(line)));
  }

  template <typename Emit>
  void overwrite(const actions::Masker& masker, Time now, Emit&& emit) {
    const bool ended = pending_.ends_with('\r');
    std::string shown(visible(pending_));
    if (shown_at_ == kNoTime) shown_at_ = now;
    if (ended && now - shown_at_ >= std::chrono::seconds(5)) {
      shown_at_ = now;
      give(shown, masker, emit);
      pending_.clear();
      return;
    }
    pending_ = std::move(shown);
    if (ended) pending_.push_back('\r');
  }

  std::string pending_;      // since the last newline
  Time shown_at_ = kNoTime;  // when a progress bar's state was last given
};

}  // namespace pawl::worker
