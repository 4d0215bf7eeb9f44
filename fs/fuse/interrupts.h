// The requests that wait, and how waiting ends: by the caller's signal or with the session.
#pragma once

#include <cstdint>
#include <map>
#include <stop_token>

#include "base/mutex.h"

namespace glancefs::fs {

/// Knows every request that has left the thread which read it and is not answered yet. Thread-safe.
///
/// What libfuse gets to keep for its interrupt callback is a number, not an address: a callback
/// that comes while the request is being answered finds nothing and does nothing. So neither
/// answering nor interrupting has to wait for the other, and no lock order ties the two.
class Interrupts {
 public:
  using Ticket = std::uintptr_t;

  /// Takes in a request that `stop` ends.
  Ticket enter(std::stop_source stop);
  /// The request has been answered.
  void leave(Ticket ticket) noexcept;
  /// Requests the stop of `ticket`, if it still waits. Runs its stop_callbacks on this thread, with
  /// no lock of this class held.
  void interrupt(Ticket ticket) noexcept;
  /// Interrupts all and returns when the last one has been answered. Nobody enters any more.
  void end() noexcept;

 private:
  Mutex mutex_;
  Condition left_;
  Ticket last_ GUARDED_BY(mutex_) = 0;
  std::map<Ticket, std::stop_source> waiting_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
