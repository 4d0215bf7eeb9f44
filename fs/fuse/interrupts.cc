#include "fs/fuse/interrupts.h"

#include <optional>
#include <utility>

namespace glancefs::fs {

Interrupts::Ticket Interrupts::enter(std::stop_source stop) {
  const Lock lock(mutex_);
  waiting_.emplace_hint(waiting_.end(), ++last_, std::move(stop));
  return last_;
}

void Interrupts::leave(Ticket ticket) noexcept {
  const Lock lock(mutex_);
  waiting_.erase(ticket);
  if (waiting_.empty()) left_.notify_all();
}

void Interrupts::interrupt(Ticket ticket) noexcept {
  std::optional<std::stop_source> stop;
  {
    const Lock lock(mutex_);
    const auto found = waiting_.find(ticket);
    if (found != waiting_.end()) stop = found->second;
  }
  if (stop) stop->request_stop();
}

void Interrupts::end() noexcept {
  // One at a time, in the order of tickets: a copy of all could fail for lack of memory.
  Ticket next = 0;
  Lock lock(mutex_);
  for (auto found = waiting_.upper_bound(next); found != waiting_.end();
       found = waiting_.upper_bound(next)) {
    next = found->first;
    std::stop_source stop = found->second;
    lock.unlock();
    stop.request_stop();
    lock.lock();
  }
  while (!waiting_.empty()) left_.wait(mutex_);
}

}  // namespace glancefs::fs
