// How a mount ends on a signal: out of the directory tree at once, uploads first, the rest later.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>

#include "base/fd.h"

namespace glancefs::fs {

/// What ending consists of; thread-safe functions.
struct ShutdownSteps {
  using Time = std::chrono::steady_clock::time_point;
  std::function<void()> detach;  ///< nobody new comes in; open files go on
  /// Returns when all uploads are done, at `until`, or soon after the stop.
  std::function<void(Time until, const std::stop_token& stop)> finish_uploads;
  std::function<void()> exit;  ///< stop serving
};

/// The first signal() begins: detach, finish the uploads within `limit` while open files are still
/// served, exit. The second ends the waiting. Thread-safe.
class Shutdown {
 public:
  Shutdown(std::chrono::milliseconds limit, ShutdownSteps steps);
  /// Waits for what has begun.
  ~Shutdown();
  Shutdown(const Shutdown&) = delete;
  Shutdown& operator=(const Shutdown&) = delete;

  /// Async-signal-safe.
  void signal() noexcept;
  /// For when serving has ended, for whatever reason: finishes the uploads, unless that has been
  /// tried.
  void finish();

 private:
  void listen();
  void run_down();

  const std::chrono::milliseconds limit_;
  const ShutdownSteps steps_;
  const Fd signals_;  ///< an eventfd; a signal adds 1, the destructor more than any number of them
  std::stop_source hurry_;
  std::thread rundown_;
  std::thread listener_;  // last: begun when all above lives
};

}  // namespace glancefs::fs
