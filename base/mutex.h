// Locks that clang's thread-safety analysis understands (clang-tidy runs it on every file, see
// .clang-tidy). std::mutex cannot serve: libstdc++ does not annotate it. With g++ the macros are
// empty.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define GLANCEFS_ATTRIBUTE(x) __attribute__((x))
#else
#define GLANCEFS_ATTRIBUTE(x)
#endif

#define GUARDED_BY(mutex) GLANCEFS_ATTRIBUTE(guarded_by(mutex))
#define REQUIRES(...) GLANCEFS_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) GLANCEFS_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace glancefs {

/// A mutex. Never recursive.
class GLANCEFS_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() GLANCEFS_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() GLANCEFS_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

/// Holds a Mutex for a scope; may be let go and taken again within it.
class GLANCEFS_ATTRIBUTE(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& mutex) GLANCEFS_ATTRIBUTE(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~Lock() GLANCEFS_ATTRIBUTE(release_capability()) {
    if (held_) mutex_.unlock();
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void unlock() GLANCEFS_ATTRIBUTE(release_capability()) {
    held_ = false;
    mutex_.unlock();
  }
  void lock() GLANCEFS_ATTRIBUTE(acquire_capability()) {
    mutex_.lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

/// A condition variable for a Mutex. Waits may end without reason: loop around them
/// (`while (!ready) changed.wait(mutex);`), so that the analysis sees the guarded reads.
class Condition {
 public:
  /// REQUIRES `mutex` held; holds it again on return.
  void wait(Mutex& mutex) REQUIRES(mutex) { condition_.wait(mutex); }
  /// As wait(), until `deadline` at the latest. False: the deadline has passed.
  bool wait_until(Mutex& mutex, std::chrono::steady_clock::time_point deadline) REQUIRES(mutex) {
    return condition_.wait_until(mutex, deadline) == std::cv_status::no_timeout;
  }
  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

 private:
  std::condition_variable_any condition_;
};

}  // namespace glancefs
