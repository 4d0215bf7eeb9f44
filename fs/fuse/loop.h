// The threads that read the kernel's requests.
#pragma once

#include <fuse_lowlevel.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/mutex.h"

namespace glancefs::fs {

/// Reads requests on a few threads and runs their operations there, which never wait for network.
///
/// Not libfuse's own loop, because that can be told to end only by a signal that happens to hit the
/// thread which started it (before libfuse 3.17), and ends its threads by pthread_cancel(), within
/// a custom reader of ours too. These are woken by a signal each and return.
class FuseLoop {
 public:
  /// REQUIRES `session` to outlive this.
  explicit FuseLoop(fuse_session* session);
  FuseLoop(const FuseLoop&) = delete;
  FuseLoop& operator=(const FuseLoop&) = delete;
  ~FuseLoop() = default;

  /// Serves until the file system is unmounted or request_exit() is called; no thread of it runs
  /// then. Throws system_error when the connection broke. Call it once.
  void run();
  /// Makes run() return, also one that has yet to be called. Thread-safe and async-signal-safe.
  void request_exit() noexcept;

 private:
  void work() noexcept;
  void wake_workers();

  // Constant after construction.
  fuse_session* const session_;
  const Fd ended_;  ///< an eventfd: written when the end is wanted or has come

  std::atomic<int> error_{0};  ///< errno of the reader that failed first

  Mutex mutex_;
  Condition left_;
  std::size_t working_ GUARDED_BY(mutex_) = 0;
  std::vector<std::thread> workers_;
};

}  // namespace glancefs::fs
