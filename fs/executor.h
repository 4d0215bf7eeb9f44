// Threads for operations that may wait, so that those which read the kernel's requests never do.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace glancefs::fs {

/// Runs jobs on up to `most` threads, made when needed. Thread-safe. A job whose `stop` is
/// requested while it still queues is run at once on a thread kept for that: it is expected to see
/// its stop and end, so an interrupted caller never waits for others' transfers.
class Executor {
 public:
  explicit Executor(std::size_t most);
  /// Runs what is queued, then joins.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Returns at once. `work` must not throw. Any thread may call, also a job, but none once
  /// destruction has begun. Throws system_error(EAGAIN) when not even one thread can be had.
  void run(std::function<void()> work, std::stop_token stop);

 private:
  using StopCallback = std::stop_callback<std::function<void()>>;
  struct Job {
    std::function<void()> work;
    std::stop_token stop;
    std::unique_ptr<StopCallback> wake;
  };
  void work();
  void expedite();
  void add_thread() REQUIRES(mutex_);
  void look_for_interrupted() EXCLUDES(mutex_);
  /// Runs and destroys the one job in `taken`.
  static void perform(std::list<Job>& taken);

  // Constant after construction.
  const std::size_t most_;

  Mutex mutex_;
  Condition queued_, interrupted_;
  std::list<Job> jobs_ GUARDED_BY(mutex_);
  std::size_t idle_ GUARDED_BY(mutex_) = 0;
  bool ending_ GUARDED_BY(mutex_) = false;   ///< no more jobs will come
  bool drained_ GUARDED_BY(mutex_) = false;  ///< all jobs have run
  bool urgent_ GUARDED_BY(mutex_) = false;   ///< some queued job may have been interrupted
  std::vector<std::thread> threads_ GUARDED_BY(mutex_);
  std::thread expediter_;
};

}  // namespace glancefs::fs
