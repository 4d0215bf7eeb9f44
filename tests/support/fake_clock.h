// A Clock that stands still until a test moves it.
#pragma once

#include <chrono>

#include "base/clock.h"
#include "base/mutex.h"

namespace glancefs::test {

/// Thread-safe. Begins at 2026-01-01 00:00:00 UTC.
class FakeClock : public Clock {
 public:
  std::chrono::steady_clock::time_point steady() const override {
    const Lock lock(mutex_);
    return std::chrono::steady_clock::time_point(std::chrono::hours(1000)) + passed_;
  }
  std::chrono::system_clock::time_point wall() const override {
    const Lock lock(mutex_);
    return std::chrono::sys_days(std::chrono::year(2026) / 1 / 1) + passed_;
  }
  void advance(std::chrono::milliseconds time) {
    const Lock lock(mutex_);
    passed_ += time;
  }

 private:
  mutable Mutex mutex_;
  std::chrono::milliseconds passed_ GUARDED_BY(mutex_){0};
};

}  // namespace glancefs::test
