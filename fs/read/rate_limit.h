// So many bytes per second and no more.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

#include "base/mutex.h"

namespace glancefs::fs {

/// Shared by all who spend from it, in the order they come. Thread-safe.
class RateLimit {
 public:
  /// 0: no limit.
  explicit RateLimit(std::uint64_t bytes_per_second) : rate_(bytes_per_second) {}

  /// How much is best spent at once: a tenth of a second's worth, at least a KiB.
  std::uint64_t portion() const noexcept;

  /// Waits until `bytes` more may pass, or until `stop`. What a tenth of a second allows passes at
  /// once. True: it waited.
  bool spend(std::uint64_t bytes, const std::stop_token& stop);

 private:
  using Time = std::chrono::steady_clock::time_point;

  const std::uint64_t rate_;

  Mutex mutex_;
  Time paid_ GUARDED_BY(mutex_) = Time::min();  ///< up to when the rate has been used up
};

}  // namespace glancefs::fs
