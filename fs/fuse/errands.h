// What a signal asks the daemon to do beside its work.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace glancefs::fs {

/// A few tasks with a thread of their own, which does what it is asked to, one after the other.
class Errands {
 public:
  /// What they throw is logged as an error. They should return soon after the stop.
  using Task = std::function<void(const std::stop_token& stop)>;

  explicit Errands(std::vector<Task> tasks);
  /// Waits for the task that runs, after telling it to stop.
  ~Errands();
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  /// Has the task of that number done; asked for several times before it begins, it is done once.
  /// Async-signal-safe.
  void ask(std::size_t task) noexcept;

 private:
  struct Errand {
    Task task;
    std::atomic<bool> asked = false;
  };
  void work();
  void wake() noexcept;

  std::vector<std::unique_ptr<Errand>> errands_;
  const Fd wake_;  ///< an eventfd
  std::stop_source stop_;
  std::thread worker_;  // last: begun when all above lives
};

}  // namespace glancefs::fs
