#include "fs/mount/held_signals.h"

#include <sys/signalfd.h>

namespace glancefs::fs {

HeldSignals::HeldSignals() {
  ::sigemptyset(&held_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaddset(&held_, signal);
  ::sigprocmask(SIG_BLOCK, &held_, &before_);
  arrivals_ = checked_fd(::signalfd(-1, &held_, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
}

void HeldSignals::release() {
  if (!arrivals_) return;
  // One that is left over would end us the moment it is let through.
  signalfd_siginfo arrived{};
  while (::read(arrivals_.get(), &arrived, sizeof arrived) > 0) continue;
  arrivals_.reset();
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace glancefs::fs
