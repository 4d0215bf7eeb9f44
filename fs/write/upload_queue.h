// Which uploads run now, which in a while: at most so many at once, in the order of their coming.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "fs/executor.h"

namespace glancefs::fs {

class Upload;

/// Thread-safe.
class UploadQueue {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using UploadPtr = std::shared_ptr<Upload>;

  /// At most `most` uploads at once. `send` is called for what is due, on a thread of the queue,
  /// and must not throw; it ends soon after whoever made it wants it to.
  UploadQueue(std::size_t most, std::function<void(const UploadPtr&)> send);
  ~UploadQueue();
  UploadQueue(const UploadQueue&) = delete;
  UploadQueue& operator=(const UploadQueue&) = delete;

  /// A place among those that upload, until it is destroyed.
  class Place {
   public:
    explicit Place(UploadQueue& queue) noexcept : queue_(&queue) {}
    Place(Place&& other) noexcept : queue_(std::exchange(other.queue_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (queue_ != nullptr) queue_->leave();
    }

   private:
    UploadQueue* queue_;
  };
  /// Waits for a place; whoever came first gets the first. Throws system_error(ECANCELED) after
  /// `stop`.
  Place enter(const std::stop_token& stop);

  /// Calls `send` for it after `delay`; a delay asked for before is replaced. `patient`: it is no
  /// upload, and drain() neither hurries nor awaits it.
  void later(const UploadPtr& upload, std::chrono::milliseconds delay, bool patient = false);
  void forget(const UploadPtr& upload);

  /// Sends what is due later at once, and what comes from now on; returns when nothing is left to
  /// send and no place is taken. False: `until` passed or `stop` was requested before.
  bool drain(Time until, const std::stop_token& stop);

  /// Begins nothing more, waits for the `send` calls that run, and answers the uploads that have
  /// not been sent.
  std::vector<UploadPtr> end();

 private:
  struct Due {
    Time time;
    bool patient;
  };
  void leave() noexcept;
  void work();
  void send(const UploadPtr& upload);
  bool idle() const REQUIRES(mutex_);

  const std::size_t most_;
  const std::function<void(const UploadPtr&)> send_;

  Mutex mutex_;
  Condition changed_;
  std::map<UploadPtr, Due> due_ GUARDED_BY(mutex_);
  std::list<std::uint64_t> waiting_ GUARDED_BY(mutex_);  ///< tickets, in the order of their coming
  std::uint64_t next_ticket_ GUARDED_BY(mutex_) = 0;
  std::size_t taken_ GUARDED_BY(mutex_) = 0;    ///< places
  std::size_t sending_ GUARDED_BY(mutex_) = 0;  ///< calls of send_ that have not ended
  bool hurried_ GUARDED_BY(mutex_) = false;
  bool ending_ GUARDED_BY(mutex_) = false;

  Executor senders_;
  std::thread worker_;  // last: begun when all above lives
};

}  // namespace glancefs::fs
