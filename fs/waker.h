// Waiting on a condition that also ends when a stop is requested.
#pragma once

#include <stop_token>

#include "base/mutex.h"

namespace glancefs::fs {

/// While it lives, a request of `stop` wakes whoever waits on `changed`; the loop around the wait
/// looks at the stop itself. REQUIRES `mutex` not held where it is made and destroyed: its callback
/// takes it. Both must outlive it.
class Waker {
 public:
  Waker(const std::stop_token& stop, Mutex& mutex, Condition& changed)
      : callback_(stop, Wake{&mutex, &changed}) {}

 private:
  struct Wake {
    Mutex* mutex;
    Condition* changed;
    void operator()() const {
      const Lock lock(*mutex);
      changed->notify_all();
    }
  };
  std::stop_callback<Wake> callback_;
};

}  // namespace glancefs::fs
