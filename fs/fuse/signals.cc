#include "fs/fuse/signals.h"

#include <atomic>
#include <cerrno>
#include <utility>

#include "base/fd.h"

namespace glancefs::fs {
namespace {

std::atomic<const std::function<void()>*> current{nullptr};
static_assert(decltype(current)::is_always_lock_free, "it is read in a signal handler");

void on_exit_signal(int /*number*/) {
  const int saved = errno;
  if (const auto* call = current.load()) (*call)();
  errno = saved;
}

}  // namespace

ExitSignals::ExitSignals(std::function<void()> on_signal) : on_signal_(std::move(on_signal)) {
  current = &on_signal_;
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) handle(number, on_exit_signal);
  handle(SIGPIPE, SIG_IGN);
}

ExitSignals::~ExitSignals() {
  while (count_ > 0) {
    const Saved& saved = saved_.at(--count_);
    ::sigaction(saved.number, &saved.action, nullptr);
  }
  current = nullptr;
}

void ExitSignals::handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  Saved& saved = saved_.at(count_);
  saved.number = number;
  // Fails only for numbers that are not signals.
  if (::sigaction(number, &action, &saved.action) == 0) ++count_;
}

}  // namespace glancefs::fs
