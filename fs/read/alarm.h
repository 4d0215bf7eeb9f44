// A thread that looks after deadlines.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "base/mutex.h"

namespace glancefs::fs {

/// Calls a function at the time it last asked for, and earlier when it is woken. Thread-safe.
class Alarm {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `look` does what is due and answers when to call it again. It runs on the alarm's thread,
  /// without a lock held, and must not throw.
  explicit Alarm(std::function<Time()> look);
  /// Waits for a call that runs; then there are no more.
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// `look` is called soon.
  void wake() { wake_by(Time::min()); }
  /// `look` is called at `time` at the latest.
  void wake_by(Time time);

 private:
  void run();

  const std::function<Time()> look_;

  Mutex mutex_;
  Condition changed_;
  Time next_ GUARDED_BY(mutex_) = Time::max();
  bool ending_ GUARDED_BY(mutex_) = false;

  std::thread thread_;  // last: begun when all above lives
};

}  // namespace glancefs::fs
