#include "cli/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace pawl::cli {
namespace {

sigset_t ours() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP})
    sigaddset(&set, number);
  return set;
}

}  // namespace

Signals::Signals() {
  auto set = ours();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

Signals::~Signals() {
  while (take() != 0) {
  }
  auto set = ours();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

int Signals::take() {
  signalfd_siginfo info{};
  return ::read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)
             ? static_cast<int>(info.ssi_signo)
             : 0;
}

int exit_of_signal(int number) { return 128 + number; }

}  // namespace pawl::cli
