// Time, replaceable in tests.
#pragma once

#include <chrono>

namespace glancefs {

/// Tells the time. Thread-safe. Deadlines and ages are measured with steady(), which no change of
/// the system's date disturbs; wall() is only for comparing with times that servers wrote.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::chrono::steady_clock::time_point steady() const {
    return std::chrono::steady_clock::now();
  }
  virtual std::chrono::system_clock::time_point wall() const {
    return std::chrono::system_clock::now();
  }
};

}  // namespace glancefs
