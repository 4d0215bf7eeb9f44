#include "fs/fuse/signals.h"

#include <atomic>
#include <cerrno>
#include <utility>

#include "base/fd.h"

namespace glancefs::fs {
namespace {

std::atomic<const SignalActions*> current{nullptr};
static_assert(decltype(current)::is_always_lock_free, "it is read in a signal handler");

const std::function<void()>& action_of(const SignalActions& actions, int number) {
  if (number == SIGHUP) return actions.reload;
  if (number == SIGUSR1) return actions.report;
  return actions.end;
}

void on_signal(int number) {
  const int saved = errno;
  if (const SignalActions* actions = current.load()) action_of(*actions, number)();
  errno = saved;
}

}  // namespace

Signals::Signals(SignalActions actions) : actions_(std::move(actions)) {
  current = &actions_;
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
    if (action_of(actions_, number)) handle(number, on_signal);
  }
  handle(SIGPIPE, SIG_IGN);
}

Signals::~Signals() {
  while (count_ > 0) {
    const Saved& saved = saved_.at(--count_);
    ::sigaction(saved.number, &saved.action, nullptr);
  }
  current = nullptr;
}

void Signals::handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  Saved& saved = saved_.at(count_);
  saved.number = number;
  // Fails only for numbers that are not signals.
  if (::sigaction(number, &action, &saved.action) == 0) ++count_;
}

}  // namespace glancefs::fs
