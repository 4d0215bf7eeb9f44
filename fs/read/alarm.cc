#include "fs/read/alarm.h"

#include <algorithm>
#include <utility>

namespace glancefs::fs {

Alarm::Alarm(std::function<Time()> look) : look_(std::move(look)), thread_([this] { run(); }) {}

Alarm::~Alarm() {
  {
    const Lock lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Alarm::wake_by(Time time) {
  const Lock lock(mutex_);
  if (time >= next_) return;
  next_ = time;
  changed_.notify_all();
}

void Alarm::run() {
  // What a wait can take; far enough away that waking once in vain does not matter.
  constexpr std::chrono::hours kLongest{1};
  Lock lock(mutex_);
  while (!ending_) {
    const Time now = std::chrono::steady_clock::now();
    if (next_ > now) {
      changed_.wait_until(mutex_, std::min(next_, now + kLongest));
      continue;
    }
    next_ = Time::max();
    lock.unlock();
    const Time next = look_();
    lock.lock();
    next_ = std::min(next_, next);
  }
}

}  // namespace glancefs::fs
