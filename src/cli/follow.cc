#include "cli/follow.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/text.h"

namespace pawl::cli {
namespace {

// Looking at a run more often than this shows nothing more, and costs the engine its time.
constexpr Duration kBetweenLooks = std::chrono::milliseconds(25);

int milliseconds(Duration d) {
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
  return static_cast<int>(std::clamp<std::int64_t>(ms + 1, 0, 3'600'000));
}

}  // namespace

Follower::Follower(const Ask& ask, Signals& signals, std::unique_ptr<Session>& session, RunId run)
    : ask_(ask), signals_(signals), session_(session), run_(run) {}

std::optional<Followed> Follower::take_signals(Progress& progress) {
  while (int number = signals_.take()) {
    if (number == SIGWINCH) {
      progress.resized();
    } else if (number == SIGTSTP) {
      progress.finish();
      ::raise(SIGSTOP);
      progress.resized();
    } else {
      return Followed{FollowEnd::interrupted, number};
    }
  }
  return std::nullopt;
}

// A full disk stops everything and is nobody's event: it is asked for, once a second at most, and
// told when it begins and when it is over.
void Follower::tell_trouble(Progress& progress) {
  auto now = system_clock().mono();
  if (!session_->owns() || now - trouble_at_ < std::chrono::seconds(1)) return;
  trouble_at_ = now;
  auto trouble = session_->trouble();
  if (!trouble.ok() && !in_trouble_) {
    progress.note(str("nothing can be recorded now: ", clean_line(trouble.error().message),
                      ". The run waits, and goes on by itself"));
  } else if (trouble.ok() && in_trouble_) {
    progress.note("recording again");
  }
  in_trouble_ = !trouble.ok();
}

// The owner left. True: another one, or this process, has the directory now.
Result<bool> Follower::reopen(Progress& progress) {
  session_.reset();
  session_ = TRY(Session::open(ask_, Access::carry));
  if (session_->owns()) {
    progress.note(str("the process that carried run ", run_.value, " has left; it goes on here"));
  }
  return true;
}

// The owner may leave between its answer to us and this.
Result<std::unique_ptr<server::Feed>> Follower::open_feed(Progress& progress, bool take_over) {
  constexpr int kTries = 8;
  for (int tries = 1;; ++tries) {
    auto feed = session_->follow(run_, progress.wants_logs());
    const bool left = !feed.ok() && feed.error().code == Errc::unavailable && !session_->owns();
    if (!left || !take_over || tries == kTries) return feed;
    TRY(reopen(progress));
  }
}

Result<Followed> Follower::follow(Progress& progress, std::optional<Mono> until, bool take_over) {
  const Clock& clock = system_clock();
  auto feed = TRY(open_feed(progress, take_over));
  Mono next_look = clock.mono();
  bool waiting = false;  // something is there, but it is too early to look
  while (true) {
    auto now = clock.mono();
    if (now >= next_look) {
      auto items = feed->take();
      waiting = false;
      next_look = now + kBetweenLooks;
      bool closed = false;
      for (const auto& item : items) {
        closed |= item.kind == server::FeedKind::closed;
        view_.apply(item, clock.now());
      }
      if (!items.empty()) progress.show(items, view_, clock.now());
      if (view_.known() && view_.ended()) break;
      if (closed) {
        feed.reset();
        if (!take_over) {
          return Error{
              Errc::unavailable,
              str("the process that carried run ", run_.value,
                  " has left before its end\nhint: carry it on with: pawl watch ", run_.value)};
        }
        TRY(reopen(progress));
        feed = TRY(open_feed(progress, take_over));
        continue;
      }
    }
    progress.tick(view_, clock.now());
    tell_trouble(progress);
    if (auto stop = take_signals(progress)) {
      progress.finish();
      return *stop;
    }
    if (until && clock.mono() >= *until) {
      progress.finish();
      return Followed{FollowEnd::timeout, 0};
    }
    auto wait = progress.patience();
    if (until) wait = std::min(wait, *until - clock.mono());
    if (session_->owns())
      wait = std::min<Duration>(wait, std::chrono::seconds(in_trouble_ ? 1 : 5));
    if (waiting) wait = std::min(wait, next_look - clock.mono());
    pollfd wanted[] = {{signals_.fd(), POLLIN, 0}, {waiting ? -1 : feed->fd(), POLLIN, 0}};
    if (::poll(wanted, 2, milliseconds(wait)) > 0 && wanted[1].revents != 0) waiting = true;
  }
  progress.finish();
  return Followed{};
}

int Follower::leave(const Followed& how) {
  auto id = run_.value;
  bool owner = session_->owns();
  bool handed_over = owner && session_->watched_by_others();
  if (owner) {
    auto running = view_.count(core::TaskState::running);
    if (how.end != FollowEnd::ended && running > 0 && !handed_over) {
      ask_.note(str("stopping ", running, running == 1 ? " task" : " tasks",
                    "; again Ctrl-C kills ", running == 1 ? "it" : "them", " at once"));
    }
    UniqueFd done(::eventfd(0, EFD_CLOEXEC));
    std::thread draining([&] {
      session_->drain(handed_over);
      std::uint64_t one = 1;
      [[maybe_unused]] auto n = ::write(done.get(), &one, sizeof one);
    });
    while (true) {
      pollfd wanted[] = {{done.get(), POLLIN, 0}, {signals_.fd(), POLLIN, 0}};
      if (::poll(wanted, 2, -1) < 0) continue;
      if (wanted[0].revents != 0) break;
      int number = signals_.take();
      if (number == SIGINT || number == SIGTERM || number == SIGHUP) session_->hurry();
    }
    draining.join();
  }
  if (how.end == FollowEnd::ended) return 0;
  if (!owner || handed_over) {
    ask_.note(str("run ", id, " goes on", owner ? " in another terminal" : "",
                  ". Follow it: pawl watch ", id, "   end it: pawl cancel ", id));
  } else {
    ask_.note(str("run ", id,
                  " is not at its end; what is done is kept. Carry on with: pawl watch ", id));
  }
  return how.end == FollowEnd::timeout ? kExitTimeout : exit_of_signal(how.signal);
}

std::optional<Mono> deadline(const Ask& ask) {
  auto timeout = ask.args.duration("timeout");
  if (!timeout) return std::nullopt;
  return system_clock().mono() + *timeout;
}

Duration usual_duration(Session& session, const std::string& workflow) {
  auto store = session.store();
  if (!store.ok()) return Duration{-1};
  store::RunFilter filter;
  filter.workflow = workflow;
  filter.states = 1u << static_cast<unsigned>(core::RunState::completed);
  filter.limit = 9;
  auto rows = (*store)->list_runs(filter);
  if (!rows.ok()) return Duration{-1};
  std::vector<Duration> took;
  for (const auto& row : *rows) {
    const auto& h = row.header;
    if (h.started != kNoTime && h.finished > h.started && !h.source) {
      took.push_back(h.finished - h.started);
    }
  }
  if (took.empty()) return Duration{-1};
  auto middle = took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2);
  std::nth_element(took.begin(), middle, took.end());
  return *middle;
}

}  // namespace pawl::cli
